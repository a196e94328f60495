/** What must be true after a kill, looked up in the kernel, on the disk and over the network. Each throws with the reason. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerInspect } from '../../src/api/types/index.ts'
import { describeResult } from '../support/command.ts'
import { containersOf, httpText } from '../support/compose.ts'
import type { EngineUnderTest } from '../support/engine.ts'
import { describeTraces, findTraces, idleLeaks } from '../support/leaks.ts'
import { until } from '../support/poll.ts'
import { EXPECTED, PROJECT, type Stack } from './stack.ts'
import { conmonsOf, documentsOf, isAlive, type ProcessId } from './victims.ts'

/** On a machine ten times slower too: only a hang is to be found. */
const CONVERGE_MS = 300_000
const LEAK_GRACE_MS = 15_000

export interface Survivor {
  readonly name: string
  readonly process: ProcessId
}

/**
 * While no engine runs: containers that state.db has as running, whose process and conmon live, and that nobody was
 * about to stop. The next engine must leave them alone.
 */
export function findSurvivors({ config }: EngineUnderTest): Survivor[] {
  const monitored = new Set(conmonsOf(config).map(({ containerId }) => containerId))
  return documentsOf(config).flatMap(({ id, name, state, manuallyStopped }) => {
    const { process, status } = state
    if (status !== 'running' || process === undefined || manuallyStopped) return []
    return monitored.has(id) && isAlive(process) ? [{ name, process }] : []
  })
}

export function checkSurvivors({ config }: EngineUnderTest, survivors: readonly Survivor[]): void {
  const documents = documentsOf(config)
  const lost = survivors
    .filter(({ process }) => !isAlive(process))
    .map(({ name, process }) => ({ name, process, now: documents.find((document) => document.name === name)?.state }))
    // a one-shot that was let run ends by itself
    .filter(({ name, now }) => !(name.includes('-migrate-') && now?.status === 'exited' && now.exitCode === 0))
  assert.deepEqual(lost, [], 'containers that ran are gone after the next engine start')
}

const serviceOf = ({ Config }: ContainerInspect): string => Config.Labels?.['com.docker.compose.service'] ?? ''

/** `up -d --wait` succeeds, and the stack is what the file says. */
export async function checkConvergence(engine: EngineUnderTest, stack: Stack, workers: number): Promise<void> {
  const { project } = stack
  const up = await engine.run(['up', '-d', '--wait', '--scale', `worker=${workers}`], {
    cwd: project.folder,
    timeoutMs: CONVERGE_MS,
  })
  assert.equal(up.exitCode, 0, describeResult(up))
  const containers = await containersOf(engine.client(), PROJECT)
  const running: Record<string, number> = {}
  for (const container of containers.filter(({ State }) => State.Running)) {
    running[serviceOf(container)] = (running[serviceOf(container)] ?? 0) + 1
    assert.ok(existsSync(`/proc/${container.State.Pid}`), `${container.Name} has no process ${container.State.Pid}`)
  }
  assert.deepEqual(running, { ...EXPECTED, worker: workers })
  const names = containers.map(({ Name }) => Name.slice(1))
  assert.deepEqual(
    names.filter((name) => !/^fault-(?:cache|db|migrate|web|worker)-\d+$/.test(name)),
    [],
    'containers with odd names are left',
  )
  const migrate = containers.find((container) => serviceOf(container) === 'migrate')
  assert.deepEqual([migrate?.State.Status, migrate?.State.ExitCode], ['exited', 0], 'migrate')
  assert.equal(await httpText(`http://127.0.0.1:${stack.webPort}/`), stack.greeting())
  for (const worker of containers.filter((container) => serviceOf(container) === 'worker')) checkLog(engine, worker)
}

/** worker counts aloud: each line is one more than the one before, or 1 after a restart. */
function checkLog({ config }: EngineUnderTest, { Id, Name }: ContainerInspect): void {
  const path = join(config.paths.containers, Id, 'ctr.log')
  let last = 0
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const number = Number(/ F (\d+)$/.exec(line)?.[1] ?? Number.NaN)
    if (Number.isNaN(number)) continue
    assert.ok(number === last + 1 || number === 1, `${Name}: a line is lost between ${last} and ${number}`)
    last = number
  }
}

/** All rows that were acknowledged are there. */
export async function checkData(stack: Stack, acknowledged: readonly number[]): Promise<void> {
  const found = new Set((await stack.project.ok('exec', '-T', 'db', ...stack.database.select)).split('\n').map(Number))
  assert.deepEqual(
    acknowledged.filter((row) => !found.has(row)),
    [],
    'rows are lost',
  )
}

/** After `down -v`: nothing in the kernel or on the disk belongs to the engine but its own process. */
export async function checkLeaks(engine: EngineUnderTest): Promise<void> {
  const find = async (): Promise<string[]> => idleLeaks(engine.config, await findTraces(engine.config), engine.pid())
  let leaks = await find()
  if (leaks.length > 0)
    await until(async () => (leaks = await find()).length === 0, { what: 'no leak', timeoutMs: LEAK_GRACE_MS }).catch(
      () => {},
    )
  assert.deepEqual(leaks, [], 'left behind by down -v')
  const volumes = await engine.client().volumes.list()
  assert.deepEqual(volumes, [], 'volumes that state.db still has')
  assert.deepEqual(documentsOf(engine.config), [], 'containers that state.db still has')
}

/** After `engine stop` without containers: only the root is left. */
export async function checkStopped(engine: EngineUnderTest): Promise<void> {
  const find = async (): Promise<string[]> => describeTraces(await findTraces(engine.config))
  let leaks = await find()
  if (leaks.length > 0)
    await until(async () => (leaks = await find()).length === 0, { what: 'no leak', timeoutMs: LEAK_GRACE_MS }).catch(
      () => {},
    )
  assert.deepEqual(leaks, [], 'left behind by an engine that was stopped')
}
