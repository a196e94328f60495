/**
 * How large the cache becomes by itself: it may fill the disk up to where space becomes scarce, then the least used goes until
 * it is small; what nobody used for two months goes anyway. Other limits stand in limits.json of the engine's root, else of
 * /etc/mycompose: {"buildCache": {"maxUsedBytes": 20000000000, "maxUnusedHours": 168}}.
 * Source: BuildKit's default garbage collection policy, buildkitd.toml (maxUsedSpace, reservedSpace, minFreeSpace,
 * keepDuration).
 */
import { join } from 'node:path'
import { MycomposeError } from '../../../errors.ts'
import type { Host } from '../../../host/host.ts'
import { listCache, pruneCache, type CacheContext } from './prune.ts'

/** Of the disk: below this much free space is scarce. */
const SCARCE_PART = 0.2
/** Of the disk: what the cache keeps even then. */
const KEPT_PART = 0.1
const MIN_KEPT_BYTES = 2 * 2 ** 30
const MAX_UNUSED_HOURS = 60 * 24

/** What is absent is as it is by itself. */
export interface CacheLimits {
  /** It never stays larger. */
  readonly maxUsedBytes?: number
  /** What it keeps however scarce space is; a tenth of the disk, 2 GiB at least. */
  readonly reservedBytes?: number
  /** So much of the disk is to be free; a fifth. */
  readonly minFreeBytes?: number
  /** What was not used for so long goes; 1440. */
  readonly maxUnusedHours?: number
}

const NAMES: readonly string[] = ['maxUsedBytes', 'reservedBytes', 'minFreeBytes', 'maxUnusedHours']

/** PURE. `file` is for messages. Throws LIMITS_SETTINGS. */
export function parseCacheLimits(text: string, file: string): CacheLimits {
  const bad = (what: string): MycomposeError =>
    new MycomposeError(`${file}: ${what}`, {
      code: 'LIMITS_SETTINGS',
      hint: `its form is {"buildCache": {"maxUsedBytes": 20000000000}}; names: ${NAMES.join(', ')}`,
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw bad(`it is no JSON: ${cause instanceof Error ? cause.message : ''}`)
  }
  const limits = (value as { readonly buildCache?: unknown } | null)?.buildCache ?? {}
  if (typeof limits !== 'object' || Array.isArray(limits)) throw bad('"buildCache" is no object')
  for (const [name, limit] of Object.entries(limits)) {
    if (!NAMES.includes(name)) throw bad(`unknown limit ${JSON.stringify(name)} of the build cache`)
    if (!Number.isSafeInteger(limit) || (limit as number) < 0)
      throw bad(`the limit ${name} is ${JSON.stringify(limit)}, no whole number`)
  }
  return limits
}

/** Read anew each time, so that a change needs no restart. */
async function readCacheLimits({ files }: Pick<Host, 'files'>, root: string): Promise<CacheLimits> {
  for (const file of [join(root, 'limits.json'), '/etc/mycompose/limits.json']) {
    const text = await files.readTextIfExists(file)
    if (text !== undefined) return parseCacheLimits(text, file)
  }
  return {}
}

export interface DiskFacts {
  readonly totalBytes: number
  readonly freeBytes: number
  readonly cacheBytes: number
}

/** PURE. To what size the cache is to shrink; undefined: it may stay. */
export function shrinkTo(
  { totalBytes, freeBytes, cacheBytes }: DiskFacts,
  { maxUsedBytes = Infinity, reservedBytes, minFreeBytes }: CacheLimits = {},
): number | undefined {
  const missing = (minFreeBytes ?? totalBytes * SCARCE_PART) - freeBytes
  const reserved = reservedBytes ?? Math.max(MIN_KEPT_BYTES, totalBytes * KEPT_PART)
  const isScarce = missing > 0
  if (cacheBytes <= Math.min(isScarce ? reserved : Infinity, maxUsedBytes)) return undefined
  return Math.min(isScarce ? Math.max(reserved, cacheBytes - missing) : Infinity, maxUsedBytes)
}

/** Called after builds. Cheap as long as the disk has room: sizes are added up only when it has not, or there is a limit. */
export async function enforceLimits(context: CacheContext): Promise<void> {
  const { host, config } = context.base
  const limits = await readCacheLimits(host, config.paths.root)
  const { bavail, blocks, bsize } = await host.files.statfs(config.paths.root)
  const disk = { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
  if (shrinkTo({ ...disk, cacheBytes: Infinity }, limits) === undefined) return
  const records = await listCache(context)
  const cacheBytes = records.reduce((total, { Shared: isShared, Size: size }) => total + (isShared ? 0 : size), 0)
  const keepBytes = shrinkTo({ ...disk, cacheBytes }, limits)
  if (keepBytes !== undefined) await pruneCache(context, { all: false, filters: {}, keepBytes })
}

/** What nobody used for two months, or as long as it is set; called once a day. */
export async function dropUnused(context: CacheContext): Promise<void> {
  const { host, config } = context.base
  const { maxUnusedHours = MAX_UNUSED_HOURS } = await readCacheLimits(host, config.paths.root)
  await pruneCache(context, { all: false, filters: { until: [`${maxUnusedHours}h`] }, keepBytes: undefined })
}
