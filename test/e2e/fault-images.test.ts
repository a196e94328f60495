/** The store after SIGKILL: six rounds; MYCOMPOSE_FAULT_ROUNDS=100 for more. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createImageCampaign } from '../fault/images.ts'
import { createRandom } from '../fault/random.ts'
import { roundsInTime } from '../fault/rounds.ts'
import { useEngine } from '../support/engine.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { startRegistry } from '../support/registry.ts'
import { folder, tarOf, type TestEntry } from '../support/tar-bytes.ts'

const SEED = Number(process.env['MYCOMPOSE_FAULT_SEED'] ?? 11)
const ROUNDS = Number(process.env['MYCOMPOSE_FAULT_ROUNDS'] ?? 6)
/** All of them when somebody asks for a number. */
const LEAST_ROUNDS = process.env['MYCOMPOSE_FAULT_ROUNDS'] === undefined ? 3 : ROUNDS
const MIB = 2 ** 20

/** Random bytes cannot be compressed: what comes over the wire is as large. */
function layer(name: string): Buffer {
  const small = Array.from({ length: 200 }, (_, index): TestEntry => ({ path: `${name}/${index}`, content: name }))
  return tarOf(folder(name), { path: `${name}/big`, content: randomBytes(4 * MIB) }, ...small)
}

describe('the store of an engine that is killed', () => {
  const engine = useEngine({ busybox: false })

  test('is right afterwards, and the next pull goes on', async (t) => {
    const registry = await startRegistry(t)
    await registry.add({ name: 'web:1', layers: [layer('a'), layer('b'), layer('c')] })
    const proxy = await startFaultProxy(t, registry.url)
    const work = mkdtempSync(join(tmpdir(), 'mycompose-fault-tar-'))
    t.after(() => rmSync(work, { recursive: true }))
    const tar = join(work, 'import.tar')
    writeFileSync(tar, layer('imported'))
    const campaign = await createImageCampaign({ engine, proxy, random: createRandom(SEED), tar })
    for (const number of roundsInTime(t, ROUNDS, LEAST_ROUNDS)) {
      try {
        t.diagnostic(`${number}: ${await campaign.round()}`)
      } catch (cause) {
        throw new Error(`round ${number} of seed ${SEED}`, { cause })
      }
    }
    await engine.run(['image', 'prune', '-a', '-f'])
  })
})
