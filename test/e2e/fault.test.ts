/** The fault campaign in short; `node test/fault/main.ts` is the whole one. */
import { describe, test } from 'node:test'
import { createCampaign, type Victim } from '../fault/campaign.ts'
import { createRandom } from '../fault/random.ts'
import { roundsInTime } from '../fault/rounds.ts'
import { createStack, fileDatabase } from '../fault/stack.ts'
import { useEngine } from '../support/engine.ts'

const SEED = 7
const VICTIMS: readonly Victim[] = ['engine', 'cli', 'engine', 'conmon', 'engine', 'cli', 'engine', 'engine']
/** One of each kind. */
const LEAST_ROUNDS = 4

describe('faults', () => {
  const engine = useEngine()

  test('whoever is killed: containers go on, up converges, data is whole, nothing is left', async (t) => {
    const stack = await createStack(engine, fileDatabase)
    await using _project = stack.project
    const campaign = createCampaign({ engine, stack, random: createRandom(SEED) })
    for (const number of roundsInTime(t, VICTIMS.length, LEAST_ROUNDS)) {
      const victim = VICTIMS[number - 1] ?? 'engine'
      try {
        await campaign.round(victim)
      } catch (cause) {
        throw new Error(`round ${number} of seed ${SEED}: ${victim} was killed`, { cause })
      }
    }
    await campaign.finish()
  })
})
