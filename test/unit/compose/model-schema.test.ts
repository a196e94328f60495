/**
 * The types of the model and the schema say the same, down to the last key: names, shapes, literals, what must be there.
 * Where the canonical form is another shape than what a file says, FORMS names it.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import schema from '../../../schemas/compose.schema.json' with { type: 'json' }
import { snakeCase } from '../../../src/compose/draft.ts'
import type { SchemaNode } from '../../../src/compose/schema-errors.ts'
import { readTypes, resolve, type ReadType } from './type-reader.ts'

interface Rule extends SchemaNode {
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, unknown>>
}

const root = new URL('../../../', import.meta.url).pathname
const TYPES = readTypes(globSync(`${root}src/compose/model*.ts`).map((file) => readFileSync(file, 'utf8')))

/** Written as a text (or read from one), and something else in the model; by path, "*" for any key or item. */
const FORMS: ReadonlySet<string> = new Set([
  'services.*.restart', // "on-failure:3"
  'services.*.links.*', // "service:alias"
  'services.*.volumes_from.*', // "service:ro"
  'services.*.extra_hosts', // "host=ip", or a mapping
  'services.*.build.extra_hosts',
  'services.*.build.ssh', // "id=path"
  'services.*.provider.options.*', // one or many
  'services.*.ports.*.protocol', // letters of any case
])

/** Keys of a file that the model has not, since loading uses them up. */
const USED_UP: ReadonlySet<string> = new Set(['services.*.extends'])
/** Required in a file there; `gpus`, which has the same type, goes without. */
const REQUIRED_ELSEWHERE = 'services.*.deploy.resources.reservations.devices.*.capabilities'
/** Keys of the model that no file has. */
const MADE: ReadonlySet<string> = new Set(['services.*.name'])

function ruleOf(rule: Rule): Rule {
  const name = rule.$ref?.slice('#/$defs/'.length)
  return name === undefined ? rule : ruleOf((schema.$defs as Readonly<Record<string, Rule>>)[name] ?? {})
}

function wordsOf({ type }: Rule): readonly string[] {
  return typeof type === 'string' ? [type] : (type ?? [])
}

function alternatives(type: ReadType): ReadType[] {
  const resolved = resolve(type, TYPES)
  return resolved.kind === 'union' ? resolved.types.flatMap(alternatives) : [resolved]
}

/** What differs, as texts. */
function differences(given: Rule, type: ReadType, path: string): string[] {
  if (FORMS.has(path)) return []
  const rule = ruleOf(given)
  const types = alternatives(type).filter((one) => !(one.kind === 'word' && one.name === 'null'))
  const [first] = types
  if (first === undefined) return [`${path}: the type is empty`]
  switch (first.kind) {
    case 'object':
      return keysDiffer(rule, types, path)
    case 'record':
      return wordsOf(rule).includes('object') && typeof rule.additionalProperties === 'object'
        ? differences(rule.additionalProperties, first.value, `${path}.*`)
        : [`${path}: a mapping in the model only`]
    case 'list':
      return wordsOf(rule).includes('array') && rule.items !== undefined
        ? differences(rule.items, first.item, `${path}.*`)
        : [`${path}: a list in the model only`]
    case 'literal': {
      const literals = types.flatMap((one) => (one.kind === 'literal' ? [one.value] : []))
      const same = (rule.enum ?? []).map(String).toSorted().join() === literals.toSorted().join()
      return same ? [] : [`${path}: the literals ${literals.join()} are not those of the schema`]
    }
    case 'word':
      return scalarDiffers(rule, first.name, path)
    case 'union':
      throw new Error('a union within a union')
    default:
      return first satisfies never
  }
}

function keysDiffer(rule: Rule, types: readonly ReadType[], path: string): string[] {
  const fields = types.flatMap((one) => (one.kind === 'object' ? [...one.fields] : []))
  const inModel = new Map(fields.map(([name, field]) => [snakeCase(name), field]))
  const inSchema = rule.properties
  if (inSchema === undefined) return [`${path}: an object in the model only`]
  const found: string[] = []
  const takesExtensions = rule.patternProperties?.['^x-'] !== undefined
  if (inModel.has('extensions') !== takesExtensions) found.push(`${path}: x- keys in one of the two only`)
  for (const key of Object.keys(inSchema))
    if (!inModel.has(key) && !USED_UP.has(`${path}.${key}`)) found.push(`${path}.${key}: not in the model`)
  for (const [key, { type, isOptional }] of inModel) {
    if (key === 'extensions' || MADE.has(`${path}.${key}`)) continue
    const inner = inSchema[key]
    if (inner === undefined) found.push(`${path}.${key}: not in the schema`)
    else {
      // of a union each member has its own type for a key
      const own = fields.filter(([name]) => snakeCase(name) === key).map(([, field]) => field.type)
      found.push(...differences(inner, own.length === 1 ? type : { kind: 'union', types: own }, `${path}.${key}`))
    }
    if (isOptional && rule.required?.includes(key) === true && `${path}.${key}` !== REQUIRED_ELSEWHERE)
      found.push(`${path}.${key}: required, and yet optional`)
  }
  return found
}

/** A number may be written as a text with a unit, and any scalar as the text that a variable gives. */
function scalarDiffers(rule: Rule, name: string, path: string): string[] {
  const words = wordsOf(rule)
  const isUnit = words.join() === 'string' && rule.description?.includes('duration') === true
  const fits =
    name === 'unknown' ||
    (name === 'string' && words.includes('string') && rule.enum === undefined) ||
    (name === 'boolean' && words.includes('boolean')) ||
    (name === 'number' && (words.includes('number') || words.includes('integer') || isUnit))
  return fits ? [] : [`${path}: ${name} in the model, ${words.join(' or ')} in the schema`]
}

const SECTIONS: readonly (readonly [section: string, rule: Rule, type: string])[] = [
  ['services.*', schema.$defs.service, 'Service'],
  ['networks.*', schema.$defs.network, 'Network'],
  ['volumes.*', schema.$defs.volume, 'Volume'],
  ['models.*', schema.$defs.model, 'Model'],
  // one type for both: only configs have "content", only secrets have drivers
  [
    'secrets.*',
    { ...schema.$defs.config, properties: { ...schema.$defs.config.properties, ...schema.$defs.secret.properties } },
    'FileObject',
  ],
]

for (const [path, rule, type] of SECTIONS) {
  test(`the model and the schema agree about ${path}`, () => {
    assert.deepEqual(differences(rule, { kind: 'word', name: type }, path), [])
  })
}

test('every section of the file is compared', () => {
  const compared = SECTIONS.map(([path]) => path.split('.')[0] ?? '')
  const others = ['version', 'name', 'include', 'configs'] // the first three leave no objects; configs: see above
  assert.deepEqual([...compared, ...others].toSorted(), Object.keys(schema.properties).toSorted())
})

test('the comparison finds what differs', () => {
  const types = readTypes(
    ["interface A {\n  readonly oneTwo?: string\n  readonly three: readonly ('x' | 'y')[]\n}"].map((text) =>
      text.replaceAll(/[()]/g, ''),
    ),
  )
  const field = resolve({ kind: 'word', name: 'A' }, types)
  const rule: Rule = { type: 'object', properties: { one_two: { type: 'number' }, four: { type: 'string' } } }
  assert.deepEqual(differences(rule, field, 'a'), [
    'a.four: not in the model',
    'a.one_two: string in the model, number in the schema',
    'a.three: not in the schema',
  ])
})
