/**
 * src/compose/yaml-text.ts against an independent reader: what is printed reads back equal, also as YAML 1.1.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { toYaml } from '../../../src/compose/yaml-text.ts'

const TRICKY: readonly string[] = [
  '',
  'yes',
  'No',
  'null',
  '~',
  '0123',
  '1e3',
  '0x1f',
  '.5',
  '-',
  '- a',
  'a: b',
  'a #b',
  '#a',
  '&a',
  '*a',
  '!a',
  '|',
  '>',
  '%a',

  '@a',
  '`a',
  '"a"',
  "'a'",
  'a\nb',
  'a\n',
  ' a',
  'a ',
  'a\n\n b\n',
  '\ta',
  '{a',
  '[a',
  'a,b',
  '?',
  ': a',
  'a:',
  '=',
  '<<',
  '12:30',

  '2024-01-01',
  '1_000',
  '\u0000',
  '\u2028',
  '\uFEFFx',
  '---',
  '...',
  'é',
  '😀',
  'a\r\nb',
  'x\t',
  '+1',
  '.inf',
  'a b  c',
  '$x',
  '5s',
  '1m30s',
  '0b1',
  '0o7s',
  '127.0.0.1',
  '8000-8010',
  '-c',
  '--flag',
  '-1',
  '1.2.3',
  '-e3',
  '0xgh',
  '12e3',

  './x',
  '../x',
  '.env',
  '..',
  '.',
  '.5e3',
  '-.inf',
  '1e',
  '1__0s',
  '+x',
  '-inf',
  '-',
  'a\n\tb\n',
]

const tricky = fc.constantFrom(...TRICKY)
const scalar = fc.oneof(
  tricky,
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
)
const key = fc.oneof(tricky, fc.string()).filter((name) => name !== '__proto__' && name.length < 500)
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
  ),
}))

for (const version of ['1.2', '1.1'] as const) {
  test(`what is printed reads back the same as YAML ${version}`, () => {
    fc.assert(
      fc.property(tree, (value) => {
        const text = toYaml(value)
        // JSON on both sides: the objects of fast-check have no prototype, and -0 is 0.
        const read: unknown = parse(text, { version, merge: false, strict: true })
        assert.equal(JSON.stringify(read), JSON.stringify(value), text)
      }),
      { numRuns: 1000 },
    )
  })
}

test('several lines are a literal block', () => {
  assert.equal(toYaml({ a: 'x\n  y\n', b: ['p\nq'] }), 'a: |\n  x\n    y\nb:\n  - |-\n    p\n    q\n')
})
