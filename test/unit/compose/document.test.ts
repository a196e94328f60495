/**
 * YAML with places: scalars, line ends, documents, keys. The errors are in test/golden/compose.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load, places, problemsOf } from './support.ts'
import { parseDocuments } from '../../../src/compose/document.ts'
import { originAt, toPlain, type Node } from '../../../src/compose/node.ts'
import { createProblems } from '../../../src/compose/problems.ts'
import { locationOf, sourceFile } from '../../../src/compose/source-file.ts'
import { resolvePlain } from '../../../src/compose/yaml-scalar.ts'

async function parse(text: string): Promise<readonly Node[]> {
  const problems = createProblems()
  const { documents } = await parseDocuments(sourceFile('f', text), problems)
  assert.deepEqual(problems.errors, [])
  return documents
}

const SCALARS: readonly (readonly [text: string, want: unknown])[] = [
  ['', null],
  ['~', null],
  ['null', null],
  ['Null', null],
  ['nULL', 'nULL'],
  ['true', true],
  ['TRUE', true],
  ['yes', 'yes'],
  ['off', 'off'],
  ['0', 0],
  ['-12', -12],
  ['+3', 3],
  ['0444', 0o444],
  ['0o444', 0o444],
  ['089', 89],
  ['0x1F', 31],
  ['0b101', 5],
  ['1_000', 1000],
  ['1.10', 1.1],
  ['.5', 0.5],
  ['1.', 1],
  ['1e3', 1000],
  ['1.5.2', '1.5.2'],
  ['12:30:45', '12:30:45'],
  ['2024-01-01', '2024-01-01'],
  ['99999999999999999999', '99999999999999999999'],
  ['.inf', '.inf'],
  ['-', '-'],
  ['5s', '5s'],
]

for (const [text, want] of SCALARS) {
  test(`plain scalar ${JSON.stringify(text)}`, () => {
    assert.equal(resolvePlain(text), want)
  })
}

test('quotes and tags make texts', async () => {
  const [node] = await parse(`a: "1"\nb: '1'\nc: !!str 1\nd: !!int "1"\ne: |\n  1\nf: ! 1\n`)
  assert.deepEqual(node && toPlain(node), { a: '1', b: '1', c: '1', d: 1, e: '1\n', f: '1' })
})

test('keys are texts', async () => {
  const [node] = await parse('"1": a\n"true": b\nyes: c\n!!str 2: d\nq: e\n')
  assert.deepEqual(node && toPlain(node), { '1': 'a', true: 'b', yes: 'c', '2': 'd', q: 'e' })
})

test('a key that is a number, a boolean or null is refused', async () => {
  const problems = await problemsOf('services:\n  web: { image: a, environment: { 1: a, true: b, ~: c, 0x10: d } }\n')
  assert.deepEqual(places(problems), [
    'NON_STRING_KEY 2:35',
    'NON_STRING_KEY 2:41',
    'NON_STRING_KEY 2:50',
    'NON_STRING_KEY 2:56',
  ])
})

test('an unknown tag is ignored with a warning', async () => {
  const { project, warnings } = await load('services: { web: { image: a, user: !replace b } }')
  assert.equal(project.services['web']?.user, 'b')
  assert.deepEqual(places(warnings), ['YAML_TAG 1:45'])
})

test('places of keys and values, with a byte order mark and Windows line ends', async () => {
  const [node] = await parse('\uFEFFa:\r\n  b: c\r\n  d:\r\n    - e\r\n')
  assert.ok(node !== undefined)
  const at = (path: string[], want: 'key' | 'value'): string => {
    const { line, column } = locationOf(originAt(node, path, want))
    return `${line}:${column}`
  }
  assert.equal(at(['a', 'b'], 'key'), '2:3')
  assert.equal(at(['a', 'b'], 'value'), '2:6')
  assert.equal(at(['a', 'd', '0'], 'value'), '4:7')
  assert.equal(at(['a', 'd', '7'], 'value'), '3:3')
})

test('several documents, empty ones left out', async () => {
  const documents = await parse('---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n')
  assert.deepEqual(
    documents.map((node) => toPlain(node)),
    [{ a: 1 }, { b: 2 }],
  )
})

test('an anchor may be taken again', async () => {
  const [node] = await parse('a: &x 1\nb: *x\nc: &x 2\nd: *x\n')
  assert.deepEqual(node && toPlain(node), { a: 1, b: 1, c: 2, d: 2 })
})

test('merge keys: own keys win, earlier mappings win over later ones', async () => {
  const [node] = await parse('a: &a { k: 1, l: 1 }\nb: &b { l: 2, m: 2 }\nc: { m: 3, <<: [*a, *b] }\n"<<": { k: 9 }\n')
  assert.deepEqual(node && toPlain(node), {
    a: { k: 1, l: 1 },
    b: { l: 2, m: 2 },
    c: { m: 3, k: 1, l: 1 },
    '<<': { k: 9 },
  })
})
