/**
 * The canonical project as text, in the shape of `docker compose config`: what it prints loads again to the same
 * project. Source: docker compose's `config`.
 */
import { toYaml } from './yaml-text.ts'
import { serviceText } from './canonical-text.ts'
import { isRecord, toSnake } from './draft.ts'
import type { Project, Service } from './model.ts'

type Plain = Record<string, unknown>

export interface PrintOptions {
  /** Leave `$` as it is: the project was loaded without interpolation. */
  readonly keepDollars?: boolean
}

/** Deterministic; `$` doubled so that the output loads again as it is. Ends with a line feed. */
export function printProject(project: Project, format: 'yaml' | 'json', options: PrintOptions = {}): string {
  const document = projectDocument(project)
  const text = write(document, format)
  return options.keepDollars === true || !text.includes('$') ? text : write(doubleDollars(document), format)
}

/** An override file of nothing but the images. */
export function printImages({ services }: Project, format: 'yaml' | 'json'): string {
  const images = Object.values(services).flatMap(({ name, image }) => (image === undefined ? [] : [[name, { image }]]))
  return write({ services: sortedKeys(Object.fromEntries(images) as Plain) }, format)
}

function write(document: unknown, format: 'yaml' | 'json'): string {
  return format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : toYaml(document)
}

/** The project as a plain Compose document in snake_case. */
export function projectDocument(project: Project): Plain {
  const document: Plain = { name: project.name }
  const services = mapRecord(project.services, serviceDocument)
  document['services'] = sortedKeys(services)
  for (const section of ['networks', 'volumes', 'secrets', 'configs', 'models'] as const) {
    const resources = project[section]
    if (Object.keys(resources).length > 0) document[section] = sortedKeys(mapRecord(resources, resourceDocument))
  }
  return { ...document, ...project.extensions }
}

function serviceDocument({ name: _name, ...service }: Service): Plain {
  const text = serviceText(service)
  const kept = Object.entries(text).filter(([key, value]) => ALWAYS.has(key) || key.startsWith('x-') || !isEmpty(value))
  const ordered = sortedKeys(Object.fromEntries(kept))
  const { profiles, ...others } = ordered
  return profiles === undefined ? others : { profiles, ...others }
}

/** docker compose prints these even when they say nothing. */
const ALWAYS: ReadonlySet<string> = new Set(['command', 'entrypoint'])

function resourceDocument(resource: object): Plain {
  const snake = toSnake(resource)
  if (!isRecord(snake)) return {}
  const { external, ...others } = snake
  return external === true ? { ...sortedFields(others), external: true } : sortedFields(others)
}

function sortedFields(record: Readonly<Plain>): Plain {
  const { name, ...others } = record
  return { ...(name === undefined ? {} : { name }), ...sortedKeys(others) }
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true
  if (Array.isArray(value)) return value.length === 0
  return isRecord(value) && Object.keys(value).length === 0
}

function mapRecord<T>(record: Readonly<Record<string, T>>, change: (value: T) => Plain): Record<string, Plain> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}

/** Keys of every mapping in order, so that the text does not depend on the order in files. */
function sortedKeys(record: Readonly<Plain>): Plain {
  const result: Plain = {}
  for (const key of Object.keys(record).toSorted()) result[key] = sortDeep(record[key], key)
  return result
}

/** The order in which docker compose prints these. */
const FIRST_KEYS: readonly string[] = ['type', 'name', 'mode', 'host_ip', 'source', 'target', 'published', 'protocol']

function sortDeep(value: unknown, parent: string): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value))
    return value.every((item) => typeof item === 'string') ? value : value.map((item) => sortDeep(item, parent))
  if (!isRecord(value)) return value
  if (!['ports', 'volumes', 'secrets', 'configs'].includes(parent)) return sortedKeys(value)
  const first = FIRST_KEYS.filter((key) => Object.hasOwn(value, key))
  const rest = Object.keys(value)
    .filter((key) => !first.includes(key))
    .toSorted()
  return Object.fromEntries([...first, ...rest].map((key) => [key, sortDeep(value[key], key)]))
}

function doubleDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  if (Array.isArray(value)) return value.map(doubleDollars)
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, doubleDollars(inner)]))
}
