/**
 * Arguments before the first FROM, those that the builder sets by itself, and those that it takes without being declared.
 * PURE. Source: Dockerfile reference, "Predefined ARGs", "Automatic platform ARGs in the global scope", "Scope".
 */
import type { Dockerfile } from '../dockerfile/ast.ts'
import type { Expander } from './expander.ts'
import type { Platform } from './stage-state.ts'

export type Arguments = ReadonlyMap<string, string>

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY']

/** Known to the builder: never told as unused. */
const BUILT_IN = new Set([
  'BUILDKIT_BUILD_NAME',
  'BUILDKIT_CACHE_MOUNT_NS',
  'BUILDKIT_CONTEXT_KEEP_GIT_DIR',
  'BUILDKIT_DOCKERFILE_CHECK',
  'BUILDKIT_INLINE_CACHE',
  'BUILDKIT_MULTI_PLATFORM',
  'BUILDKIT_SANDBOX_HOSTNAME',
  'BUILDKIT_SBOM_SCAN_CONTEXT',
  'BUILDKIT_SBOM_SCAN_STAGE',
  'BUILDKIT_SYNTAX',
  'SOURCE_DATE_EPOCH',
])

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

/** TARGETPLATFORM and the like; `stage`: the target's name. An argument of the request of that name counts more. */
export function automaticArgs(
  platforms: { readonly build: Platform; readonly target: Platform },
  stage: string,
  given: Readonly<Record<string, string>>,
): Arguments {
  const of = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ]
  const all: [string, string][] = [
    ...of('BUILD', platforms.build),
    ...of('TARGET', platforms.target),
    ['TARGETSTAGE', stage === '' ? 'default' : stage],
  ]
  return new Map(all.map(([name, value]) => [name, given[name] ?? value]))
}

/** What FROM lines see, and what an ARG without a value takes in a stage. */
export function globalArgs(
  dockerfile: Dockerfile,
  automatic: Arguments,
  given: Readonly<Record<string, string>>,
  expander: Expander,
): Arguments {
  const args = new Map(automatic)
  for (const { pairs } of dockerfile.globalArgs)
    for (const { key, value } of pairs) {
      const name = expander.word(key, args)
      const result = given[name] ?? (value === undefined ? undefined : expander.word(value, args))
      if (result !== undefined) args.set(name, result)
    }
  return args
}

const isProxy = (name: string): boolean => PROXIES.includes(name.toUpperCase())

/** "K=V" of proxies that were given, in both spellings: for the process, not for the key and the history. */
export function proxyVariables(given: Readonly<Record<string, string>>): readonly string[] {
  const found = new Map(
    Object.entries(given)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .filter(([name, value]) => isProxy(name) && value !== '')
      .map(([name, value]) => [name.toUpperCase(), value]),
  )
  return PROXIES.flatMap((name) => {
    const value = found.get(name)
    return value === undefined ? [] : [`${name}=${value}`, `${name.toLowerCase()}=${value}`]
  })
}

/** Names of the request's arguments that nothing took, sorted. */
export function unusedArgs(given: Readonly<Record<string, string>>, declared: ReadonlySet<string>): readonly string[] {
  return Object.keys(given)
    .filter((name) => !declared.has(name) && !BUILT_IN.has(name) && !isProxy(name))
    .toSorted()
}
