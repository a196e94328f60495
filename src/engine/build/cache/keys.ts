/**
 * Keys of the cache: a step's definition, the content that it stands on and the content that it reads, hashed. Names, places,
 * values of secrets and proxies have no part in it. PURE. Source: shared/reference/engine.md section 4, "Cache key".
 */
import { digestOf } from '../../layers/chain.ts'
import type { CopySource, Origin, RunMount, Work } from '../plan.ts'

/** Changes when what a step does to files changes: all records of before are none then. */
const KEY_VERSION = 2

/** Files that a step reads from elsewhere. */
export interface Reading {
  readonly from: Origin
  readonly pattern: string
  readonly parents: boolean
  readonly excludes: readonly string[]
}

export type RemoteSource = Extract<CopySource, { readonly kind: 'http' | 'git' }>

export type Input =
  | { readonly kind: 'files'; readonly reading: Reading }
  | { readonly kind: 'remote'; readonly source: RemoteSource }

function inputOfMount(mount: RunMount): Input[] {
  if (mount.kind !== 'bind' && mount.kind !== 'cache') return []
  if (mount.from === undefined) return []
  return [{ kind: 'files', reading: { from: mount.from, pattern: mount.source, parents: false, excludes: [] } }]
}

/** All that a step reads besides its base, in the order of its definition. */
export function inputsOf(work: Work): readonly Input[] {
  switch (work.kind) {
    case 'run':
      return work.mounts.flatMap(inputOfMount)
    case 'copy': {
      const { parents, excludes } = work
      return work.sources.flatMap((source): Input[] => {
        if (source.kind === 'text') return []
        if (source.kind !== 'path') return [{ kind: 'remote', source }]
        return [{ kind: 'files', reading: { from: source.from, pattern: source.pattern, parents, excludes } }]
      })
    }
    case 'scratch':
    case 'image':
    case 'mkdir':
      return []
    default:
      return work satisfies never
  }
}

/** Keys sorted at every depth, undefined left out. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => canonical(item))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, canonical(inner)]),
  )
}

function without(object: object, ...keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))
}

/** What the step is, without where its input lies: that is said by its content. */
function definitionOf(work: Work): object {
  switch (work.kind) {
    case 'run':
      return {
        ...without(work, 'commandText', 'hiddenEnv'),
        env: work.env.toSorted(),
        mounts: work.mounts.map((mount) => without(mount, 'from')),
      }
    case 'copy':
      return { ...work, sources: work.sources.map((source) => without(source, 'from')) }
    case 'scratch':
    case 'image':
      return {}
    case 'mkdir':
      return work
    default:
      return work satisfies never
  }
}

/** `COPY --link` never looks at what is below, unless a name of --chown is to be found there. */
export function isIndependent(work: Work): boolean {
  return work.kind === 'copy' && work.link && (work.chown === undefined || /^\d+(:\d+)?$/.test(work.chown))
}

/**
 * @param below chain id of the state below; undefined: nothing
 * @param contents one for each of inputsOf(work)
 */
export function operationKey(work: Work, below: string | undefined, contents: readonly string[]): string {
  const parts = {
    version: KEY_VERSION,
    below: isIndependent(work) ? null : (below ?? ''),
    definition: definitionOf(work),
    contents,
  }
  return digestOf(JSON.stringify(canonical(parts)))
}

/** Of what is read from a stack of layers, whose content never changes. */
export function checksumKey(chainId: string, { pattern, parents, excludes }: Omit<Reading, 'from'>): string {
  return digestOf(JSON.stringify([KEY_VERSION, chainId, pattern, parents, excludes]))
}
