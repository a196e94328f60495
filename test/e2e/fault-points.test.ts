/**
 * An engine that is killed at one point of each scenario, chosen by chance: MYCOMPOSE_FAULT_SEED=3 for others, and
 * `node test/fault/points.ts` for all.
 */
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openPoints } from '../fault/points-campaign.ts'
import { createRandom } from '../fault/random.ts'
import { roundsInTime } from '../fault/rounds.ts'
import { SCENARIOS } from '../fault/scenarios.ts'

const SEED = Number(process.env['MYCOMPOSE_FAULT_SEED'] ?? 7)
const LEAST_SCENARIOS = 3

test('killed in the midst of a step, the next engine finishes or undoes it', async (t) => {
  const random = createRandom(SEED)
  await using campaign = await openPoints(mkdtempSync(join(tmpdir(), 'mycompose-points-')))
  for (const number of roundsInTime(t, SCENARIOS.length, LEAST_SCENARIOS)) {
    const scenario = SCENARIOS[number - 1]
    assert.ok(scenario !== undefined)
    let fatal = 0
    const { count, broken } = await campaign.run(scenario, (points) => [(fatal = 1 + random.below(points))])
    t.diagnostic(`${scenario.name}: killed before point ${fatal} of ${count}`)
    assert.deepEqual(broken, [], `seed ${SEED}`)
  }
})
