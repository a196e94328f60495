/**
 * At engine start: state.db against the kernel. What runs is adopted (same boot, same start time), what ended meanwhile
 * is finished with the exit code that conmon left, and restart policies are applied as after a daemon's start.
 */
import { errnoOf } from '../../errors.ts'
import { lockKey, type ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'
import { cleanUp, finishLocked, retryOrGiveUp } from './exit.ts'
import { startHealthMonitor } from './health.ts'
import { removeLocked } from './remove.ts'
import { startsWithEngine } from './restart-policy.ts'
import { newRun, startLocked } from './start.ts'
import type { Container } from './store.ts'
import { applyLimits } from './update.ts'

const UNKNOWN_EXIT_CODE = 255
const ID = /^[0-9a-f]{64}$/

/** True when its first process is the one that the state names. sync */
export function isAlive({ host }: ContainersContext, { document }: Container, bootId: string): boolean {
  const { state } = document
  if (state.process === undefined || state.bootId !== bootId) return false
  return host.processes.startTime(state.process.pid) === state.process.startTime
}

/** The runtime was asked to create it, but the engine ended before it let it run. */
async function resumeStart(context: ContainersContext, { id, document }: Container): Promise<void> {
  const { runtimes } = await context.platform()
  const runtime = runtimes.byName(document.runtime)
  if (!runtime.isWaiting(id)) return
  try {
    await runtime.resume(id)
  } catch (error) {
    // let run, but the file that tells was not removed any more
    context.log('warn', 'cannot resume the start of a container', { container: id, error: String(error) })
  }
}

/** Limits that were recorded and may not have reached the kernel. */
async function finishUpdate(context: ContainersContext, container: Container): Promise<void> {
  if (container.document.limitsPending !== true) return
  try {
    await applyLimits(context, container)
    context.store.update(container, { limitsPending: undefined })
  } catch (error) {
    context.log('error', 'cannot apply the limits of a container', { container: container.id, error: String(error) })
  }
}

/** Holds the lock. True when its process lives and is looked after again. */
async function adopt(context: ContainersContext, container: Container): Promise<boolean> {
  const { machine } = await context.platform()
  if (!isAlive(context, container, machine.bootId)) return false
  await resumeStart(context, container)
  context.logKeeper.watch(container)
  await finishUpdate(context, container)
  container.health = startHealthMonitor(context, container, { resume: true })
  container.health?.pause(container.document.state.status === 'paused')
  return true
}

/** Holds the lock. It ended while no engine looked: recorded as it would have been under our eyes. */
async function finishUnseen(context: ContainersContext, container: Container): Promise<void> {
  const text = await context.host.files.readTextIfExists(containerFolder(context.config, container.id).exitFile)
  const exitCode = Number.parseInt(text ?? '', 10)
  container.isRestarting = true // its policy is applied by recoverOne, and at once
  try {
    await finishLocked(context, container, Number.isNaN(exitCode) ? UNKNOWN_EXIT_CODE : exitCode)
  } finally {
    container.isRestarting = false
  }
}

/** Holds the lock. */
async function restart(context: ContainersContext, container: Container, endedUnseen: boolean): Promise<void> {
  const { hostConfig, restartCount } = container.document
  // tries are only limited, and so only worth counting, with on-failure
  if (endedUnseen && hostConfig.RestartPolicy?.Name === 'on-failure')
    context.store.update(container, { restartCount: restartCount + 1 })
  try {
    await startLocked(context, container)
  } catch (error) {
    retryOrGiveUp(context, container)
    throw error
  }
}

async function recoverOne(context: ContainersContext, container: Container): Promise<void> {
  const { cgroups } = await context.platform()
  const { id, document: before } = container
  const cgroupPath = cgroups.pathOf(id, before.hostConfig.CgroupParent)
  const { status } = before.state
  if (status === 'running' || status === 'paused') {
    container.run = newRun(Date.parse(before.state.startedAt), cgroupPath)
    // an earlier engine has told of them
    if (before.state.oomKilled) container.run.oomKills = cgroups.oomKills(cgroupPath)
    if (await adopt(context, container)) return
    await finishUnseen(context, container)
  } else if (cgroups.processIds(cgroupPath).length > 0) {
    await cleanUp(context, container, cgroupPath) // a start that was cut short
  }
  context.logKeeper.catchUp(container)
  const { hostConfig, manuallyStopped, restartCount, state } = container.document
  const endedUnseen = status !== 'created' && status !== 'exited'
  const absence = {
    policy: hostConfig.RestartPolicy,
    exitCode: state.exitCode,
    manuallyStopped,
    restartCount,
    endedUnseen,
  }
  if (status !== 'created' && startsWithEngine(absence)) return restart(context, container, endedUnseen)
  if (status === 'restarting') context.store.updateState(container, { status: 'exited' })
  if (hostConfig.AutoRemove === true && status !== 'created') await removeLocked(context, container, { volumes: true })
}

/** Folders of containers that state.db does not know: a create or a removal that was cut short. */
async function removeStrays(context: ContainersContext): Promise<void> {
  const { files } = context.host
  const names = await files.readdir(context.config.paths.containers)
  for (const name of names) {
    if (!ID.test(name) || context.store.byId(name) !== undefined) continue
    await context.layers.remove(name)
  }
  for (const name of await files.readdir(context.config.paths.exits)) {
    if (context.store.byId(name)?.run === undefined)
      await files.rm(`${context.config.paths.exits}/${name}`, { force: true })
  }
}

/** One container's failure does not keep the others down. */
async function recoverOrLog(context: ContainersContext, container: Container): Promise<void> {
  try {
    await context.locks.run(lockKey(container.id), () => recoverOne(context, container))
  } catch (error) {
    context.log('error', 'cannot recover a container', {
      container: container.id,
      error: errnoOf(error) ?? String(error),
    })
  }
}

const sharesNamespaces = ({ document: { hostConfig } }: Container): boolean =>
  [hostConfig.NetworkMode, hostConfig.IpcMode, hostConfig.PidMode].some((mode) => mode?.startsWith('container:'))

/** Those that join the namespaces of others come after them, in the order of their creation. */
export async function recoverContainers(context: ContainersContext): Promise<void> {
  const all = context.store.all()
  await Promise.all(all.filter((container) => !sharesNamespaces(container)).map((each) => recoverOrLog(context, each)))
  for (const container of all.filter(sharesNamespaces)) await recoverOrLog(context, container)
  await removeStrays(context)
}
