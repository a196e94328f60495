/**
 * PURE: a seccomp profile (the builtin one, or a user's in Docker's format) flattened for one container: rules for
 * other machines, kernels and capabilities fall away and what is left is `linux.seccomp` of the OCI spec.
 * Source: moby/profiles seccomp format; runtime-spec config-linux.md.
 */
import { InvalidRequestError } from '../../../errors.ts'
import type { SeccompArgument, SeccompFilter, SeccompRule } from '../../../host/seccomp.ts'
import { DEFAULT_PROFILE } from './seccomp-profile.ts'

interface RuleScope {
  readonly caps?: readonly string[]
  readonly arches?: readonly string[]
  /** "4.8" */
  readonly minKernel?: string
}

export interface ProfileRule {
  readonly names?: readonly string[]
  readonly name?: string
  readonly action: string
  readonly errnoRet?: number
  readonly args?: readonly SeccompArgument[] | null
  readonly includes?: RuleScope
  readonly excludes?: RuleScope
}

export interface SeccompProfile {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly syscalls: readonly ProfileRule[]
}

export interface SeccompScope {
  readonly capabilities: readonly string[]
  /** Node's process.arch. */
  readonly arch: string
  /** "6.1.0-18-amd64" */
  readonly kernelRelease: string
}

/** Go's name of the machine and its seccomp architectures: the native one, then those whose binaries it runs. */
const ARCHES: Readonly<Record<string, { readonly name: string; readonly tokens: readonly string[] }>> = {
  x64: { name: 'amd64', tokens: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
  arm64: { name: 'arm64', tokens: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'] },
  riscv64: { name: 'riscv64', tokens: ['SCMP_ARCH_RISCV64'] },
  ppc64: { name: 'ppc64le', tokens: ['SCMP_ARCH_PPC64LE'] },
  s390x: { name: 's390x', tokens: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'] },
}

function isKernelAtLeast(release: string, wanted: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}

function applies({ includes, excludes }: ProfileRule, scope: SeccompScope, arch: string): boolean {
  const has = (cap: string): boolean => scope.capabilities.includes(cap)
  if (excludes?.caps?.some(has) === true || excludes?.arches?.includes(arch) === true) return false
  if (excludes?.minKernel !== undefined && isKernelAtLeast(scope.kernelRelease, excludes.minKernel)) return false
  if (includes?.caps !== undefined && !includes.caps.every(has)) return false
  if (includes?.arches !== undefined && includes.arches.length > 0 && !includes.arches.includes(arch)) return false
  return includes?.minKernel === undefined || isKernelAtLeast(scope.kernelRelease, includes.minKernel)
}

function toFilterRule({ names, name, action, errnoRet, args }: ProfileRule): SeccompRule {
  return {
    names: names ?? (name === undefined ? [] : [name]),
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args === undefined || args === null || args.length === 0 ? {} : { args }),
  }
}

/** Throws InvalidRequestError on machines whose names we do not know: no filter is no answer. */
export function flattenProfile(profile: SeccompProfile, scope: SeccompScope): SeccompFilter {
  const arch = ARCHES[scope.arch]
  if (arch === undefined) throw new InvalidRequestError(`no seccomp architecture known for ${scope.arch}`)
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: arch.tokens,
    syscalls: profile.syscalls.filter((rule) => applies(rule, scope, arch.name)).map(toFilterRule),
  }
}

/** A user's profile, as the docker CLI sends it inline. Throws InvalidRequestError. */
export function parseProfile(json: string): SeccompProfile {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new InvalidRequestError('decoding seccomp profile failed: it is no JSON', { cause })
  }
  const { defaultAction, syscalls } = (value ?? {}) as { defaultAction?: unknown; syscalls?: unknown }
  if (typeof defaultAction !== 'string') throw new InvalidRequestError('seccomp profile has no defaultAction')
  return { ...(value as SeccompProfile), syscalls: Array.isArray(syscalls) ? (syscalls as ProfileRule[]) : [] }
}

export { DEFAULT_PROFILE }
