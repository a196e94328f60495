/** The filters that all prune requests share: label, label! and until. PURE. */
import { parseTimeMs } from './query.ts'
import type { Filters } from '../../engine/services.ts'
import { InvalidRequestError } from '../../errors.ts'

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=')
  if (equals < 0) return wanted in labels
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1)
}

/** All of `label` and none of `label!`. Throws InvalidRequestError for a filter that prune does not know. */
export function pruneLabelsMatch(filters: Filters, labels: Readonly<Record<string, string>> | null): boolean {
  for (const name of Object.keys(filters))
    if (!['label', 'label!', 'until', 'dangling'].includes(name))
      throw new InvalidRequestError(`invalid filter "${name}"`)
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
