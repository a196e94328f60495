/**
 * The whole fault campaign: `node test/fault/main.ts --engine 300 --cli 100 --conmon 50 --seed 1 [--postgres] [--root DIR]`.
 * One line a round, the figures at the end; exit code 1 when a promise was broken. A broken round is told with the end of
 * the engine's log, everything is removed, and the campaign goes on.
 */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bootstrapArguments, readRecipes } from '../../scripts/setup-images.mjs'
import { BUSYBOX_IMAGE, busyboxTar } from '../support/busybox.ts'
import { createEngine } from '../support/engine.ts'
import { sweep } from '../support/leaks.ts'
import { createCampaign, type Victim } from './campaign.ts'
import { checkStopped } from './checks.ts'
import { createRandom } from './random.ts'
import { createStack, fileDatabase, postgresDatabase } from './stack.ts'

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: '30' },
    cli: { type: 'string', default: '10' },
    conmon: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    postgres: { type: 'boolean', default: false },
    /** Kept at the end; a folder of the campaign's own is removed. */
    root: { type: 'string' },
  },
})

const REPOSITORY = join(import.meta.dirname, '../..')
const BOOTSTRAP_TIMEOUT_MS = 900_000
const random = createRandom(Number(values.seed))
const root = values.root ?? mkdtempSync(join(tmpdir(), 'mycompose-fault-'))
const engine = createEngine(root)
const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** The victims in random order. */
function lineUp(): Victim[] {
  const counts = { engine: Number(values.engine), cli: Number(values.cli), conmon: Number(values.conmon) }
  const left = (Object.keys(counts) as Victim[]).flatMap((victim) => Array<Victim>(counts[victim]).fill(victim))
  for (let index = left.length - 1; index > 0; index -= 1) {
    const other = random.below(index + 1)
    const [mine, theirs] = [left[index], left[other]]
    if (mine !== undefined && theirs !== undefined) [left[index], left[other]] = [theirs, mine]
  }
  return left
}

function tailOfLog(): string {
  const { log } = engine.config.paths
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-25).join('\n') : ''
}

async function provideImages(): Promise<void> {
  await engine.ok(['image', 'import', await busyboxTar(), BUSYBOX_IMAGE])
  if (!values.postgres) return
  const name = 'postgres:15-bookworm'
  if ((await engine.run(['image', 'inspect', name])).exitCode === 0) return
  const recipe = readRecipes(REPOSITORY)[name]
  if (recipe === undefined) throw new Error(`examples/images.json has no ${name}`)
  await engine.ok(bootstrapArguments(name, recipe), { timeoutMs: BOOTSTRAP_TIMEOUT_MS })
}

await provideImages()
const stack = await createStack(engine, values.postgres ? postgresDatabase : fileDatabase)
const campaign = createCampaign({ engine, stack, random })
const broken: string[] = []
const done: Record<Victim, number> = { engine: 0, cli: 0, conmon: 0 }
const startedMs = performance.now()
for (const [index, victim] of lineUp().entries()) {
  const roundMs = performance.now()
  try {
    const what = await campaign.round(victim)
    say(`${index + 1} ${victim}: ${what} (${Math.round(performance.now() - roundMs)} ms)`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    say(`${index + 1} ${victim}: BROKEN ${reason}\n--- end of the engine's log\n${tailOfLog()}\n---`)
    broken.push(`${index + 1} ${victim}: ${reason.split('\n')[0]}`)
    await campaign.finish().catch((failure: unknown) => say(`cannot clear up: ${String(failure)}`))
  }
  done[victim] += 1
}
try {
  await campaign.finish()
  engine.close()
  await engine.ok(['engine', 'stop'])
  await checkStopped(engine)
} catch (error) {
  broken.push(`at the end: ${String(error)}`)
}
engine.close()
const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1)
say(`\nkilled: engine ${done.engine}, command line ${done.cli}, conmon ${done.conmon} in ${minutes} min`)
say(broken.length === 0 ? 'nothing was broken' : `broken: ${broken.length}\n${broken.join('\n')}`)
await stack.project[Symbol.asyncDispose]()
if (values.root === undefined) await sweep(engine.config)
process.exitCode = broken.length === 0 ? 0 : 1
