/**
 * Query parameters as the Docker API reads them. Source: moby daemon/server/httputils (the rules, as documented), API
 * text on `filters`. PURE.
 */
import type { Filters } from '../../engine/services/index.ts'
import { InvalidRequestError } from '../../errors.ts'

export interface Query {
  /** Undefined when absent or empty. */
  text(name: string): string | undefined
  /** All values of a repeated parameter. */
  list(name: string): string[]
  /** Absent, "", "0", "no", "false" and "none" are false, all else is true. */
  flag(name: string): boolean
  /** A whole number, undefined when absent. Throws InvalidRequestError. */
  integer(name: string): number | undefined
  /** The `filters` parameter. Throws InvalidRequestError. */
  filters(): Filters
}

/** Reads both forms: {"label":{"a=b":true}} and the older {"label":["a=b"]}. */
export function parseFilters(text: string): Filters {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new InvalidRequestError('invalid filters: not JSON', { cause })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new InvalidRequestError('invalid filters: not an object')
  const filters: Record<string, string[]> = {}
  for (const [name, values] of Object.entries(parsed as Record<string, unknown>)) {
    if (Array.isArray(values)) filters[name] = values.map(String)
    else if (typeof values === 'object' && values !== null)
      filters[name] = Object.entries(values)
        .filter(([, on]) => on === true)
        .map(([value]) => value)
    else throw new InvalidRequestError(`invalid filter "${name}": neither a list nor an object`)
  }
  return filters
}

const FALSE_WORDS = new Set(['', '0', 'no', 'false', 'none'])

export function createQuery(text: string): Query {
  const params = new URLSearchParams(text)
  return {
    text: (name) => params.get(name) || undefined,
    list: (name) => params.getAll(name),
    flag: (name) => !FALSE_WORDS.has((params.get(name) ?? '').trim().toLowerCase()),
    integer(name) {
      const value = params.get(name)
      if (value === null || value === '') return undefined
      if (!/^[+-]?\d{1,15}$/.test(value)) throw new InvalidRequestError(`invalid number for ${name}: "${value}"`)
      return Number(value)
    },
    filters() {
      const value = params.get('filters')
      return value === null || value === '' ? {} : parseFilters(value)
    },
  }
}
