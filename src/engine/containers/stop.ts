/**
 * stop, kill, restart, pause, halt. Signals go to the first process by pid, guarded by its start time; no program is run.
 * Waiting happens without the lock: the end of the run needs it.
 */
import { ConflictError, MycomposeError } from '../../errors.ts'
import { lockKey, publish, type ContainersContext } from './context.ts'
import { userStart } from './start.ts'
import { parseSignal, SIGKILL, SIGTERM } from './signals.ts'
import { notRunning, type Container, type Run } from './store.ts'

const DEFAULT_GRACE_SECONDS = 10
/** After SIGKILL only a process stuck in the kernel is left. */
const KILL_GRACE_MS = 10_000

export interface StopOptions {
  readonly timeoutSeconds?: number | undefined
  readonly signal?: string | undefined
  /** Caps the container's own grace, also one without end. */
  readonly maxGraceSeconds?: number | undefined
}

/** False when the process is gone. */
export function sendSignal(context: ContainersContext, { document }: Container, signal: number): boolean {
  const { process } = document.state
  return process !== undefined && context.host.processes.signal(process.pid, signal, process.startTime)
}

/** True when the run ended in time. `ms` Infinity: for ever. */
async function endsWithin(run: Run, ms: number): Promise<boolean> {
  if (ms === Number.POSITIVE_INFINITY) return run.ended.then(() => true)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), ms)
  try {
    return await Promise.race([run.ended.then(() => true), promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Frozen processes do not see signals. */
async function thaw(context: ContainersContext, container: Container, run: Run): Promise<void> {
  if (container.document.state.status !== 'paused') return
  const { cgroups } = await context.platform()
  await cgroups.freeze(run.cgroupPath, false)
  context.store.updateState(container, { status: 'running' })
}

function graceMs({ document }: Container, { timeoutSeconds, maxGraceSeconds = Infinity }: StopOptions): number {
  const seconds = timeoutSeconds ?? document.config.StopTimeout ?? DEFAULT_GRACE_SECONDS
  return Math.min(seconds < 0 ? Infinity : seconds, maxGraceSeconds) * 1000
}

/** Ends the run, kindly and then not. */
export async function endRun(context: ContainersContext, container: Container, options: StopOptions): Promise<void> {
  const { run } = container
  if (run === undefined) return
  const wish = options.signal ?? container.document.config.StopSignal ?? ''
  const signal = wish === '' ? SIGTERM : parseSignal(wish)
  await thaw(context, container, run)
  const grace = graceMs(container, options)
  if (grace > 0) {
    sendSignal(context, container, signal)
    publish(context, container, 'kill', { signal: String(signal) })
    if (await endsWithin(run, grace)) return
  }
  sendSignal(context, container, SIGKILL)
  publish(context, container, 'kill', { signal: String(SIGKILL) })
  if (await endsWithin(run, KILL_GRACE_MS)) return
  throw new MycomposeError(`cannot kill container ${container.document.name}: its process does not end`, {
    code: 'STOP_FAILED',
    hint: 'a process that waits in the kernel (state D in ps) cannot be killed: look at its disk or network mounts',
  })
}

/** It waited to be restarted, and is not going to be: who waits for its end has it. */
function settleDown(context: ContainersContext, container: Container): void {
  context.store.updateState(container, { status: 'exited' })
  const waiters = container.nextExit
  container.nextExit = Promise.withResolvers()
  waiters.resolve(container.document.state.exitCode)
}

/** Notes that the user wants it down and calls off a pending restart. True when it was waiting for one. */
async function forbidRestart(
  context: ContainersContext,
  container: Container,
  { timeoutSeconds, signal }: StopOptions,
): Promise<boolean> {
  return context.locks.run(lockKey(container.id), async () => {
    const wasPending = container.pendingRestart !== undefined && container.run === undefined
    container.pendingRestart?.abort()
    container.pendingRestart = undefined
    const unfinished = container.run === undefined ? undefined : { kind: 'stop' as const, timeoutSeconds, signal }
    context.store.update(container, { manuallyStopped: true, unfinished })
    if (wasPending) settleDown(context, container)
    return wasPending
  })
}

/** Done, or failed in a way that has been told: the next engine is not to go on with it. */
function settle(context: ContainersContext, container: Container, kind: 'stop' | 'restart'): void {
  if (container.document.unfinished?.kind === kind) context.store.update(container, { unfinished: undefined })
}

/** After a crash: a stop or a restart that was begun goes on, by itself. */
export function resumeEnding(context: ContainersContext, container: Container): void {
  const { unfinished } = container.document
  if (unfinished?.kind !== 'stop' && unfinished?.kind !== 'restart') return
  context.log('info', `going on with a ${unfinished.kind} that was cut short`, { container: container.id })
  const verbs = { stop: stopContainer, restart: restartContainer }
  void verbs[unfinished.kind](context, container, unfinished).catch((error: unknown) =>
    context.log('error', `cannot ${unfinished.kind} a container`, { container: container.id, error: String(error) }),
  )
}

export async function stopContainer(
  context: ContainersContext,
  container: Container,
  options: StopOptions,
): Promise<boolean> {
  if (options.signal !== undefined && options.signal !== '') parseSignal(options.signal)
  const wasPending = await forbidRestart(context, container, options)
  if (container.run === undefined) return wasPending
  try {
    await noteStopping(container, endRun(context, container, options))
  } finally {
    settle(context, container, 'stop')
  }
  publish(context, container, 'stop')
  return true
}

/**
 * As the machine goes down. Not a user's stop: an end is recorded as one that the restart policy has judged but not yet
 * acted upon ("restarting"), as on-failure must see the exit code. Source: moby daemon/kill.go, monitor.go (IsShuttingDown).
 */
export async function haltContainers(context: ContainersContext, maxGraceSeconds: number): Promise<void> {
  context.halting.abort()
  const ends = context.store.all().map(async (container) => {
    await context.locks.run(lockKey(container.id), async () => {}) // a start may be under way
    if (container.run === undefined) return
    await endRun(context, container, { maxGraceSeconds })
    publish(context, container, 'stop')
  })
  for (const end of await Promise.allSettled(ends))
    if (end.status === 'rejected')
      context.log('error', 'cannot stop a container before the machine goes down', { error: end.reason })
}

/** Who asked may be gone before it is over (a command line that was killed): others must see that it does not stay up. */
async function noteStopping(container: Container, ending: Promise<void>): Promise<void> {
  const isOver = ending.catch(() => {})
  container.stopping = isOver
  try {
    await ending
  } finally {
    if (container.stopping === isOver) container.stopping = undefined
  }
}

export async function restartContainer(
  context: ContainersContext,
  container: Container,
  options: StopOptions,
): Promise<void> {
  container.restartRequests += 1
  container.isRestarting = true
  try {
    container.pendingRestart?.abort()
    container.pendingRestart = undefined
    if (container.run !== undefined)
      context.store.update(container, { unfinished: { kind: 'restart', timeoutSeconds: options.timeoutSeconds } })
    await noteStopping(container, endRun(context, container, options))
    await context.locks.run(lockKey(container.id), () => userStart(context, container))
  } finally {
    container.restartRequests -= 1
    // the first of two to come back must not let the second one's stop count as an end
    container.isRestarting = container.restartRequests > 0
    settle(context, container, 'restart')
  }
  publish(context, container, 'restart')
}

/** Any signal; SIGKILL and the stop signal are a user's stop. Throws ConflictError when it does not run. */
export async function killContainer(context: ContainersContext, container: Container, name: string): Promise<void> {
  const signal = name === '' ? SIGKILL : parseSignal(name)
  const run = await context.locks.run(lockKey(container.id), async () => container.run) // a start may be under way
  if (run === undefined) throw notRunning(container)
  const stopSignal = container.document.config.StopSignal ?? ''
  if (signal === SIGKILL || signal === (stopSignal === '' ? SIGTERM : parseSignal(stopSignal)))
    context.store.update(container, { manuallyStopped: true })
  if (signal === SIGKILL) await thaw(context, container, run)
  if (!sendSignal(context, container, signal)) throw notRunning(container)
  publish(context, container, 'kill', { signal: String(signal) })
  if (signal === SIGKILL) await endsWithin(run, KILL_GRACE_MS)
}

/** Recorded first: an engine that is killed in between leaves nothing frozen that nobody knows of. */
async function pauseRun(context: ContainersContext, container: Container, run: Run): Promise<void> {
  const { cgroups } = await context.platform()
  context.store.updateState(container, { status: 'paused' })
  try {
    await cgroups.freeze(run.cgroupPath, true)
  } catch (error) {
    await cgroups.freeze(run.cgroupPath, false).catch(() => {}) // there may be no freezer at all
    context.store.updateState(container, { status: 'running' })
    throw error
  }
}

export async function setPaused(context: ContainersContext, container: Container, paused: boolean): Promise<void> {
  await context.locks.run(lockKey(container.id), async () => {
    const { run } = container
    const { status } = container.document.state
    if (run === undefined) throw notRunning(container)
    if (paused && status === 'paused') throw new ConflictError(`container ${container.id} is already paused`)
    if (!paused && status !== 'paused') throw new ConflictError(`container ${container.id} is not paused`)
    if (paused) await pauseRun(context, container, run)
    else await thaw(context, container, run)
    container.health?.pause(paused)
    publish(context, container, paused ? 'pause' : 'unpause')
  })
}
