/**
 * Every form that the schema knows of every attribute, to the last key (type of value, or word of a list of words), stands
 * in every.yaml or forms.yaml. Both are printed and loaded again; what the values become is said in the tables beside.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import schema from '../../../../schemas/compose.schema.json' with { type: 'json' }
import { printProject } from '../../../../src/compose/print.ts'
import { resolveRef, type SchemaNode } from '../../../../src/compose/schema-errors.ts'
import { load } from '../support.ts'

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')

/** Without nulls: they mean "not set" wherever they stand. */
function formsOf(written: SchemaNode, path: string, found: Set<string>): Set<string> {
  const rule = resolveRef(written, schema) ?? {}
  const types = typeof rule.type === 'string' ? [rule.type] : (rule.type ?? [])
  for (const type of types) if (type !== 'null') found.add(`${path}: ${type}`)
  for (const word of rule.enum ?? []) if (word !== null) found.add(`${path}: ${JSON.stringify(word)}`)
  for (const [key, below] of Object.entries(rule.properties ?? {})) formsOf(below, `${path}.${key}`, found)
  if (rule.items !== undefined) formsOf(rule.items, `${path}[]`, found)
  if (typeof rule.additionalProperties === 'object') formsOf(rule.additionalProperties, `${path}.*`, found)
  return found
}

function saidIn(value: unknown, written: SchemaNode, path: string, found: Set<string>): Set<string> {
  const rule = resolveRef(written, schema) ?? {}
  found.add(`${path}: ${JSON.stringify(value)}`)
  if (Array.isArray(value)) {
    found.add(`${path}: array`)
    for (const item of value) saidIn(item, rule.items ?? {}, `${path}[]`, found)
  } else if (typeof value === 'object' && value !== null) {
    found.add(`${path}: object`)
    for (const [key, inner] of Object.entries(value)) {
      const known = Object.hasOwn(rule.properties ?? {}, key)
      const below = known ? rule.properties?.[key] : rule.additionalProperties
      if (typeof below === 'object') saidIn(inner, below, known ? `${path}.${key}` : `${path}.*`, found)
    }
  } else found.add(`${path}: ${typeof value}`)
  if (Number.isInteger(value)) found.add(`${path}: integer`)
  return found
}

test('every form of every attribute is tried', () => {
  const said = new Set<string>()
  for (const name of ['every.yaml', 'forms.yaml']) saidIn(parse(read(name)), schema, '', said)
  const forms = formsOf(schema, '', new Set())
  assert.ok(forms.size > 700, String(forms.size))
  const missing = [...forms].filter((form) => !said.has(form))
  // no number is an absolute path
  assert.deepEqual(missing, ['.services.*.tmpfs[]: number'])
})

for (const format of ['yaml', 'json'] as const)
  test(`every form survives ${format}`, async () => {
    const part = 'services: { part: { image: part } }'
    const others = {
      'base.yaml': 'services: { base: { image: base } }',
      'part.yaml': part,
      '1': part,
      '2': '',
      'part.env': '',
    }
    const options = { profiles: ['*'], skip: { envResolution: true }, allResources: true } as const
    const { project } = await load({ ...others, 'compose.yaml': read('forms.yaml') }, options)
    const text = printProject(project, format)
    const again = await load({ ...others, 'compose.yaml': text }, options)
    for (const section of ['services', 'networks', 'volumes', 'secrets', 'configs', 'models'] as const)
      assert.deepEqual(again.project[section], project[section])
    assert.equal(printProject(again.project, format), text)
  })
