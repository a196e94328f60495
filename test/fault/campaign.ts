/**
 * Rounds of: the stack runs, an operation begins, somebody is killed with SIGKILL at a random moment of it, and then
 * everything that was promised is checked. Deterministic but for the timing: same seed, same operations and victims.
 */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { ContainerInspect } from '../../src/api/types/index.ts'
import type { ContainerDocument } from '../../src/state/containers.ts'
import { describeResult, type CommandResult } from '../support/command.ts'
import type { EngineUnderTest } from '../support/engine.ts'
import { until } from '../support/poll.ts'
import { checkConvergence, checkData, checkLeaks, checkSurvivors, findSurvivors } from './checks.ts'
import type { Random } from './random.ts'
import type { Stack } from './stack.ts'
import { conmonsOf, documentsOf, enginePids, isAlive, kill, type Conmon } from './victims.ts'

export type Victim = 'engine' | 'cli' | 'conmon'
type Operation = 'idle' | 'up' | 'down' | 'recreate' | 'change' | 'scale' | 'restart' | 'stop'

const OPERATIONS: Readonly<Record<Victim, readonly Operation[]>> = {
  engine: ['idle', 'up', 'up', 'down', 'recreate', 'change', 'scale', 'restart', 'stop'],
  cli: ['up', 'up', 'down', 'recreate', 'change', 'scale', 'restart', 'stop'],
  conmon: ['idle', 'idle', 'up', 'recreate', 'scale', 'down'],
}
const NOTICE_MS = 120_000
/** Every so many rounds everything is removed and the leaks are counted. */
const LEAK_CHECK_EVERY = 4
/** A bug of ours: main.ts prints the stack and ends with it. */
const INTERNAL_ERROR = 70

interface Struck {
  readonly conmon: Conmon
  /** Of its container, before. */
  readonly document: ContainerDocument | undefined
}

export interface Campaign {
  /** One kill and its checks. Throws with what was broken. */
  round(victim: Victim): Promise<string>
  /** `down -v` and the leak check. */
  finish(): Promise<void>
}

export interface CampaignOptions {
  readonly engine: EngineUnderTest
  readonly stack: Stack
  readonly random: Random
}

export function createCampaign({ engine, stack, random }: CampaignOptions): Campaign {
  /** How long each operation usually takes: the moment of the kill lies within. */
  const usualMs = new Map<Operation, number>()
  let workers = 2
  let rounds = 0
  let nextRow = 1
  let acknowledged: number[] = []
  /** `down` without -v leaves anonymous volumes, as docker's does: those are no leak. */
  let mayHaveAnonymous = false
  const options = { cwd: stack.project.folder }

  /** argv of the operation, and what it does to our expectations. Undefined: nothing is run. */
  function argvOf(operation: Operation): readonly string[] | undefined {
    switch (operation) {
      case 'idle':
        return undefined
      case 'up':
        return ['up', '-d', '--wait']
      case 'down':
        return ['down', '-t', '2']
      case 'recreate':
        return ['up', '-d', '--force-recreate', '-t', '2']
      case 'change':
        stack.change({ all: random.below(2) === 0 })
        return ['up', '-d', '-t', '2']
      case 'scale':
        workers = 1 + random.below(4)
        return ['up', '-d', '--scale', `worker=${workers}`]
      case 'restart':
        return ['restart', '-t', '2']
      case 'stop':
        return ['stop', '-t', '2']
      default:
        return operation satisfies never
    }
  }

  /** "up" is worth watching only from nothing, or from stopped containers. */
  async function prepare(operation: Operation): Promise<void> {
    if (operation === 'down') mayHaveAnonymous = true
    if (operation !== 'up') return
    const verb = random.pick(['down', 'stop'])
    await stack.project.ok(verb, '-t', '2')
    mayHaveAnonymous ||= verb === 'down'
  }

  async function insertRow(): Promise<void> {
    const row = nextRow
    nextRow += 1
    await stack.project.ok('exec', '-T', 'db', ...stack.database.insert(row))
    acknowledged.push(row)
  }

  function checkCommand(result: CommandResult): void {
    assert.notEqual(result.exitCode, INTERNAL_ERROR, describeResult(result))
  }

  /** Begins it, waits for the moment, kills; resolves when the command line has ended. */
  async function strike(operation: Operation, attack: (cliPid: number | undefined) => void): Promise<void> {
    const argv = argvOf(operation)
    const moment = random.next()
    if (argv === undefined) return attack(undefined)
    const startedMs = performance.now()
    const command = engine.start(argv, options)
    await pause(moment * (usualMs.get(operation) ?? 800))
    attack(command.pid)
    const result = await command.exited
    checkCommand(result)
    if (result.exitCode !== 0) return
    const tookMs = performance.now() - startedMs
    usualMs.set(operation, Math.min(15_000, 0.7 * (usualMs.get(operation) ?? tookMs) + 0.3 * tookMs))
  }

  /** Sometimes the next engine is killed too, in its recovery. */
  async function killRecovery(): Promise<void> {
    const command = engine.start(['ps'], options)
    await pause(60 + random.below(250))
    for (const pid of enginePids(engine.config)) kill(pid)
    checkCommand(await command.exited)
  }

  async function killEngine(operation: Operation): Promise<string> {
    await strike(operation, () => {
      for (const pid of enginePids(engine.config)) kill(pid)
    })
    const isTwice = random.below(4) === 0
    if (isTwice) await killRecovery()
    // a command line that was hit before it had connected has started another one
    await until(() => enginePids(engine.config).every((pid) => !kill(pid)), { what: 'no engine runs' })
    // a stop or a restart that was under way may still end some of them by itself
    const survivors = operation === 'idle' || operation === 'scale' || operation === 'up' ? findSurvivors(engine) : []
    const listing = await engine.run(['ps', '-a'], { ...options, timeoutMs: 300_000 })
    assert.equal(listing.exitCode, 0, describeResult(listing))
    checkSurvivors(engine, survivors)
    return `${operation}${isTwice ? ' and recovery' : ''}, ${survivors.length} went on`
  }

  async function killCommandLine(operation: Operation): Promise<string> {
    await strike(operation, (pid) => {
      if (pid !== undefined) kill(pid)
    })
    return operation
  }

  /** What the engine must do about it: no process is left behind, and the restart policy is applied. */
  async function checkNoticed({ conmon: { containerId }, document }: Struck, isLeftAlone: boolean): Promise<void> {
    const before = document?.state.process
    const pidBefore = before?.pid
    if (before !== undefined)
      await until(() => !isAlive(before), { what: 'a container without conmon is ended', timeoutMs: NOTICE_MS })
    await until(async () => (await inspect(containerId))?.State.Pid !== pidBefore, {
      what: `the end of ${document?.name} is recorded`,
      timeoutMs: NOTICE_MS,
    })
    if (!isLeftAlone) return
    const policy = document?.hostConfig.RestartPolicy?.Name ?? 'no'
    await until(
      async () => {
        const found = await inspect(containerId)
        if (found === undefined) return true // removed by the operation
        if (found.State.Pid === pidBefore) return false
        return found.State.Pid > 0 || policy === 'no' || document?.manuallyStopped === true
      },
      { what: `policy ${policy} is applied to ${document?.name}`, timeoutMs: NOTICE_MS },
    )
  }

  /** Undefined: it was removed. */
  async function inspect(containerId: string): Promise<ContainerInspect | undefined> {
    return await engine
      .client()
      .containers.inspect(containerId)
      .catch(() => undefined)
  }

  async function killConmon(operation: Operation): Promise<string> {
    let struck: Struck | undefined
    await strike(operation, () => {
      const conmons = conmonsOf(engine.config)
      if (conmons.length === 0) return
      const conmon = random.pick(conmons)
      const document = documentsOf(engine.config).find(({ id }) => id === conmon.containerId)
      kill(conmon.pid)
      struck = { conmon, document }
    })
    if (struck !== undefined) await checkNoticed(struck, operation === 'idle')
    return operation
  }

  async function finish(): Promise<void> {
    await stack.project.ok('down', '-v', '-t', '2')
    acknowledged = []
    const { volumes } = engine.client()
    if (mayHaveAnonymous)
      for (const { Name, Labels } of await volumes.list())
        if (Labels?.['com.docker.volume.anonymous'] !== undefined) await volumes.remove(Name)
    mayHaveAnonymous = false
    await checkLeaks(engine)
  }

  return {
    finish,
    async round(victim) {
      rounds += 1
      if (acknowledged.length === 0) await checkConvergence(engine, stack, workers)
      await insertRow()
      const operation = random.pick(OPERATIONS[victim])
      await prepare(operation)
      const strikes = { engine: killEngine, cli: killCommandLine, conmon: killConmon }
      try {
        const what = await strikes[victim](operation)
        await checkConvergence(engine, stack, workers)
        await checkData(stack, acknowledged)
        if (rounds % LEAK_CHECK_EVERY === 0) await finish()
        return what
      } catch (cause) {
        throw new Error(`${operation}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
      }
    },
  }
}
