import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { interpolateText, type InterpolationNote, lookupIn } from '../../../src/compose/interpolate.ts'
import { load, loadWeb } from './support.ts'

const VARIABLES = lookupIn({ A: 'a', EMPTY: '', B_1: 'b' })

function interpolate(text: string): { value: string; notes: string[] } {
  const notes: string[] = []
  const note = ({ kind, name, message }: InterpolationNote): void => {
    notes.push([kind, name, message].join('|'))
  }
  return { value: interpolateText(text, VARIABLES, note), notes }
}

const CASES: readonly (readonly [input: string, want: string, ...notes: string[]])[] = [
  ['plain', 'plain'],
  ['$A', 'a'],
  ['${A}', 'a'],
  ['x$A.y', 'xa.y'],
  ['$B_1', 'b'],
  ['${A}${A}', 'aa'],
  ['$$A', '$A'],
  ['$$$A', '$a'],
  ['$$$$', '$$'],
  ['${A-d}', 'a'],
  ['${EMPTY-d}', ''],
  ['${NONE-d}', 'd'],
  ['${EMPTY:-d}', 'd'],
  ['${NONE:-d}', 'd'],
  ['${NONE:-}', ''],
  ['${A+r}', 'r'],
  ['${EMPTY+r}', 'r'],
  ['${EMPTY:+r}', ''],
  ['${NONE+r}', ''],
  ['${A:+r}', 'r'],
  ['${A?e}', 'a'],
  ['${EMPTY?e}', ''],
  ['${EMPTY:?e}', '', 'required|EMPTY|e'],
  ['${NONE?}', '', 'required|NONE|'],
  ['${NONE:?need $A}', '', 'required|NONE|need a'],
  ['${NONE:-${A}}', 'a'],
  ['${NONE:-${NONE2:-${A}x}y}z', 'axyz'],
  ['${NONE:-{"k":{"j":1}}}', '{"k":{"j":1}}'],
  ['${NONE:-a$$b}', 'a$b'],
  ['${NONE:-http://x:80/?a=b}', 'http://x:80/?a=b'],
  ['${A:-${UNSEEN?}}', 'a'],
  ['$NONE', '', 'unset|NONE|'],
  ['${NONE}', '', 'unset|NONE|'],
  ['$', '$'],
  ['$1 $. $-', '$1 $. $-'],
  ['a$', 'a$'],
  ['$constructor', '', 'unset|constructor|'],
  ['${A', '${A', 'invalid|${A|the closing "}" is missing'],
  ['${A:-b', '${A:-b', 'invalid|${A:-b|the closing "}" is missing'],
  ['x${}', 'x${}', 'invalid|${}|a variable name must follow "${"'],
  ['${1}', '${1}', 'invalid|${1}|a variable name must follow "${"'],
  ['${A/b/c}', '${A/b/c}', 'invalid|${A/b/c}|"/" cannot follow the name "A"'],
  ['${A:x}', '${A:x}', 'invalid|${A:x}|":" cannot follow the name "A"'],
]

for (const [input, value, ...notes] of CASES) {
  test(`interpolation of ${input}`, () => {
    assert.deepEqual(interpolate(input), { value, notes })
  })
}

test('no text makes interpolation throw, and one without dollar signs stays', () => {
  const pieces = fc.array(fc.constantFrom('$', '{', '}', ':', '-', '?', '+', 'A', 'NONE', '1', ' ', '"', '$$', '${A}'))
  fc.assert(
    fc.property(
      fc.oneof(
        pieces.map((parts) => parts.join('')),
        fc.string(),
      ),
      (text) => {
        const { value } = interpolate(text)
        assert.equal(typeof value, 'string')
        if (!text.includes('$')) assert.equal(value, text)
        assert.equal(interpolate(text.replaceAll('$', '$$$$')).value, text)
      },
    ),
  )
})

test('a deep nesting is refused instead of exhausting the stack', () => {
  const { notes } = interpolate(`${'${NONE:-'.repeat(100_000)}x${'}'.repeat(100_000)}`)
  assert.equal(notes.length, 1)
  assert.match(notes[0] ?? '', /^invalid/)
})

test('values are interpolated, keys are not', async () => {
  const web = await loadWeb('environment: { $A: $A }\nlabels: ["k=$A"]', { environment: { A: 'x' } })
  assert.deepEqual(web.environment, { $A: 'x' })
  assert.deepEqual(web.labels, { k: 'x' })
})

test('numbers and booleans may come from variables', async () => {
  const web = await loadWeb('privileged: ${YES}\nscale: ${N}\ncpus: ${C}\nmem_limit: ${M}', {
    environment: { YES: 'true', N: '3', C: '1.5', M: '64m' },
  })
  assert.deepEqual([web.privileged, web.scale, web.cpus, web.memLimit], [true, 3, 1.5, 67_108_864])
})

test('an unset variable is a warning, told once', async () => {
  const { warnings } = await load('services: { a: { image: "x$NONE" }, b: { image: "y$NONE" } }')
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['VARIABLE_UNSET'],
  )
})

test('--no-interpolate leaves templates as they are', async () => {
  const web = await loadWeb('environment: { X: "${NONE:?}" }', { skip: { interpolation: true } })
  assert.equal(web.environment['X'], '${NONE:?}')
})
