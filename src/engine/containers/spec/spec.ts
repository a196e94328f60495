/**
 * PURE: everything known about a container, as the OCI config.json that the runtime gets. Each concern has its file
 * here. Image labels never become annotations of the spec, and users' only when no runtime takes orders from them
 * (CVE-2026-53488). Source: OCI runtime-spec config.md.
 */
import type { HostConfig } from '../../../api/types/index.ts'
import type { SeccompFilter } from '../../../host/seccomp.ts'
import type { OciResources } from '../../cgroups/limits.ts'
import { toOciCapabilities } from './capabilities.ts'
import type { CdiEdits } from '../cdi.ts'
import { toCdiHooks, toCdiMounts } from './cdi-edits.ts'
import { toDeviceRules, toDevices, type GrantedDevice } from './devices.ts'
import { toEnv } from './environment.ts'
import { toPathProtection } from './masked-paths.ts'
import { toMounts, toRootfsPropagation, type MountInput } from './mounts.ts'
import type { OciNamespace, OciProcess, OciSpec } from './oci.ts'
import type { Rlimit } from './rlimits.ts'
import { toSysctls } from './sysctls.ts'

export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  readonly additionalGids: readonly number[]
  readonly home: string
}

/** Where a namespace comes from. */
export type NamespaceSource =
  | { readonly kind: 'private' }
  | { readonly kind: 'host' }
  | { readonly kind: 'path'; readonly path: string }

export type SeccompChoice =
  | { readonly kind: 'unconfined' }
  /** Compiled: base64 for crun's annotation. */
  | { readonly kind: 'program'; readonly base64: string }
  | { readonly kind: 'list'; readonly filter: SeccompFilter }

export interface SpecInput extends Omit<MountInput, 'readonlyRootfs' | 'privileged'> {
  readonly rootfs: string
  readonly hostname: string
  /** The process gets it as HOSTNAME; default true. */
  readonly exportsHostname?: boolean
  readonly domainname: string
  /** Entrypoint and command. */
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly workingDir: string
  readonly tty: boolean
  readonly user: ResolvedUser
  readonly hostConfig: HostConfig
  readonly capabilities: readonly string[]
  readonly rlimits: readonly Rlimit[]
  readonly noNewPrivileges: boolean
  readonly unconfinedSystemPaths: boolean
  readonly devices: readonly GrantedDevice[]
  readonly namespaces: Readonly<Record<'network' | 'pid' | 'ipc' | 'uts' | 'cgroup', NamespaceSource>>
  readonly cgroupsPath: string
  readonly resources: OciResources
  readonly seccomp: SeccompChoice
  readonly thermalThrottle: readonly string[]
  /** Users' annotations that are let through. */
  readonly annotations: Readonly<Record<string, string>>
  readonly apparmorProfile: string | undefined
  /** Of devices by name. Their nodes are among `devices`, their variables in `env`. */
  readonly cdi: readonly CdiEdits[]
}

const BPF_ANNOTATION = 'run.oci.seccomp_bpf_data'
const INIT_TARGET = '/sbin/docker-init'

function toNamespaces(namespaces: SpecInput['namespaces']): OciNamespace[] {
  const types = ['network', 'uts', 'ipc', 'pid', 'cgroup'] as const
  return [
    { type: 'mount' },
    ...types.flatMap((type): OciNamespace[] => {
      const source = namespaces[type]
      if (source.kind === 'host') return []
      return [source.kind === 'path' ? { type, path: source.path } : { type }]
    }),
  ]
}

/** Rows, columns; what is no size is left to the kernel (0 x 0), as in Docker. */
function toConsoleSize(size: HostConfig['ConsoleSize']): Pick<OciProcess, 'consoleSize'> {
  const [height = 0, width = 0] = Array.isArray(size) ? size : []
  const isSize = (value: unknown): boolean => Number.isInteger(value) && Number(value) > 0 && Number(value) <= 0xffff
  return isSize(height) && isSize(width) ? { consoleSize: { height, width } } : {}
}

function toProcess(input: SpecInput): OciProcess {
  const { user, tty, hostConfig, rlimits } = input
  return {
    terminal: tty,
    ...(tty ? toConsoleSize(hostConfig.ConsoleSize) : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: input.initPath === undefined ? input.args : [INIT_TARGET, '--', ...input.args],
    env: toEnv({
      env: input.env,
      hostname: input.exportsHostname === false ? undefined : input.hostname,
      tty,
      home: user.home,
    }),
    cwd: input.workingDir,
    capabilities: toOciCapabilities(input.capabilities),
    ...(rlimits.length === 0 ? {} : { rlimits }),
    noNewPrivileges: input.noNewPrivileges,
    ...(input.apparmorProfile === undefined ? {} : { apparmorProfile: input.apparmorProfile }),
    ...(hostConfig.OomScoreAdj === undefined || hostConfig.OomScoreAdj === 0
      ? {}
      : { oomScoreAdj: hostConfig.OomScoreAdj }),
  }
}

/** Throws InvalidRequestError (sysctls, device rules). */
export function toOciSpec(input: SpecInput): OciSpec {
  const { hostConfig, namespaces, seccomp } = input
  const privileged = hostConfig.Privileged ?? false
  const readonlyRootfs = hostConfig.ReadonlyRootfs ?? false
  const propagation = toRootfsPropagation(input.mounts)
  const hooks = toCdiHooks(input.cdi)
  const annotations = {
    ...input.annotations,
    ...(seccomp.kind === 'program' ? { [BPF_ANNOTATION]: seccomp.base64 } : {}),
  }
  return {
    ociVersion: '1.0.2',
    process: toProcess(input),
    root: { path: input.rootfs, readonly: readonlyRootfs },
    ...(namespaces.uts.kind === 'private' ? { hostname: input.hostname } : {}),
    mounts: [...toMounts({ ...input, readonlyRootfs, privileged }), ...toCdiMounts(input.cdi)],
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(hooks === undefined ? {} : { hooks }),
    linux: {
      cgroupsPath: input.cgroupsPath,
      namespaces: toNamespaces(namespaces),
      devices: toDevices(input.devices),
      resources: {
        devices: toDeviceRules(input.devices, hostConfig.DeviceCgroupRules ?? [], privileged),
        ...input.resources,
      },
      sysctl: toSysctls({
        sysctls: hostConfig.Sysctls ?? {},
        privateNetwork: namespaces.network.kind === 'path' && input.etcFiles !== undefined,
        privateIpc: namespaces.ipc.kind === 'private',
        privateUts: namespaces.uts.kind === 'private',
        domainname: input.domainname,
      }),
      ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
      ...toPathProtection(privileged || input.unconfinedSystemPaths, input.thermalThrottle),
      ...(seccomp.kind === 'list' ? { seccomp: seccomp.filter } : {}),
    },
  }
}

/** RLIM_INFINITY as the runtimes read it: beyond what a JavaScript number holds. */
const UNLIMITED = '18446744073709551615'
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }

/** The text of config.json or of a process file. Infinity (a limit) becomes RLIM_INFINITY. */
export function formatOci(value: OciSpec | OciProcess): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    field === Number.POSITIVE_INFINITY ? rawJson(UNLIMITED) : field,
  )
}
