/**
 * The merged tree as typed data: snake_case keys become camelCase, except where keys are the user's. What is not
 * filled in yet (defaults, names, environment) makes it a draft. document-text.ts goes the way back.
 */
import type { Dependency, Extensions, FileObject, Model, Network, Service, Volume } from './model.ts'
import { toPlain, type MapNode, type Node } from './node.ts'

/** A service as the files say it. */
export type ServiceDraft = Partial<Omit<Service, 'name' | 'dependsOn'>> & {
  readonly dependsOn?: Readonly<Record<string, Partial<Dependency>>>
}

export interface ProjectDraft {
  readonly name?: string
  readonly services?: Readonly<Record<string, ServiceDraft>>
  readonly networks?: Readonly<Record<string, Partial<Network>>>
  readonly volumes?: Readonly<Record<string, Partial<Volume>>>
  readonly secrets?: Readonly<Record<string, Partial<FileObject>>>
  readonly configs?: Readonly<Record<string, Partial<FileObject>>>
  readonly models?: Readonly<Record<string, Model>>
  readonly extensions?: Extensions
}

/** Mappings of the user's data: keys and values stay. */
export const RAW_MAPS: ReadonlySet<string> = new Set([
  'environment',
  'labels',
  'annotations',
  'sysctls',
  'storage_opt',
  'driver_opts',
  'options',
  'args',
  'additional_contexts',
  'ssh',
  'aux_addresses',
  'extensions',
])

/** Mappings whose keys are the user's, and whose values are not. */
export const KEYED_MAPS: ReadonlySet<string> = new Set([
  'services',
  'networks',
  'volumes',
  'secrets',
  'configs',
  'models',
  'depends_on',
  'ulimits',
])

export function toDraft(tree: MapNode): ProjectDraft {
  return toCamel(tree) as ProjectDraft
}

function toCamel(node: Node): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'seq') return node.items.map(toCamel)
  const result: Record<string, unknown> = {}
  let extensions: Record<string, unknown> | undefined
  node.entries.forEach(({ value }, key) => {
    if (value.tag === 'reset') return
    if (key.startsWith('x-')) (extensions ??= {})[key] = toPlain(value)
    else result[camelCase(key)] = value.kind === 'scalar' ? value.value : camelInner(key, value)
  })
  if (extensions !== undefined) result['extensions'] = extensions
  return result
}

function camelInner(key: string, node: Node): unknown {
  if (node.kind !== 'map') return toCamel(node)
  if (RAW_MAPS.has(key)) return toPlain(node)
  if (!KEYED_MAPS.has(key)) return toCamel(node)
  const result: Record<string, unknown> = {}
  node.entries.forEach(({ value }, name) => {
    if (value.tag !== 'reset') result[name] = toCamel(value)
  })
  return result
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function camelCase(key: string): string {
  // Most keys are one word.
  return !key.includes('_') ? key : key.replaceAll(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase())
}

/** The reverse of `camelCase`. */
export function snakeCase(key: string): string {
  // Most keys are one word.
  return /[A-Z]/.test(key) ? key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key
}
