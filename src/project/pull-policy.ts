/**
 * When the image of a service is fetched from its registry. Pure. Source: Compose Specification, `pull_policy`; what
 * `up` and `pull` make of it is docker compose's behaviour.
 */
import type { Service } from '../compose/model.ts'

export type PullPolicy =
  | { readonly kind: 'always' | 'build' | 'missing' | 'never' }
  /** Again once the image here is older than this. */
  | { readonly kind: 'refresh'; readonly everyMs: number }

const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 }

/**
 * `override`: of the command line. An image that is built is not looked for in a registry unless the file says so.
 * @example pullPolicyOf({ pullPolicy: "every_1d12h" }) is { kind: "refresh", everyMs: 129600000 }
 */
export function pullPolicyOf(
  { pullPolicy, build }: Pick<Service, 'build' | 'pullPolicy'>,
  override?: string,
): PullPolicy {
  const text = override ?? pullPolicy ?? (build === undefined ? 'missing' : 'build')
  if (text === 'always' || text === 'never' || text === 'build') return { kind: text }
  if (text === 'daily') return { kind: 'refresh', everyMs: UNIT_MS['d'] ?? 0 }
  if (text === 'weekly') return { kind: 'refresh', everyMs: UNIT_MS['w'] ?? 0 }
  const parts = [...(/^every_((?:\d+[wdhms])+)$/.exec(text)?.[1] ?? '').matchAll(/(\d+)([wdhms])/g)]
  if (parts.length === 0) return { kind: 'missing' } // and "if_not_present"; the schema knows no others
  return {
    kind: 'refresh',
    everyMs: parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0),
  }
}

/** Of an image that is here. */
export interface PresentImage {
  /** RFC 3339: when the name was last given to it, by a pull or by hand. */
  readonly taggedAt: string
  readonly platform: string
}

/** `present`: undefined when the name means nothing here. For `up`, `create` and `run`. */
export function mustPull(policy: PullPolicy, present: PresentImage | undefined, nowMs: number): boolean {
  const { kind } = policy
  if (kind === 'always') return true
  if (kind === 'build' || kind === 'never') return false
  if (present === undefined) return true
  // a date that cannot be read is as good as none
  return kind === 'refresh' && !(nowMs - Date.parse(present.taggedAt) < policy.everyMs)
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
}

/** True when an image for `has` ("linux/arm64/v8") is what `wanted` ("linux/aarch64", "arm64") asks for. */
export function isForPlatform(has: string, wanted: string): boolean {
  const parse = (text: string): readonly [string, string, string] => {
    const parts = text.toLowerCase().split('/')
    const [os = '', architecture = '', variant = ''] = parts.length === 1 ? ['linux', ...parts] : parts
    const known = ARCHITECTURES[architecture] ?? architecture
    return [os, known, known === 'arm64' && variant === 'v8' ? '' : variant]
  }
  const [os, architecture, variant] = parse(has)
  const [wantedOs, wantedArchitecture, wantedVariant] = parse(wanted)
  const isVariant = variant === wantedVariant || variant === '' || wantedVariant === ''
  return os === wantedOs && architecture === wantedArchitecture && isVariant
}
