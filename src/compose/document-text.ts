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

/** In which order the values of mappings with the same keys are written, worked out once. */
interface Layout {
  /** Those of the model, by the place of their name. */
  readonly keys: readonly string[]
  readonly names: readonly string[]
}

/** With `keepDollars` a `$` stays as it is: the project was loaded without interpolation. */
export function documentWriter(keepDollars: boolean): DocumentWriter {
  const layouts = new Map<string, Layout>()
  const text = (value: string): string => (keepDollars || !value.includes('$') ? value : value.replaceAll('$', '$$$$'))

  const layoutOf = (record: Readonly<Plain>, parent: string): Layout => {
    const keys = Object.keys(record)
    const signature = `${parent} ${keys.join(' ')}`
    let layout = layouts.get(signature)
    if (layout === undefined) {
      const byName = new Map(keys.filter((key) => key !== 'extensions').map((key) => [snakeCase(key), key]))
      const names = inOrder([...byName.keys()], parent)
      layout = { names, keys: names.map((name) => byName.get(name) ?? name) }
      layouts.set(signature, layout)
    }
    return layout
  }

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
    const { names, keys } = layoutOf(record, parent)
    const result: Plain = {}
    for (let index = 0; index < names.length; index += 1) {
      const name = names[index] as string
      const value = record[keys[index] as string]
      if (value !== undefined) result[name] = write(value, name, rules?.[name])
    }
    const { extensions } = record
    return isRecord(extensions) && Object.keys(extensions).length > 0
      ? withExtensions(result, extensions, parent)
      : result
  }

  const withExtensions = (written: Readonly<Plain>, extensions: Readonly<Plain>, parent: string): Plain => {
    const result: Plain = {}
    for (const name of inOrder([...Object.keys(written), ...Object.keys(extensions)], parent))
      result[name] = Object.hasOwn(extensions, name) ? data(extensions[name], name) : written[name]
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
  if (!isInOrder(names)) names.sort()
  if (!LISTS_WITH_FIRST_KEYS.has(parent)) return names
  const first = FIRST_KEYS.filter((key) => names.includes(key))
  return [...first, ...names.filter((name) => !first.includes(name))]
}

/** Mostly so: then sorting, which takes memory, is not needed. */
function isInOrder(names: readonly string[]): boolean {
  for (let index = 1; index < names.length; index += 1)
    if ((names[index - 1] as string) > (names[index] as string)) return false
  return true
}
