/**
 * Words for what the schema check found: what was expected, what stands there, the nearest known key.
 */
import type { SchemaError } from '../../schemas/compose.validate.js'
import { nearestName } from '../edit-distance.ts'
import type { ProblemCode } from './problem-codes.ts'
import type { ProblemText } from './source-file.ts'

/** The parts of JSON Schema that our schema uses. */
export interface SchemaNode {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, SchemaNode>>
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly pattern?: string
  readonly propertyNames?: SchemaNode
  readonly required?: readonly string[]
  /** Of "^x-" only, and then anything. */
  readonly patternProperties?: Readonly<Record<string, unknown>>
  readonly additionalProperties?: SchemaNode | boolean
  readonly items?: SchemaNode
}

export interface Explained {
  readonly text: ProblemText
  /** Whether the key or the value is to be pointed at. */
  readonly want: 'key' | 'value'
}

export function explainSchemaError(
  error: SchemaError,
  path: readonly string[],
  root: SchemaNode,
  data: unknown,
): Explained {
  const where = describePath(path)
  switch (error.keyword) {
    case 'additionalProperties':
      return { text: unknownKey(path, root, data), want: 'key' }
    case 'propertyNames': {
      const expected = schemaAt(root, path.slice(0, -1))?.propertyNames?.description ?? 'other characters'
      const message = `invalid name ${JSON.stringify(path.at(-1))} in ${describePath(path.slice(0, -1))}`
      return { text: { code: 'SCHEMA_NAME', message, hint: `use ${expected}` }, want: 'key' }
    }
    case 'required': {
      const key = String(error.params['missingProperty'])
      const message = `${where} lacks the key "${key}"`
      const hint = `add "${key}:", ${expectation(schemaAt(root, [...path, key]), root)}`
      return { text: { code: 'SCHEMA_REQUIRED', message, hint }, want: 'key' }
    }
    default: {
      const value = valueAt(data, path)
      const rule = schemaAt(root, path)
      const expected = expectation(rule, root)
      const message = `${where} must be ${expected}, not ${describeValue(value)}`
      return {
        text: { code: codeOf(error.keyword), message, hint: typeHint(value, path, rule) ?? nearestHint(value, rule) },
        want: 'value',
      }
    }
  }
}

function codeOf(keyword: string): ProblemCode {
  return keyword === 'type' ? 'SCHEMA_TYPE' : 'SCHEMA_VALUE'
}

function unknownKey(path: readonly string[], root: SchemaNode, data: unknown): ProblemText {
  const key = path.at(-1) ?? ''
  const parent = path.slice(0, -1)
  const message = `unknown key "${key}" in ${describePath(parent)}`
  const known = Object.keys(schemaAt(root, parent)?.properties ?? {})
  const nearest = nearestName(key, known)
  if (nearest !== undefined) return { code: 'UNKNOWN_KEY', message, hint: `did you mean "${nearest}"?` }
  return { code: 'UNKNOWN_KEY', message, hint: misplacedHint(path, root, data) ?? knownHint(known) }
}

/** The key is known elsewhere: mostly an error of indentation. */
function misplacedHint(path: readonly string[], root: SchemaNode, data: unknown): string | undefined {
  const key = path.at(-1) ?? ''
  const value = valueAt(data, path)
  const service = root.$defs?.['service']?.properties ?? {}
  if (path.length === 1 && typeof value === 'object' && value !== null && ('image' in value || 'build' in value)) {
    return `a service stands under "services": indent "${key}" below it`
  }
  if (path[0] !== 'services' && Object.hasOwn(service, key))
    return `"${key}" belongs to a service: check its indentation`
  if (path.length > 1 && Object.hasOwn(root.properties ?? {}, key))
    return `"${key}" stands at the top level of the file`
  if (path.length > 3 && Object.hasOwn(service, key)) return `"${key}" belongs to the service: check its indentation`
  return undefined
}

function knownHint(known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  if (known.length > 12) return 'keys of your own start with "x-"'
  return `known keys: ${known.join(', ')}`
}

function typeHint(value: unknown, path: readonly string[], rule: SchemaNode | undefined): string | undefined {
  const isItem = /^\d+$/.test(path.at(-1) ?? '')
  if (isItem && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const [pair, ...others] = Object.entries(value)
    if (pair !== undefined && others.length === 0 && typeof pair[1] !== 'object') {
      return `a list item "${pair[0]}: ${String(pair[1])}" is a mapping: write "${pair[0]}=${String(pair[1])}", or quote it`
    }
  }
  if (isItem && value === null) return 'remove the empty list item'
  if (typeof value === 'number' && rule?.description?.includes('duration') === true) return `add a unit: ${value}s`
  if (typesOf(rule).join() === 'array' && typeof value === 'string') return `write a list: [${describeValue(value)}]`
  const isText = typesOf(rule).includes('string') && rule?.enum === undefined
  if (isText && (typeof value === 'boolean' || typeof value === 'number')) return 'put it in quotes to make it a string'
  return undefined
}

function nearestHint(value: unknown, rule: SchemaNode | undefined): string | undefined {
  const words = (rule?.enum ?? []).filter((word) => typeof word === 'string')
  const nearest = typeof value === 'string' ? nearestName(value, words) : undefined
  return nearest === undefined ? undefined : `did you mean "${nearest}"?`
}

function typesOf(rule: SchemaNode | undefined): readonly string[] {
  return typeof rule?.type === 'string' ? [rule.type] : (rule?.type ?? [])
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  null: 'empty',
}

function expectation(schema: SchemaNode | undefined, root: SchemaNode): string {
  if (schema === undefined) return 'something else'
  if (schema.description !== undefined && schema !== root) return schema.description
  if (schema.enum !== undefined) return `one of ${schema.enum.map((value) => JSON.stringify(value)).join(', ')}`
  const words = typesOf(schema).map((type) => TYPE_WORDS[type] ?? type)
  const last = words.pop() ?? 'something else'
  return words.length === 0 ? last : `${words.join(', ')} or ${last}`
}

export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** @example describePath(["services", "web", "ports", "0"]) === "services.web.ports[0]" */
export function describePath(path: readonly string[]): string {
  if (path.length === 0) return 'the file'
  return path
    .map((step, index) => (/^\d+$/.test(step) && index > 0 ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1)
}

function valueAt(data: unknown, path: readonly string[]): unknown {
  let value = data
  for (const step of path) value = (value as Record<string, unknown> | null | undefined)?.[step]
  return value
}

/** The rule for the value at a path; follows references and "additionalProperties". */
export function schemaAt(root: SchemaNode, path: readonly string[]): SchemaNode | undefined {
  let schema: SchemaNode | undefined = root
  for (const step of path) {
    const { properties, additionalProperties, items }: SchemaNode = schema
    const own: SchemaNode | undefined =
      properties !== undefined && Object.hasOwn(properties, step) ? properties[step] : undefined
    const other: SchemaNode | undefined = typeof additionalProperties === 'object' ? additionalProperties : undefined
    schema = resolveRef(own ?? (/^\d+$/.test(step) ? (items ?? other) : other), root)
    if (schema === undefined) return undefined
  }
  return schema
}

/** What a reference stands for; anything else is itself. */
export function resolveRef(schema: SchemaNode | undefined, root: SchemaNode): SchemaNode | undefined {
  const name = schema?.$ref?.slice('#/$defs/'.length)
  return name === undefined ? schema : root.$defs?.[name]
}
