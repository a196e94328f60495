/**
 * How large the cache becomes by itself: it may fill the disk up to where space becomes scarce, then the least used goes until
 * it is small; what nobody used for two months goes anyway. Source: BuildKit's default garbage collection policy.
 */
import { listCache, pruneCache, type CacheContext } from './prune.ts'

/** Of the disk: below this much free space is scarce. */
const SCARCE_PART = 0.2
/** Of the disk: what the cache keeps even then. */
const KEPT_PART = 0.1
const MIN_KEPT_BYTES = 2 * 2 ** 30
const MAX_UNUSED_HOURS = 60 * 24

export interface DiskFacts {
  readonly totalBytes: number
  readonly freeBytes: number
  readonly cacheBytes: number
}

/** PURE. To what size the cache is to shrink; undefined: it may stay. */
export function shrinkTo({ totalBytes, freeBytes, cacheBytes }: DiskFacts): number | undefined {
  const missing = totalBytes * SCARCE_PART - freeBytes
  if (missing <= 0) return undefined
  const keptBytes = Math.max(MIN_KEPT_BYTES, totalBytes * KEPT_PART)
  return cacheBytes <= keptBytes ? undefined : Math.max(keptBytes, cacheBytes - missing)
}

/** Called after builds. Cheap as long as the disk has room: sizes are added up only when it has not. */
export async function enforceLimits(context: CacheContext): Promise<void> {
  const { host, config } = context.base
  const { bavail, blocks, bsize } = await host.files.statfs(config.paths.root)
  const disk = { totalBytes: blocks * bsize, freeBytes: bavail * bsize }
  if (shrinkTo({ ...disk, cacheBytes: Infinity }) === undefined) return
  const records = await listCache(context)
  const cacheBytes = records.reduce((total, { Shared: isShared, Size: size }) => total + (isShared ? 0 : size), 0)
  const keepBytes = shrinkTo({ ...disk, cacheBytes })
  if (keepBytes !== undefined) await pruneCache(context, { all: false, filters: {}, keepBytes })
}

/** What nobody used for two months; called once a day. */
export async function dropUnused(context: CacheContext): Promise<void> {
  await pruneCache(context, { all: false, filters: { until: [`${MAX_UNUSED_HOURS}h`] }, keepBytes: undefined })
}
