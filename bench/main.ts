/**
 * `npm run bench [-- WORD...]`: measures the scenarios whose names contain one of the words (all without any), mycompose,
 * docker compose and the floor in turn within one run, and prints a table of medians and ratios. Only the ratios of one
 * run on one machine mean anything.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { busyboxTar } from '../test/support/busybox.ts'
import { BUILD_SCENARIOS } from './builds.ts'
import { createDocker, createMycompose, makeWorkFolder, REPOSITORY, type Contender } from './contenders.ts'
import { createFloor, type Floor } from './floor.ts'
import { createPostgresFloor } from './floor-postgres.ts'
import { run, summarise } from './measure.ts'
import { measureNetwork } from './network.ts'
import { measurePull } from './pull.ts'
import { measureRestart } from './restart.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { formatTable, type Row } from './table.ts'

const OWN = 'mycompose'
const PEER = 'docker compose'
const FLOOR = 'floor'

function tell(text: string): void {
  process.stderr.write(`bench  ${text}\n`)
}

/** One run more than counted: the first warms up. Contenders take turns, so that a busy moment hits all alike. */
async function measure(scenario: Scenario, contenders: readonly Contender[], floor: Floor): Promise<Row> {
  const times = new Map<string, number[]>()
  const failures = new Map<string, string>()
  const attempt = async (name: string, work: () => Promise<void>): Promise<void> => {
    if (failures.has(name)) return
    await work().catch((error: unknown) => {
      tell(String(error))
      failures.set(name, 'failed')
    })
  }
  const record = (name: string, round: number, durationMs: number): void => {
    if (round > 0) times.set(name, [...(times.get(name) ?? []), durationMs])
  }
  for (const contender of contenders) {
    if (scenario.needsExamples === true && !contender.hasExampleImages) failures.set(contender.name, 'no images')
    await attempt(contender.name, async () => scenario.setUp?.(contender))
  }
  for (let round = 0; round <= scenario.runs; round += 1) {
    for (const contender of contenders)
      await attempt(contender.name, async () => {
        await scenario.prepare?.(contender)
        const { durationMs } = await run(scenario.command(contender), { env: contender.env })
        record(contender.name, round, durationMs - contender.overheadMs)
        await scenario.cleanUp?.(contender)
      })
    await attempt(FLOOR, async () => {
      const [own] = contenders
      if (scenario.floor !== undefined && own !== undefined) record(FLOOR, round, await scenario.floor(floor, own))
    })
  }
  for (const contender of contenders) await attempt(contender.name, async () => scenario.tearDown?.(contender))
  const medians = [...times].map(([name, values]) => [name, summarise(values).medianMs] as const)
  return {
    name: scenario.name,
    unit: 'ms',
    values: { ...Object.fromEntries(medians), ...Object.fromEntries(failures) },
  }
}

/** Idle, and what each of 50 containers adds: the engine's growth and the monitor, not the service itself. */
async function measureMemory(contenders: readonly Contender[]): Promise<Row[]> {
  const idle: Record<string, number> = {}
  const perContainer: Record<string, number> = {}
  const count = 50
  for (const contender of contenders) {
    const { env, name } = contender
    idle[name] = contender.memoryBytes() / 2 ** 20
    await run(contender.compose(`idle${count}.yaml`, ['up', '-d']), { env })
    perContainer[name] = (contender.memoryBytes() / 2 ** 20 - idle[name]) / count
    await run(contender.compose(`idle${count}.yaml`, ['down', '-t', '0']), { env })
  }
  return [
    { name: 'engine, before', unit: 'MiB', values: idle },
    { name: `per container, of ${count}`, unit: 'MiB', values: perContainer },
  ]
}

async function main(): Promise<void> {
  const words = process.argv.slice(2)
  const isWanted = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word))
  const scenarios = [...SCENARIOS, ...BUILD_SCENARIOS].filter(({ name }) => isWanted(name))
  const folder = makeWorkFolder()
  const tar = await busyboxTar()
  const postgresEntrypoint = readFileSync(join(REPOSITORY, 'examples/postgres/entrypoint.sh'), 'utf8')
  const materials = { repository: REPOSITORY, folder, busyboxTar: tar, postgresEntrypoint }
  const withExamples = scenarios.some(({ needsExamples }) => needsExamples === true)
  if (withExamples) tell('making the images of the examples')
  const own = await createMycompose(materials, { withExamples })
  const contenders: Contender[] = [own]
  try {
    const peer = await createDocker(materials)
    if (peer === undefined) tell('docker compose does not answer here: see BENCH_PEER in bench/README.md')
    else contenders.push(peer)
    const bare = await createFloor(folder, tar)
    const floor: Floor = withExamples
      ? { ...bare, postgres: await createPostgresFloor(bare.runtime, folder, own) }
      : bare
    tell(
      `floor: ${floor.runtime}${peer === undefined ? '' : `; ${peer.overheadMs.toFixed(0)} ms taken off for BENCH_PEER`}`,
    )
    const rows: Row[] = []
    if (isWanted('memory')) rows.push(...(await measureMemory(contenders)))
    if (isWanted('restart')) rows.push(...(await measureRestart(contenders, FLOOR)))
    if (isWanted('network')) rows.push(...(await measureNetwork(contenders, FLOOR)))
    if (isWanted('pull'))
      rows.push(...(await measurePull(contenders, materials, { own: OWN, peer: PEER, floor: FLOOR })))
    for (const scenario of scenarios) {
      tell(scenario.name)
      rows.push(await measure(scenario, contenders, floor))
    }
    process.stdout.write(`${formatTable(rows, { own: OWN, peer: PEER, floor: FLOOR })}\n`)
  } finally {
    for (const contender of contenders) await contender.close().catch((error: unknown) => tell(String(error)))
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
