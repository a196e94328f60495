import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchesNetwork } from '../../../src/network/filters.ts'
import type { NetworkRecord } from '../../../src/state/networks.ts'

const network = {
  id: 'abcdef',
  name: 'demo_default',
  driver: 'bridge',
  predefined: false,
  labels: { 'com.docker.compose.project': 'demo', empty: '' },
} as unknown as NetworkRecord

for (const [filters, want] of [
  [{}, true],
  [{ name: ['demo'] }, true],
  [{ name: ['other', 'fault'] }, true],
  [{ id: ['abc'] }, true],
  [{ id: ['bc'] }, false],
  [{ label: ['com.docker.compose.project=demo', 'empty'] }, true],
  [{ label: ['com.docker.compose.project=demo', 'absent'] }, false],
  [{ label: ['empty=x'] }, false],
  [{ driver: ['host'] }, false],
  [{ type: ['custom'] }, true],
  [{ type: ['builtin'] }, false],
  [{ dangling: ['true'] }, false],
  [{ dangling: ['false'] }, true],
  [{ scope: ['local'], name: ['x'] }, false],
] as const)
  test(`filters ${JSON.stringify(filters)}`, () =>
    assert.equal(
      matchesNetwork(network, filters, () => true),
      want,
    ))

test('an unknown filter is refused', () => {
  assert.throws(() => matchesNetwork(network, { colour: ['red'] }, () => true), { code: 'INVALID_REQUEST' })
})
