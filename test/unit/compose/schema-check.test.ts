/**
 * keepsSchema says yes to what ajv's compiled check says yes to, and to nothing else: over all Compose files of the tests,
 * and over those with one value, key or list item changed.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import schema from '../../../schemas/compose.schema.json' with { type: 'json' }
import { validate } from '../../../schemas/compose.validate.js'
import {
  mapNode,
  scalarNode,
  seqNode,
  toPlain,
  type Entry,
  type Node,
  type ScalarValue,
} from '../../../src/compose/node.ts'
import { parseDocuments } from '../../../src/compose/document.ts'
import { createProblems } from '../../../src/compose/problems.ts'
import { keepsSchema } from '../../../src/compose/schema-check.ts'
import { sourceFile, type Origin } from '../../../src/compose/source-file.ts'

const HERE: Origin = { source: { path: '/compose.yaml', text: '' }, offset: 0 }

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return seqNode(value.map(nodeOf), HERE)
  if (typeof value !== 'object' || value === null) return scalarNode(value as ScalarValue, HERE)
  const entries = Object.entries(value).map(([key, inner]): [string, Entry] => [key, { ...HERE, value: nodeOf(inner) }])
  return mapNode(new Map(entries), HERE)
}

/** Those that can be read. */
async function fixtures(): Promise<unknown[]> {
  const files = globSync(`${import.meta.dirname}/../../../{test/fixtures/**,examples/**}/*.y{a,}ml`).toSorted()
  const parsed = await Promise.all(
    files.map((file) => parseDocuments(sourceFile(file, readFileSync(file, 'utf8')), createProblems())),
  )
  const documents = parsed.flatMap((file) => (file.isWhole ? file.documents : []))
  return documents.filter(({ kind }) => kind === 'map').map((document) => toPlain(document))
}

type Container = Record<string, unknown>

/** Every mapping and list of a document, each once. */
function containers(value: unknown, found: Set<Container> = new Set()): Set<Container> {
  if (typeof value === 'object' && value !== null && !found.has(value as Container)) {
    found.add(value as Container)
    for (const inner of Object.values(value)) containers(inner, found)
  }
  return found
}

const VALUES: readonly unknown[] = [null, true, 1, 1.5, '', 'x', 'a b', [], ['x'], [null], {}, { x: 1 }, { 'x-a': [] }]

/** Puts each of `VALUES` and some keys into the place of each key, asks, and puts back what stood there. */
function forEachMutant(document: unknown, ask: () => void): void {
  for (const container of containers(document))
    for (const key of Object.keys(container)) {
      const before = container[key]
      for (const value of VALUES) {
        container[key] = value
        ask()
      }
      container[key] = before
      if (Array.isArray(container)) continue
      delete container[key]
      ask()
      for (const other of ['unknown', 'x-own', 'A B', 'constructor', 'context']) {
        const had = Object.hasOwn(container, other)
        if (had) continue
        container[other] = before
        ask()
        delete container[other]
      }
      container[key] = before
    }
}

test('the quick check of the schema and that of ajv say the same of every file and mutant', async () => {
  const documents = await fixtures()
  const counts = { yes: 0, no: 0 }
  const compare = (document: unknown): void => {
    const node = nodeOf(document)
    const want = validate(toPlain(node, false))
    counts[want ? 'yes' : 'no'] += 1
    if (keepsSchema(node, schema) !== want) assert.fail(`ajv says ${want}: ${JSON.stringify(document)}`)
  }
  for (const document of documents) compare(document)
  for (const document of smallest(documents)) forEachMutant(document, () => compare(document))
  assert.ok(counts.yes > 500 && counts.no > 5000, JSON.stringify(counts))
})

const MOST_LENGTH = 300

/** Documents of one service each, so that a mutant costs little: every attribute in every form that the fixtures have. */
function smallest(documents: readonly unknown[]): unknown[] {
  const seen = new Set<string>()
  return documents.flatMap((document) => {
    const { services, ...others } = document as Record<string, unknown>
    const parts: unknown[] = Object.entries(others).map(([key, value]) => ({ [key]: value }))
    if (typeof services === 'object' && services !== null)
      for (const service of Object.values(services))
        for (const [key, value] of Object.entries((service ?? {}) as object))
          parts.push({ services: { a: { [key]: value } } })
    return parts.filter((part) => {
      const form = shapeOf(part)
      return form.length < MOST_LENGTH && !seen.has(form) && seen.add(form)
    })
  })
}

/** Keys and types without texts and numbers. */
function shapeOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'object' ? inner : typeof inner))
}

test('the quick check knows every keyword that the schema uses', () => {
  const known = new Set([
    '$schema',
    '$id',
    'title',
    '$comment',
    'description',
    '$defs',
    '$ref',
    'type',
    'enum',
    'pattern',
  ])
  for (const word of ['properties', 'patternProperties', 'propertyNames', 'additionalProperties', 'items', 'required'])
    known.add(word)
  const visit = (node: Container): void => {
    for (const [key, value] of Object.entries(node)) {
      assert.ok(known.has(key), key)
      if (key === 'patternProperties') assert.deepEqual(value, { '^x-': {} })
      else if (key === 'properties' || key === '$defs')
        for (const inner of Object.values(value as Container)) visit(inner as Container)
      else if (['items', 'propertyNames', 'additionalProperties'].includes(key) && typeof value === 'object')
        visit(value as Container)
    }
  }
  visit(schema)
})

test('names, numbers and nulls', () => {
  const service = (fields: object): Node => nodeOf({ services: { a: fields } })
  assert.equal(keepsSchema(service({ image: 'a', scale: 1.5 }), schema), false, 'no whole number')
  assert.equal(keepsSchema(service({ image: 'a', scale: 1 }), schema), true)
  assert.equal(keepsSchema(service({ image: 'a', ports: null }), schema), true, 'a null is nothing')
  assert.equal(keepsSchema(service({ image: 'a', ports: [null] }), schema), false, 'but not in a list')
  assert.equal(keepsSchema(nodeOf({ services: { 'a b': {} } }), schema), false, 'a name with a blank')
  assert.equal(keepsSchema(service({ logging: { toString: 'x' } }), schema), false, 'a key of all objects')
})
