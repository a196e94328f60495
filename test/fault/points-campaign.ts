/**
 * kill -9 at every point: an engine dies at its first, second, third ... point (crash-points.ts) of a scenario, and the next
 * one is looked at: what ran still runs, what was begun is finished or undone, and after the removal nothing is left.
 */
import assert from 'node:assert/strict'
import { createReadStream, existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerInspect } from '../../src/api/types/index.ts'
import { engineConfig } from '../../src/engine/config.ts'
import { openEngine, type Engine } from '../../src/engine/engine.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { BUSYBOX_IMAGE, busyboxTar } from '../support/busybox.ts'
import { runCommand } from '../support/command.ts'
import { describeTraces, findTraces, sweep } from '../support/leaks.ts'
import { nodeForSources } from '../support/node-sources.ts'
import { until } from '../support/poll.ts'
import { KEPT, OTHER, SUBJECT, type Scenario } from './scenarios.ts'
import { conmonsOf, documentsOf, isAlive, type ProcessId } from './victims.ts'

const VICTIM = join(import.meta.dirname, 'point-victim.ts')
const NOTICE_MS = 30_000

export interface Outcome {
  /** Points that the scenario has. */
  readonly count: number
  /** One text for each after which a promise was broken. */
  readonly broken: readonly string[]
}

export interface PointsCampaign extends AsyncDisposable {
  /** `pick` chooses of the points 1 to `count` those at which an engine is killed. */
  run(scenario: Scenario, pick: (count: number) => Iterable<number>): Promise<Outcome>
}

/** Its program runs, and no longer the runtime's part of it; or it is over. */
function hasBegun({ Running, Pid }: ContainerInspect['State']): boolean {
  return !Running || readlinkSync(`/proc/${Pid}/exe`).endsWith('/bin/busybox')
}

async function removeAll({ containers, networks, volumes }: Engine['context']): Promise<void> {
  for (const { Id } of await containers.list({ all: true, size: false, filters: {} }))
    await containers.remove(Id, { force: true, volumes: true })
  for (const { Name } of await networks.list({}))
    if (!['bridge', 'host', 'none'].includes(Name)) await networks.remove(Name)
  const left = (await volumes.list({})).filter(({ Name }) => Name !== KEPT)
  for (const { Name } of left) await volumes.remove(Name, { force: true })
  assert.deepEqual(
    left.filter(({ Name }) => Name !== OTHER),
    [],
    'volumes are left',
  )
}

async function checkNetworks({ containers }: Engine['context']): Promise<void> {
  const names = async (): Promise<string[]> =>
    Object.keys((await containers.inspect(SUBJECT)).NetworkSettings.Networks).toSorted()
  const before = await names()
  await containers.restart(SUBJECT, { timeoutSeconds: 0 })
  assert.deepEqual(await names(), before, 'networks after a restart')
}

/** On engines of that root, one after the other; disposal removes what they left. */
export async function openPoints(root: string): Promise<PointsCampaign> {
  const config = engineConfig(root, 'points')
  const host = createNodeHost()
  const keptFile = join(config.paths.volumes, KEPT, '_data/part/file')
  const problems: string[] = []
  const keepAlive = setInterval(() => {}, 1000)

  async function withEngine<T>(work: (engine: Engine['context']) => Promise<T>): Promise<T> {
    const engine = await openEngine(config, host, (level, message, fields) => {
      if (level === 'error') problems.push(`${message} ${JSON.stringify(fields)}`)
    })
    try {
      return await work(engine.context)
    } finally {
      await engine.close()
    }
  }

  /** Of the subject, when state.db says that it runs, and it and its conmon do. */
  function findSurvivor(): ProcessId | undefined {
    const document = documentsOf(config).find(({ name }) => name === SUBJECT)
    const process = document?.state.status === 'running' ? document.state.process : undefined
    const isMonitored = conmonsOf(config).some(({ containerId }) => containerId === document?.id)
    return process !== undefined && isMonitored && isAlive(process) ? process : undefined
  }

  async function checkSubject(engine: Engine['context'], scenario: Scenario, survivor: ProcessId | undefined) {
    const { containers } = engine
    const all = await containers.list({ all: true, size: false, filters: {} })
    if (all.length === 0) return assert.ok(scenario.mayBeGone === true, 'the container is gone')
    const look = async () => (await containers.inspect(SUBJECT)).State
    if (scenario.outcome === 'running')
      await until(async () => (await look()).Running, { what: 'it runs', timeoutMs: NOTICE_MS })
    const state = await look()
    assert.equal(state.Paused && scenario.name !== 'pause', false, 'paused')
    if (state.Paused) await containers.unpause(SUBJECT)
    if (state.Running)
      await until(async () => hasBegun(await look()), { what: 'its program was begun', timeoutMs: NOTICE_MS })
    const now = await look()
    if (survivor !== undefined && scenario.mayEnd !== true && scenario.name !== 'start of a one-shot')
      assert.equal(now.Pid, survivor.pid, `the process that ran; now ${JSON.stringify(now)}`)
    if (scenario.changesNetworks === true) await checkNetworks(engine)
    if (scenario.name === 'start of a one-shot') await checkOneShot(engine)
    else if (!state.Running) assert.equal(await containers.start(SUBJECT), true, 'it can be started')
  }

  /** Never begun, or done with its whole output. */
  async function checkOneShot({ containers }: Engine['context']): Promise<void> {
    const look = async () => (await containers.inspect(SUBJECT)).State
    await until(async () => !(await look()).Running, { what: 'its end', timeoutMs: NOTICE_MS })
    const { Status, ExitCode } = await look()
    const id = (await containers.inspect(SUBJECT)).Id
    const log = join(config.paths.containers, id, 'ctr.log')
    const isDone = existsSync(log) && / F done\n/.test(readFileSync(log, 'utf8'))
    assert.deepEqual([Status, ExitCode, isDone], isDone ? ['exited', 0, true] : ['created', 0, false])
  }

  async function checkAfter(scenario: Scenario): Promise<void> {
    const survivor = findSurvivor()
    await withEngine(async (engine) => {
      await checkSubject(engine, scenario, survivor)
      await removeAll(engine)
    })
    assert.equal(readFileSync(keptFile, 'utf8'), 'kept', 'the file in a volume')
    let left: string[] = []
    const isClean = async (): Promise<boolean> =>
      (left = describeTraces(await findTraces(config)).filter((trace) => !trace.endsWith(`/${KEPT}`))).length === 0
    await until(isClean, { what: 'no trace', timeoutMs: NOTICE_MS }).catch(() => assert.deepEqual(left, []))
    assert.deepEqual(problems.splice(0), [], 'errors of the next engine')
  }

  /** Undefined: it was killed; else the points. */
  async function runVictim(scenario: Scenario, fatal: number): Promise<readonly string[] | undefined> {
    const pid = await withEngine(async (engine) => {
      await scenario.prepare(engine)
      const all = await engine.containers.list({ all: true, size: false, filters: {} })
      return all.length === 0 ? 0 : (await engine.containers.inspect(SUBJECT)).State.Pid
    })
    if (pid > 0) scenario.meanwhile?.(pid)
    const { exitCode, stdout, stderr } = await runCommand([
      ...nodeForSources,
      VICTIM,
      root,
      scenario.name,
      String(fatal),
    ])
    if (exitCode === 0) return JSON.parse(stdout) as string[]
    assert.equal(stderr, '', 'the victim died of something else')
    return undefined
  }

  async function runScenario(scenario: Scenario, pick: (count: number) => Iterable<number>): Promise<Outcome> {
    const points = (await runVictim(scenario, 0)) ?? []
    await checkAfter(scenario)
    const broken: string[] = []
    for (const fatal of pick(points.length)) {
      try {
        await runVictim(scenario, fatal)
        await checkAfter(scenario)
      } catch (error) {
        broken.push(
          `${scenario.name}, before point ${fatal} of ${points.length} (${points[fatal - 1]}): ${String(error)}`,
        )
        problems.length = 0
        await withEngine(removeAll).catch((failure: unknown) => broken.push(`cannot clear up: ${String(failure)}`))
      }
    }
    return { count: points.length, broken }
  }

  const tar = await busyboxTar()
  await withEngine(async ({ images, volumes }) => {
    await images.import(createReadStream(tar), { reference: BUSYBOX_IMAGE, changes: [] }, () => {})
    await volumes.create({ Name: KEPT })
  })
  mkdirSync(join(keptFile, '..'), { recursive: true })
  writeFileSync(keptFile, 'kept')
  return {
    run: runScenario,
    async [Symbol.asyncDispose]() {
      clearInterval(keepAlive)
      await sweep(config)
    },
  }
}
