/** The filters that all prune requests share: label, label! and until. PURE. */
import { checkFilterNames, hasLabel, parseTimeMs } from '../filters.ts'
import type { Filters } from '../../engine/services/index.ts'

/** All of `label` and none of `label!`. Throws InvalidRequestError for a filter that prune does not know. */
export function pruneLabelsMatch(filters: Filters, labels: Readonly<Record<string, string>> | null): boolean {
  checkFilterNames(filters, ['label', 'label!', 'until', 'dangling'])
  const present = labels ?? {}
  return (
    (filters['label'] ?? []).every((wanted) => hasLabel(present, wanted)) &&
    !(filters['label!'] ?? []).some((unwanted) => hasLabel(present, unwanted))
  )
}

/** What was made before this point may go; without `until` that is everything. */
export function untilOf(filters: Filters, nowMs: number): number {
  const [until] = filters['until'] ?? []
  return until === undefined ? Number.POSITIVE_INFINITY : parseTimeMs(until, nowMs)
}
