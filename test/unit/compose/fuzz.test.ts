/**
 * A share of the mutants of scripts/fuzz-compose.ts: by hand 100,000 of them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzz } from '../../../scripts/fuzz-compose.ts'

/** By hand it is a second. Here it is to find what hangs, on machines ten times slower and busy with other tests too. */
const MOST_MS = 30_000

test('2000 mutants of Compose files load or are refused, none takes for ever', async () => {
  const { failures, loaded, refused } = await fuzz(2000, 4, () => {}, MOST_MS)
  assert.deepEqual(failures, [])
  // A mutator that only breaks files, or never does, tests nothing.
  assert.ok(loaded > 50 && refused > 500, `loaded ${loaded}, refused ${refused}`)
})
