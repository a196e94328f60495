/**
 * The canonical project as text, in the shape of `docker compose config`: what it prints loads again to the same
 * project. Source: docker compose's `config`.
 */
import { SERVICE_TEXT } from './canonical-text.ts'
import { documentWriter, type DocumentWriter, type Plain } from './document-text.ts'
import { isRecord } from './draft.ts'
import type { Project, Service } from './model.ts'
import { toYaml } from './yaml-text.ts'

export interface PrintOptions {
  /** Leave `$` as it is: the project was loaded without interpolation. */
  readonly keepDollars?: boolean
}

/** Deterministic; `$` doubled so that the output loads again as it is. Ends with a line feed. */
export function printProject(project: Project, format: 'yaml' | 'json', options: PrintOptions = {}): string {
  return write(projectDocument(project, options), format)
}

/** An override file of nothing but the images. */
export function printImages({ services }: Project, format: 'yaml' | 'json'): string {
  const names = Object.keys(services).toSorted()
  const images = names.flatMap((name) => {
    const image = services[name]?.image
    return image === undefined ? [] : [[name, { image }] as const]
  })
  return write({ services: Object.fromEntries(images) }, format)
}

function write(document: unknown, format: 'yaml' | 'json'): string {
  return format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : toYaml(document)
}

/** The project as a plain Compose document in snake_case. */
export function projectDocument(project: Project, { keepDollars = false }: PrintOptions = {}): Plain {
  const writer = documentWriter(keepDollars)
  const document: Plain = { name: project.name }
  document['services'] = inOrder(project.services, (service) => serviceDocument(service, writer))
  for (const section of ['networks', 'volumes', 'secrets', 'configs', 'models'] as const) {
    const resources: Readonly<Record<string, object>> = project[section]
    if (Object.keys(resources).length > 0)
      document[section] = inOrder(resources, (resource) => resourceDocument(resource, writer))
  }
  for (const [key, value] of Object.entries(project.extensions)) document[key] = writer.untouched(value)
  return document
}

function inOrder<T>(record: Readonly<Record<string, T>>, change: (value: T) => Plain): Plain {
  const result: Plain = {}
  for (const key of Object.keys(record).toSorted()) result[key] = change(record[key] as T)
  return result
}

/** docker compose prints these even when they say nothing. */
const ALWAYS: ReadonlySet<string> = new Set(['command', 'entrypoint'])

function serviceDocument(service: Service, writer: DocumentWriter): Plain {
  const text = writer.fields(service, SERVICE_TEXT)
  const result: Plain = {}
  for (const key of Object.keys(text))
    if (key !== 'name' && (!isEmpty(text[key]) || ALWAYS.has(key) || key.startsWith('x-'))) result[key] = text[key]
  return result
}

function resourceDocument(resource: object, writer: DocumentWriter): Plain {
  const text = writer.fields(resource)
  if (text['external'] !== true) delete text['external']
  return text
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true
  if (Array.isArray(value)) return value.length === 0
  return isRecord(value) && Object.keys(value).length === 0
}
