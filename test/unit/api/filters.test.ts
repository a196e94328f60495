import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasLabel, matchesFilters } from '../../../src/api/filters.ts'

const LABELS: [string, boolean][] = [
  ['tier', true],
  ['tier=web', true],
  ['tier=', false],
  ['empty', true],
  ['empty=', true],
  ['with=a=b', true],
  ['absent', false],
  ['constructor', false],
  ['toString=x', false],
]
for (const [wanted, want] of LABELS)
  test(`label ${wanted}`, () => assert.equal(hasLabel({ tier: 'web', empty: '', with: 'a=b' }, wanted), want))

test('values are alternatives, labels are not; a filter without values says nothing', () => {
  const tests = {
    name: (value: string) => value === 'a',
    label: (value: string) => value === 'x',
    'label!': (value: string) => value !== 'x',
  }
  assert.equal(matchesFilters({ name: ['b', 'a'], label: ['x'] }, tests), true)
  assert.equal(matchesFilters({ name: ['b'] }, tests), false)
  assert.equal(matchesFilters({ label: ['x', 'y'] }, tests), false)
  assert.equal(matchesFilters({ 'label!': ['y', 'x'] }, tests), false)
  assert.equal(matchesFilters({ name: [] }, tests), true)
  assert.throws(() => matchesFilters({ constructor: ['x'] }, tests), {
    code: 'INVALID_REQUEST',
  })
})
