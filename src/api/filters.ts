/**
 * What the filters of all kinds of things have in common: labels, truth values, times, and how they are joined. PURE.
 * Source: Docker Engine API v1.51 (the lists and prunes), moby api/types/filters.
 */
import { InvalidRequestError } from '../errors.ts'
import { parseDurationNs } from '../units.ts'
import type { Filters } from '../engine/services/index.ts'

export const isTrue = (value: string): boolean => /^(1|true)$/i.test(value)

/** @example hasLabel(labels, "key"), hasLabel(labels, "key=value") */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=')
  if (equals < 0) return Object.hasOwn(labels, wanted)
  const key = wanted.slice(0, equals)
  return Object.hasOwn(labels, key) && labels[key] === wanted.slice(equals + 1)
}

/** Unix milliseconds of a duration back from now ("24h"), Unix seconds, or RFC 3339. Throws InvalidRequestError. */
export function parseTimeMs(text: string, nowMs: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const duration = parseDurationNs(text)
  if (duration !== undefined) return nowMs - duration / 1e6
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new InvalidRequestError(`invalid time "${text}"`)
  return time
}

/** Throws InvalidRequestError for a filter that is not one of `known`. */
export function checkFilterNames(filters: Filters, known: Iterable<string>): void {
  const names = new Set(known)
  for (const name of Object.keys(filters))
    if (!names.has(name)) throw new InvalidRequestError(`invalid filter '${name}'`)
}

/** Tells whether one value of a filter holds for the thing that is asked about. */
export type FilterTest = (value: string) => boolean

/**
 * Every filter must hold; its values are alternatives, but for labels, which must all hold. Throws InvalidRequestError
 * for a filter without a test.
 */
export function matchesFilters(filters: Filters, tests: Readonly<Record<string, FilterTest>>): boolean {
  checkFilterNames(filters, Object.keys(tests))
  return Object.entries(filters).every(([name, values]) => {
    const holds: FilterTest = (value) => tests[name]?.(value) ?? false
    return values.length === 0 || (name.startsWith('label') ? values.every(holds) : values.some(holds))
  })
}
