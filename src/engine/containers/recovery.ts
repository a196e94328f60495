/**
 * At engine start: state.db against the kernel. What runs is adopted (same boot, same start time), what ended meanwhile
 * is finished with the exit code that conmon left, and restart policies are applied as after a daemon's start.
 */
import { endCommitPause } from './commit.ts'
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { ContainerDocument } from '../../state/containers.ts'
import { settleNetworks } from './connect.ts'
import { lockKey, type ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'
import { LOST_EXIT_CODE, cleanUp, finishLocked, retryOrGiveUp } from './exit.ts'
import { startHealthMonitor } from './health.ts'
import { releaseSources } from './mount-sources.ts'
import { finishUnmonitored, isUnmonitored } from './lost-exits.ts'
import { removeAnonymousVolumes, removeFiles, removeLocked } from './remove.ts'
import { startsWithEngine } from './restart-policy.ts'
import { newRun, startLocked } from './start.ts'
import { killStarters } from './starters.ts'
import { resumeEnding } from './stop.ts'
import type { Container } from './store.ts'
import { applyLimits } from './update.ts'

/** conmon writes the exit code a moment after the end. */
const EXIT_FILE_MS = 5000
const EXIT_FILE_PAUSE_MS = 5
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
  const { process } = document.state
  if (process === undefined || !runtime.isWaiting(id)) return
  try {
    await runtime.resume(id, process)
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

async function finishConnecting(context: ContainersContext, container: Container): Promise<void> {
  try {
    await settleNetworks(context, container)
  } catch (error) {
    context.log('error', 'cannot settle the networks of a container', { container: container.id, error: String(error) })
  }
}

/** A pause or its end that the engine did not live to finish: what is recorded counts. */
async function finishPause(context: ContainersContext, { id, document, run }: Container): Promise<void> {
  if (document.state.status !== 'paused' || run === undefined) return
  const { cgroups } = await context.platform()
  await cgroups.freeze(run.cgroupPath, true).catch((error: unknown) => {
    context.log('error', 'cannot pause a container again', { container: id, error: String(error) })
  })
}

/** Holds the lock. True when its process lives and is looked after again. */
async function adopt(context: ContainersContext, container: Container): Promise<boolean> {
  const { machine } = await context.platform()
  if (!isAlive(context, container, machine.bootId)) return false
  if (isUnmonitored(context, container)) return false
  await resumeStart(context, container)
  context.logKeeper.watch(container)
  await finishUpdate(context, container)
  await finishConnecting(context, container)
  container.health = startHealthMonitor(context, container, { resume: true })
  await endCommitPause(context, container)
  await finishPause(context, container)
  container.health?.pause(container.document.state.status === 'paused')
  return true
}

/** What conmon wrote. Its process is gone, but conmon itself may be about to write. */
async function readUnseenCode(context: ContainersContext, container: Container, bootId: string): Promise<number> {
  const { clock, files } = context.host
  const { exitFile } = containerFolder(context.config, container.id)
  if (container.document.state.bootId !== bootId) return LOST_EXIT_CODE
  for (const end = clock.nowMs() + EXIT_FILE_MS; clock.nowMs() < end;) {
    if (isUnmonitored(context, container) || files.existsSync(exitFile)) break
    await clock.sleep(EXIT_FILE_PAUSE_MS)
  }
  const exitCode = Number.parseInt((await files.readTextIfExists(exitFile)) ?? '', 10)
  return Number.isNaN(exitCode) ? LOST_EXIT_CODE : exitCode
}

/** Holds the lock. It ended while no engine looked: recorded as it would have been under our eyes; recoverOne starts it. */
async function finishUnseen(context: ContainersContext, container: Container, bootId: string): Promise<void> {
  const { exitFile } = containerFolder(context.config, container.id)
  // the process may live: then it was conmon that was killed
  if (isAlive(context, container, bootId) && !context.host.files.existsSync(exitFile))
    return finishUnmonitored(context, container, { unseen: true })
  const exitCode = await readUnseenCode(context, container, bootId)
  return finishLocked(context, container, { exitCode, unseen: true })
}

/** Holds the lock. `isNew`: not a try that was begun, and counted, before. */
async function restart(context: ContainersContext, container: Container, isNew: boolean): Promise<void> {
  const { hostConfig, restartCount } = container.document
  // tries are only limited, and so only worth counting, with on-failure
  if (isNew && hostConfig.RestartPolicy?.Name === 'on-failure')
    context.store.update(container, { restartCount: restartCount + 1 })
  try {
    await startLocked(context, container)
  } catch (error) {
    retryOrGiveUp(context, container)
    throw error
  }
}

/** A user's restart had begun: the second half of it is still owed. */
const isRestart = ({ unfinished }: ContainerDocument): boolean =>
  unfinished?.kind === 'restart' || (unfinished?.kind === 'start' && unfinished.again === true)

/** Holds the lock. A start that was cut short: what it made goes, the container is as it was before. */
async function undoStart(context: ContainersContext, container: Container, cgroupPath: string): Promise<void> {
  const { id, document } = container
  context.log('info', 'undoing a start that was cut short', { container: id })
  await killStarters(context, id)
  await cleanUp(context, container, cgroupPath)
  await releaseSources(context, container.document)
  await context.host.files.rm(containerFolder(context.config, id).exitFile, { force: true })
  context.store.update(container, { unfinished: isRestart(document) ? { kind: 'restart' } : undefined })
}

/** A create that was cut short is undone, a removal is finished. */
async function endInterrupted(context: ContainersContext): Promise<void> {
  for (const document of context.interrupted) {
    const { id, name, unfinished } = document
    context.log('info', unfinished?.kind === 'create' ? 'undoing a create' : 'finishing a removal', { id, name })
    try {
      await removeFiles(context, id)
      if (unfinished?.kind === 'create') await context.volumes.removeMadeFor(id)
      else if (unfinished?.kind === 'remove' && unfinished.volumes) await removeAnonymousVolumes(context, document)
      context.store.withdraw(id)
    } catch (error) {
      context.log('error', 'cannot end what was begun', { id, name, error: String(error) })
    }
  }
}

async function recoverOne(context: ContainersContext, container: Container): Promise<void> {
  const { cgroups, machine } = await context.platform()
  const { id, document: before } = container
  const cgroupPath = cgroups.pathOf(id, before.hostConfig.CgroupParent)
  const { status } = before.state
  if (status === 'running' || status === 'paused') {
    container.run = newRun(Date.parse(before.state.startedAt), cgroupPath)
    // an earlier engine has told of them
    if (before.state.oomKilled) container.run.oomKills = cgroups.oomKills(cgroupPath)
    if (await adopt(context, container)) return resumeEnding(context, container)
    await finishUnseen(context, container, machine.bootId)
  } else if (before.unfinished?.kind === 'start' || cgroups.processIds(cgroupPath).length > 0) {
    await undoStart(context, container, cgroupPath)
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
  const isNew = endedUnseen && before.unfinished === undefined
  const isAsked = isRestart(before)
  if (isAsked || (status !== 'created' && startsWithEngine(absence))) return restart(context, container, isNew)
  if (container.document.state.status === 'restarting') context.store.updateState(container, { status: 'exited' })
  if (hostConfig.AutoRemove === true && status !== 'created') await removeLocked(context, container, { volumes: true })
}

async function setAside(context: ContainersContext, id: string): Promise<void> {
  const { cgroups } = await context.platform()
  const { files, mounts } = context.host
  const { folder, shm } = containerFolder(context.config, id)
  await killStarters(context, id)
  await cgroups.remove(cgroups.pathOf(id))
  mounts.umount(shm)
  await context.layers.unmount(id)
  // without its list of layers it was being made or removed: both go on from there
  const isWhole = files.existsSync(join(folder, 'layers.json'))
  const upper = join(folder, 'upper')
  if (!isWhole || !files.existsSync(upper) || (await files.readdir(upper)).length === 0) return removeFiles(context, id)
  const place = join(context.config.paths.containers, `lost-${id}`)
  await files.rename(folder, place)
  context.log('warn', 'a container that state.db does not know was ended, its files are kept', { id, folder: place })
}

/**
 * What state.db does not know though it is told of everything first: a state.db that was lost. Folders of containers hold
 * their users' files and are set aside; processes that nobody can name any more are ended.
 */
async function setStraysAside(context: ContainersContext): Promise<void> {
  const { files } = context.host
  const names = await files.readdir(context.config.paths.containers)
  for (const name of names) {
    if (!ID.test(name) || context.store.byId(name) !== undefined) continue
    if (context.interrupted.some(({ id }) => id === name)) continue // its end has failed, and is tried again next time
    await setAside(context, name)
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
  await endInterrupted(context)
  const all = context.store.all()
  await Promise.all(all.filter((container) => !sharesNamespaces(container)).map((each) => recoverOrLog(context, each)))
  for (const container of all.filter(sharesNamespaces)) await recoverOrLog(context, container)
  await setStraysAside(context)
}
