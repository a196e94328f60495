/**
 * The quick reader must answer as the `yaml` package does, places included, or not at all.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAnyYaml } from '../../../src/compose/any-yaml.ts'
import { sourceFile } from '../../../src/compose/source-file.ts'
import type { Node } from '../../../src/compose/node.ts'
import { parsePlainYaml } from '../../../src/compose/plain-yaml.ts'
import { createProblems } from '../../../src/compose/problems.ts'
import { toYaml } from '../../../src/compose/yaml-text.ts'

/** Values and offsets as plain data. */
function outline(node: Node): unknown {
  const { offset } = node
  switch (node.kind) {
    case 'scalar':
      return [offset, node.value]
    case 'seq':
      return [offset, ...node.items.map(outline)]
    case 'map':
      return [offset, ...[...node.entries].map(([key, entry]) => [key, entry.offset, outline(entry.value)])]
    default:
      return node satisfies never
  }
}

/** Whether the quick reader took the text; fails when it took it otherwise than the other reader. */
function assertSame(text: string): boolean {
  const source = sourceFile('f', text)
  const plain = parsePlainYaml(source)
  if (plain === undefined) return false
  const problems = createProblems()
  const { documents } = parseAnyYaml(source, problems)
  assert.deepEqual(problems.errors, [], text)
  assert.deepEqual([outline(plain)], documents.map(outline), text)
  return true
}

const TAKEN: readonly string[] = [
  'a: {b: c, d: , e: [f, {g: h}], i: {}, j: "k, l" }\nm: { }\nn: {b: , }',
  'a: [b, [c, ["d"]]] # e',
  'a: 1',
  'a: 1\r\nb:\r\n  - c\r\n',
  'a:\n  b:\n    c: d\n  e: f\n',
  'a:\n- b\n- c\nd: e',
  'a:\n  - b: 1\n    c: 2\n  - d:\n      - e\n',
  'a:\n  -   b: 1\n      c: 2\n',
  'a:\n  -\n    b: 1\n  - c\n',
  'a:\nb:\n',
  '# c\na: b # c\n\n  # c\nc: "d # e" # f\n',
  `a: 'it''s'\nb: "q\\"\\\\\\n"\nc: ''\nd: ""`,
  'a: [b, "c, d", \'e\', 1, true, ~, x:y, $f]\nb: []\nc: [ a , b, ]\nd: {}',
  'a: &x 1\nb: *x\nc: [*x, d]\ne: { f: *x }\n',
  'x: &b\n  c: 1\n  d: { e: f }\ny:\n  <<: *b\n  c: 2\nz: { <<: *b, g: 3 }\n',
  'x: &b { c: 1 }\ny: &d\n  e: &f\n    - 1\n    - &g h: 1\n'.replace('&g ', ''),
  'x: &a { c: 1 }\ny: &b { c: 2, d: 2 }\nz:\n  <<: [*a, *b]\n  e: *a # comment\n',
  'x: &a # comment\n  b: 1\ny: &l\n- c\n- &i d\n- *i\nz:\n  <<: *a\n  x: *l\n',
  '"a b": c\n\'d\': e\n"1": f',
  'a: b c\nd: -x\ne: :x\nf: ?x\ng: a:b\nh: http://x:80/y\ni: a#b\nj: 8080:80',
  'a: 012\nb: 1.10\nc: null\nd: yes\ne: 12:30',
]

for (const text of TAKEN) {
  test(`plain YAML: ${JSON.stringify(text)}`, () => {
    assert.ok(assertSame(text))
  })
}

const LEFT: readonly string[] = [
  'a:\n  -\n  - c\n',
  '',
  '# c',
  '- a',
  'a',
  ' a: 1',
  '---\na: 1',
  'a: 1\n---\nb: 2',
  '%YAML 1.2\n---\na: 1',
  'a: &x *y',
  'a: &x &y 1',
  'a: &x\nb: 1',
  '&x a: 1',
  'a: &x { b: *x }',
  'a: &x 1\nb: &x 2',
  '<<: [1]',
  'a: [&x 1]',
  'a: *x',
  'a: !t 1',
  'a: |\n  b',
  'a: >\n  b',
  'a: b\n  c',
  'a: "b\n  c"',
  'a: b: c',
  'a: 1\na: 2',
  '<<: a',
  '? a\n: b',
  'a:\n\t- b',
  'a: {b:c}',
  'a: {b: c, b: d}',
  'a: {"b": c}',
  'a: {? b}',
  'a: {b: c',
  'a: {}#b',
  'a: ["b": c]',
  'a: [b',
  'a: [b\n, c]',
  'a:\n  - - b',
  'a:\n  b: 1\n c: 2',
  'a: @b',
  'a: "\\x41"',
  'a: "b" c',
  'a: %b',
  '__proto__: 1',
  'a :b',
  'a: - b',
  'a: [b] c',
  'a: [,]',
  'a:b',
  'a:\n  b\n',
  'a: b\r c',
  'a: \u0007',
  'a: ]',
  'a: [a: b]',
  'a: [- ]',
  'a: [b #c\n]',
]

for (const text of LEFT) {
  test(`not plain YAML: ${JSON.stringify(text)}`, () => {
    assert.equal(parsePlainYaml(sourceFile('f', text)), undefined)
  })
}

test('plain YAML: what we print ourselves', () => {
  const word = fc.oneof(
    fc.stringMatching(/^[a-zA-Z0-9_./$:"' #,[\]{}-]{0,8}$/),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      word,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.stringMatching(/^[\w./-]{1,5}$/), tie('tree'), { maxKeys: 3 }),
    ),
  }))
  let taken = 0
  fc.assert(
    fc.property(tree, (value) => {
      if (assertSame(toYaml({ root: value }))) taken += 1
    }),
    { numRuns: 1000 },
  )
  assert.ok(taken > 100, `${taken} of 1000`)
})

test('plain YAML: lines of any kind', () => {
  const piece = fc.constantFrom(
    'a',
    'b',
    ': ',
    ':',
    ' ',
    '  ',
    '- ',
    '-',
    '\n',
    '\n  ',
    '\n    ',
    '\n- ',
    '"',
    "'",
    '#',
    ' #',
    '[',
    ']',
    ', ',
    ',',
    '{',
    '}',
    '{}',
    '1',
    '\\',
    '\\n',
    '?',
    '!',
    '&',
    '*',
    '|',
    '>',
    '~',
    '<<',
    '\r\n',
    '$',
    '%',
    '@',
    '.',
    '---',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      assertSame(`k: v\n${pieces.join('')}`)
      assertSame(pieces.join(''))
      assertSame(`k:\n  - ${pieces.join('')}`)
    }),
    { numRuns: 20_000 },
  )
})

test('plain YAML: changed files of the examples and the tests', () => {
  const root = new URL('../../../', import.meta.url).pathname
  const files = [...globSync(`${root}examples/*/compose*.yaml`), ...globSync(`${root}test/fixtures/**/*.yaml`)]
  const texts = files.map((file) => readFileSync(file, 'utf8'))
  assert.ok(texts.map(assertSame).filter(Boolean).length >= 10)
  const bit = fc.constantFrom(' ', '\n', ':', '-', '#', '"', "'", '[', ']', '{', '}', 'x', ': ', '- ', '\n  ', '')
  fc.assert(
    fc.property(fc.constantFrom(...texts), fc.nat(), fc.nat(4), bit, (text, position, removed, inserted) => {
      const at = position % (text.length + 1)
      assertSame(text.slice(0, at) + inserted + text.slice(at + removed))
    }),
    { numRuns: 5000 },
  )
})
