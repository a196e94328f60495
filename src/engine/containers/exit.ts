/**
 * What happens when a container's first process has ended: the exit code that conmon left is recorded, everything in
 * the kernel goes, waiters hear of it, and the restart policy decides. The exit folder is watched; a look over it at
 * start finds what ended while the engine was away.
 */
import { join } from 'node:path'
import { lockKey, publish, type ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'
import { releaseSources } from './mount-sources.ts'
import { noticeOomKills } from './oom.ts'
import { removeLocked } from './remove.ts'
import { restartDelayMs, startsWithEngine } from './restart-policy.ts'
import { startLocked } from './start.ts'
import type { Container } from './store.ts'

const ID = /^[0-9a-f]{64}$/
/** conmon writes the file under another name first; but a watcher may still be early. */
const READ_ATTEMPTS = 20
const READ_PAUSE_MS = 5
const SWEEP_MS = 5000
/** Of an end that nobody saw. */
export const LOST_EXIT_CODE = 255

async function readExitCode({ host }: ContainersContext, exitFile: string): Promise<number> {
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt += 1) {
    const text = await host.files.readTextIfExists(exitFile)
    if (text !== undefined && /^-?\d+/.test(text)) return Number.parseInt(text, 10)
    await host.clock.sleep(READ_PAUSE_MS)
  }
  return LOST_EXIT_CODE
}

/** Undoes what start made; the exit file stays until its code is recorded. Goes on after a failure; logs it. */
export async function cleanUp(context: ContainersContext, container: Container, cgroupPath: string): Promise<void> {
  const { id, document } = container
  const { cgroups, runtimes } = await context.platform()
  const folder = containerFolder(context.config, id)
  const steps = await Promise.allSettled([
    context.networks.closeSandbox(id),
    Promise.resolve().then(() => runtimes.byName(document.runtime).forget(id)), // it may have been uninstalled
    cgroups.remove(cgroupPath).then((isGone) => {
      if (!isGone) throw new Error(`cgroup ${cgroupPath} is still in use`)
    }),
    Promise.resolve().then(() => context.host.mounts.umount(folder.shm)),
    context.layers.unmount(id),
  ])
  for (const step of steps)
    if (step.status === 'rejected')
      context.log('error', 'cannot clean up after a container', { container: id, error: String(step.reason) })
}

function scheduleRestart(context: ContainersContext, container: Container, delayMs: number): void {
  const controller = new AbortController()
  container.pendingRestart = controller
  container.lastDelayMs = delayMs
  const signal = AbortSignal.any([controller.signal, context.closing.signal, context.halting.signal])
  void (async () => {
    try {
      await context.host.clock.sleep(delayMs, signal)
    } catch {
      return // stopped, removed or started by the user meanwhile; or the next engine starts it
    }
    await context.locks.run(lockKey(container.id), async () => {
      if (signal.aborted || container.run !== undefined || container.isRemoving) return
      context.store.update(container, { restartCount: container.document.restartCount + 1 })
      await startLocked(context, container)
    })
  })().catch((error: unknown) => {
    context.log('error', 'cannot restart a container', { container: container.id, error: String(error) })
    retryOrGiveUp(context, container)
  })
}

/** A start by the policy that failed counts as an ending with a failure. */
export function retryOrGiveUp(context: ContainersContext, container: Container): void {
  if (container.isRemoving || context.closing.signal.aborted || container.run !== undefined) return
  const { hostConfig, restartCount, manuallyStopped } = container.document
  const delayMs = restartDelayMs({
    policy: hostConfig.RestartPolicy,
    exitCode: 1,
    manuallyStopped,
    restartCount,
    ranMs: 0,
    lastDelayMs: container.lastDelayMs,
  })
  if (delayMs === undefined) return
  context.store.updateState(container, { status: 'restarting' })
  scheduleRestart(context, container, delayMs)
}

export interface Ending {
  /** As conmon told it. */
  readonly exitCode: number
  /** Why it ended, when that is not the program's doing. */
  readonly error?: string
  /** No engine looked: whoever calls starts it again, by the rules of an engine's start. */
  readonly unseen?: boolean
}

/** Recorded with the end, so that a crash before the new start loses nothing. */
function statusAfter({ document }: Container, { exitCode, unseen }: Ending, delayMs: number | undefined) {
  const { hostConfig, manuallyStopped, restartCount } = document
  const absence = { policy: hostConfig.RestartPolicy, exitCode, manuallyStopped, restartCount, endedUnseen: true }
  const isToStart = unseen === true ? startsWithEngine(absence) : delayMs !== undefined
  return isToStart ? 'restarting' : 'exited'
}

/** Holds the lock. */
export async function finishLocked(context: ContainersContext, container: Container, ending: Ending): Promise<void> {
  const { run } = container
  const { exitCode, error = '', unseen = false } = ending
  if (run === undefined) return
  noticeOomKills(context, await context.platform(), container)
  context.logKeeper.unwatch(container.id)
  container.health?.stop()
  container.health = undefined
  const { document } = container
  const ranMs = context.host.clock.nowMs() - run.startedAtMs
  const isDecided = container.isRestarting || unseen
  const delayMs = isDecided
    ? undefined
    : restartDelayMs({
        policy: document.hostConfig.RestartPolicy,
        exitCode,
        manuallyStopped: document.manuallyStopped || container.isRemoving,
        restartCount: document.restartCount,
        ranMs,
        lastDelayMs: container.lastDelayMs,
      })
  container.isEnding = true
  await cleanUp(context, container, run.cgroupPath)
  container.isEnding = false
  const { state, unfinished } = container.document
  context.store.update(container, {
    unfinished: unfinished?.kind === 'stop' ? undefined : unfinished,
    state: {
      ...state,
      status: statusAfter(container, ending, delayMs),
      process: undefined,
      conmon: undefined,
      exitCode,
      error,
      finishedAt: context.host.clock.nowRfc3339(),
    },
  })
  await context.host.files.rm(containerFolder(context.config, container.id).exitFile, { force: true })
  container.run = undefined
  await releaseSources(context, document).catch((error: unknown) =>
    context.log('error', 'cannot unmount the volumes of a container', {
      container: container.id,
      error: String(error),
    }),
  )
  publish(context, container, 'die', {
    exitCode: String(exitCode),
    execDuration: String(Math.floor(ranMs / 1000)),
  })
  if (delayMs !== undefined) scheduleRestart(context, container, delayMs)
  const waiters = container.nextExit
  container.nextExit = Promise.withResolvers()
  waiters.resolve(exitCode)
  run.end(exitCode)
  if (document.hostConfig.AutoRemove === true && !container.isRemoving && !isDecided)
    await removeLocked(context, container, { volumes: true })
}

/** conmon has written the exit file of this container. */
export async function handleExit(context: ContainersContext, id: string): Promise<void> {
  const container = context.store.byId(id)
  if (container === undefined) return
  await context.locks.run(lockKey(id), async () => {
    if (container.run === undefined) return
    const exitFile = join(context.config.paths.exits, id)
    if (!context.host.files.existsSync(exitFile)) return // told twice: that was an earlier run's
    await finishLocked(context, container, { exitCode: await readExitCode(context, exitFile) })
  })
}

/** Exits from now on. */
export function watchExits(context: ContainersContext): Disposable {
  const handle = (name: string, exit: Promise<void>): void => {
    exit.catch((error: unknown) =>
      context.log('error', 'cannot handle the end of a container', { container: name, error: String(error) }),
    )
  }
  const watcher = context.host.files.watch(context.config.paths.exits, (_event, name) => {
    if (name !== null && ID.test(name)) handle(name, handleExit(context, name))
  })
  const sweepOomKills = async (): Promise<void> => {
    const platform = await context.platform()
    for (const container of context.store.all()) noticeOomKills(context, platform, container)
  }
  const timer = setInterval(() => handle('', sweepOomKills()), SWEEP_MS)
  timer.unref()
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      watcher.close()
    },
  }
}
