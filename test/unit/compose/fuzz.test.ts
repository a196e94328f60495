/**
 * A share of the mutants of scripts/fuzz-compose.ts: by hand 100,000 of them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from '../../../scripts/fuzz-compose.ts'

test('2000 mutants of Compose files load or are refused, within a second each', async () => {
  const { failures, loaded, refused } = await fuzz(2000, 4)
  assert.deepEqual(failures, [])
  // A mutator that only breaks files, or never does, tests nothing.
  assert.ok(loaded > 50 && refused > 500, `loaded ${loaded}, refused ${refused}`)
})
