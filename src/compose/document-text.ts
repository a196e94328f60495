/**
 * The model as a plain document in the words of a Compose file, in one walk: keys in snake_case and sorted, extensions
 * among them, values as canonical-text.ts writes them, `$` doubled. print.ts puts the parts together.
 */
import type { TextRule, TextRules } from './canonical-text.ts'
import { isRecord, KEYED_MAPS, RAW_MAPS, snakeCase } from './draft.ts'

export type Plain = Record<string, unknown>

/** Every mapping in order, so that the text does not depend on the order in files. */
export interface DocumentWriter {
  /** A service, a network, or any other part of a project. Absent values are left out. */
  fields(record: object, rules?: TextRules): Plain
  /** Data of the user: only `$` is looked at. */
  untouched(value: unknown): unknown
}

/** The order in which docker compose prints the keys of list items. */
const FIRST_KEYS: readonly string[] = ['type', 'name', 'mode', 'host_ip', 'source', 'target', 'published', 'protocol']
const LISTS_WITH_FIRST_KEYS: ReadonlySet<string> = new Set(['ports', 'volumes', 'secrets', 'configs'])

/** With `keepDollars` a `$` stays as it is: the project was loaded without interpolation. */
export function documentWriter(keepDollars: boolean): DocumentWriter {
  // The same few keys come again and again.
  const names = new Map<string, string>()
  const keys = new Map<string, string>()
  const nameOf = (key: string): string => {
    const known = names.get(key)
    if (known !== undefined) return known
    const name = snakeCase(key)
    names.set(key, name)
    keys.set(name, key)
    return name
  }
  const text = (value: string): string => (keepDollars || !value.includes('$') ? value : value.replaceAll('$', '$$$$'))

  /** `parent` is the key that the value stands below, of list items that of the list. */
  const write = (value: unknown, parent: string, rule: TextRule | undefined): unknown => {
    if (typeof rule === 'function') return write(rule(value), parent, undefined)
    if (typeof value === 'string') return text(value)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value))
      return value.map((item) => (isRecord(item) ? fields(item, parent, rule) : write(item, '', undefined)))
    if (RAW_MAPS.has(parent)) return data(value, parent)
    return KEYED_MAPS.has(parent) ? keyed(value as Plain, rule) : fields(value as Plain, parent, rule)
  }

  const fields = (record: Readonly<Plain>, parent: string, rules: TextRules | undefined): Plain => {
    const found: string[] = []
    const extensions = isRecord(record['extensions']) ? record['extensions'] : {}
    for (const key of Object.keys(record))
      if (record[key] !== undefined && key !== 'extensions') found.push(nameOf(key))
    for (const key of Object.keys(extensions)) found.push(key)
    const result: Plain = {}
    for (const name of inOrder(found, parent)) {
      result[name] = name.startsWith('x-')
        ? data(extensions[name], name)
        : write(record[keys.get(name) ?? name], name, rules?.[name])
    }
    return result
  }

  /** A mapping whose keys are the user's, and whose values are not. */
  const keyed = (record: Readonly<Plain>, rules: TextRules | undefined): Plain => {
    const result: Plain = {}
    for (const key of inOrder(Object.keys(record), '')) result[key] = write(record[key], '', rules?.[key])
    return result
  }

  const data = (value: unknown, parent: string): unknown => {
    if (typeof value === 'string') return text(value)
    if (Array.isArray(value)) return value.map((item) => data(item, parent))
    if (!isRecord(value)) return value
    const result: Plain = {}
    for (const key of inOrder(Object.keys(value), parent)) result[key] = data(value[key], key)
    return result
  }

  const untouched = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value)
    if (Array.isArray(value)) return value.map(untouched)
    if (!isRecord(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, untouched(inner)]))
  }
  return { fields: (record, rules) => fields(record as Plain, '', rules), untouched }
}

/** Sorted in place. */
function inOrder(names: string[], parent: string): string[] {
  if (names.length > 1) names.sort()
  if (!LISTS_WITH_FIRST_KEYS.has(parent)) return names
  const first = FIRST_KEYS.filter((key) => names.includes(key))
  return [...first, ...names.filter((name) => !first.includes(name))]
}
