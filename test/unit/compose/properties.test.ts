/**
 * Properties of the phases that hold for any input: merging is associative where its rules are, interpolation answers
 * or tells what is wrong, and what is printed loads as the same text.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { interpolateText } from '../../../src/compose/interpolate.ts'
import { mergeTrees } from '../../../src/compose/merge.ts'
import { mapOf, seqNode, scalarNode, toPlain, type MapNode, type Node } from '../../../src/compose/node.ts'
import { printProject } from '../../../src/compose/print.ts'
import type { Origin } from '../../../src/compose/source-file.ts'
import { load } from './support.ts'

const ORIGIN: Origin = { source: { path: 'f', text: '' }, offset: 0 }

function toNode(value: unknown): Node {
  if (Array.isArray(value)) return seqNode(value.map(toNode), ORIGIN)
  if (typeof value !== 'object' || value === null) return scalarNode(value as string, ORIGIN)
  return mapOf(Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toNode(inner)])), ORIGIN)
}

const word = fc.constantFrom('a', 'b', 'c', 'd')
const pairs = fc.dictionary(word, word, { maxKeys: 3 })
const file = fc.record(
  {
    image: word,
    command: fc.array(word, { maxLength: 2 }),
    environment: pairs,
    labels: pairs,
    cap_add: fc.uniqueArray(word, { maxLength: 3 }),
    security_opt: fc.array(word, { maxLength: 2 }),
    volumes: fc.uniqueArray(fc.record({ type: fc.constant('volume'), source: word, target: word }), {
      maxLength: 3,
      selector: ({ target }) => target,
    }),
    healthcheck: fc.record({ test: fc.array(word), retries: fc.nat(3) }, { requiredKeys: [] }),
    ulimits: fc.dictionary(word, fc.record({ soft: fc.nat(3), hard: fc.nat(3) }), { maxKeys: 2 }),
  },
  { requiredKeys: [] },
)

test('merging three files is associative', () => {
  const root = (service: unknown): MapNode => mapOf({ services: mapOf({ web: toNode(service) }, ORIGIN) }, ORIGIN)
  fc.assert(
    fc.property(file, file, file, (a, b, c) => {
      const left = mergeTrees(mergeTrees(root(a), root(b)), root(c))
      const right = mergeTrees(root(a), mergeTrees(root(b), root(c)))
      assert.deepEqual(toPlain(left), toPlain(right))
    }),
    { numRuns: 300 },
  )
})

const piece = fc.oneof(
  fc.constantFrom(
    '$',
    '$$',
    '${',
    '}',
    ':-',
    '-',
    ':?',
    '?',
    ':+',
    '+',
    'A',
    'B_1',
    '{',
    '"',
    ' ',
    '${A}',
    '${A:-',
    '$A',
  ),
  fc.string({ maxLength: 3 }),
)

test('interpolation answers or tells what is wrong, and never throws', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.option(fc.string(), { nil: undefined }), (pieces, value) => {
      const text = pieces.join('')
      const kinds: string[] = []
      const filled = interpolateText(
        text,
        (name) => (name === 'A' ? value : undefined),
        ({ kind, offset }) => {
          kinds.push(kind)
          assert.ok(offset >= 0 && offset <= text.length)
        },
      )
      assert.equal(typeof filled, 'string')
      if (!text.includes('$')) assert.equal(filled, text)
      assert.ok(kinds.every((kind) => ['unset', 'required', 'invalid'].includes(kind)))
    }),
    { numRuns: 2000 },
  )
})

test('doubled dollar signs are filled to what they were', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const doubled = text.replaceAll('$', () => '$$')
      assert.equal(
        interpolateText(
          doubled,
          () => undefined,
          () => assert.fail('a note'),
        ),
        text,
      )
    }),
  )
})

test('what is printed loads as the same text', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !/[\0\uFEFF\uFFFD]|\p{Cs}/u.test(value))
  const service = fc.record({
    image: fc.constant('app'),
    command: fc.array(text, { maxLength: 3 }),
    environment: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,4}$/), text, { maxKeys: 3 }),
    labels: fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      text,
      { maxKeys: 2 },
    ),
    user: text,
  })
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), service, { minKeys: 1, maxKeys: 3 }),
      async (services) => {
        const source = JSON.stringify({ services }).replaceAll('$', () => '$$')
        const { project } = await load(source)
        for (const format of ['yaml', 'json'] as const) {
          const printed = printProject(project, format)
          const again = await load(printed)
          assert.deepEqual(again.project.services, project.services)
          assert.equal(printProject(again.project, format), printed)
        }
      },
    ),
    { numRuns: 150 },
  )
})
