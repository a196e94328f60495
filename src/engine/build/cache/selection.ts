/** Which records of the cache go: those that filters name, least used first, until the rest is small enough. PURE. */
import { matchesFilters, parseTimeMs, type FilterTest } from '../../../api/filters.ts'
import type { BuildCacheRecord } from '../../../api/types/build.ts'
import type { Filters } from '../../services/index.ts'

/** A record as it is shown, with what it is chosen by. */
export interface CacheItem {
  readonly record: BuildCacheRecord
  readonly usedAtMs: number
}

function testsFor({ record, usedAtMs }: CacheItem, nowMs: number): Readonly<Record<string, FilterTest>> {
  const isSaid = (value: string, fact: boolean): boolean => /^(1|true)$/i.test(value) === fact
  const isOlder: FilterTest = (value) => usedAtMs < parseTimeMs(value, nowMs)
  return {
    id: (value) => record.ID.startsWith(value),
    type: (value) => record.Type === value,
    description: (value) => record.Description.includes(value),
    inuse: (value) => isSaid(value, record.InUse),
    shared: (value) => isSaid(value, record.Shared),
    private: (value) => isSaid(value, !record.Shared),
    until: isOlder,
    'unused-for': isOlder,
  }
}

export interface PruneWish {
  /** Also what images stand on. */
  readonly all: boolean
  readonly filters: Filters
  /** Enough when no more than this is left. */
  readonly keepBytes: number | undefined
  readonly nowMs: number
}

/** Bytes that the cache alone holds: what images stand on too is theirs. */
function ownBytes(items: readonly CacheItem[]): number {
  return items.reduce((total, { record }) => total + (record.Shared ? 0 : record.Size), 0)
}

/** Least recently used first. Throws InvalidRequestError for a filter that it does not know. */
export function selectForPrune(
  items: readonly CacheItem[],
  { all, filters, keepBytes, nowMs }: PruneWish,
): CacheItem[] {
  const doomed = items
    .filter((item) => matchesFilters(filters, testsFor(item, nowMs)))
    .filter(({ record }) => !record.InUse && (all || !record.Shared))
    .toSorted((a, b) => a.usedAtMs - b.usedAtMs)
  if (keepBytes === undefined) return doomed
  let left = ownBytes(items)
  return doomed.filter(({ record }) => {
    if (left <= keepBytes) return false
    left -= record.Shared ? 0 : record.Size
    return true
  })
}
