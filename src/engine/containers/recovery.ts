/**
 * At engine start: state.db against the kernel. What runs is adopted (same boot, same start time), what ended meanwhile
 * is finished with the exit code that conmon left, and restart policies are applied as after a daemon's start.
 */
import { errnoOf } from '../../errors.ts'
import { lockKey, type ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'
import { finishLocked } from './exit.ts'
import { startHealthMonitor } from './health.ts'
import { removeLocked } from './remove.ts'
import { startsWithEngine } from './restart-policy.ts'
import { newRun, startLocked } from './start.ts'
import type { Container } from './store.ts'

const UNKNOWN_EXIT_CODE = 255
const ID = /^[0-9a-f]{64}$/

/** True when its first process is the one that the state names. sync */
export function isAlive({ host }: ContainersContext, { document }: Container, bootId: string): boolean {
  const { state } = document
  if (state.process === undefined || state.bootId !== bootId) return false
  return host.processes.startTime(state.process.pid) === state.process.startTime
}

async function recoverOne(context: ContainersContext, container: Container): Promise<void> {
  const { machine, cgroups } = await context.platform()
  const { document, id } = container
  const { state } = document
  const wasUp = ['running', 'paused', 'restarting'].includes(state.status)
  if (wasUp && state.status !== 'restarting')
    container.run = newRun(Date.parse(state.startedAt), cgroups.pathOf(id, document.hostConfig.CgroupParent))
  if (isAlive(context, container, machine.bootId)) {
    container.health = startHealthMonitor(context, container, { resume: true })
    container.health?.pause(state.status === 'paused')
    return
  }
  if (container.run !== undefined) {
    const text = await context.host.files.readTextIfExists(containerFolder(context.config, id).exitFile)
    // it ends here as it would have under our eyes; its policy is applied below, at once
    container.isRestarting = true
    await finishLocked(context, container, text === undefined ? UNKNOWN_EXIT_CODE : Number.parseInt(text, 10))
    container.isRestarting = false
  }
  const { hostConfig, manuallyStopped } = container.document
  const wantsRestart =
    startsWithEngine(hostConfig.RestartPolicy, manuallyStopped) ||
    (wasUp && hostConfig.RestartPolicy?.Name === 'on-failure' && container.document.state.exitCode !== 0)
  if (wantsRestart && state.status !== 'created') {
    await startLocked(context, container)
    return
  }
  if (state.status === 'restarting') context.store.updateState(container, { status: 'exited' })
  if (hostConfig.AutoRemove === true && wasUp) await removeLocked(context, container, { volumes: true })
}

/** Folders of containers that state.db does not know: a create that was cut short. */
async function removeStrays(context: ContainersContext): Promise<void> {
  const { files } = context.host
  const names = await files.readdir(context.config.paths.containers)
  for (const name of names) {
    if (!ID.test(name) || context.store.byId(name) !== undefined) continue
    await context.layers.remove(name)
    await files.rm(containerFolder(context.config, name).folder, { recursive: true, force: true })
  }
  for (const name of await files.readdir(context.config.paths.exits)) {
    if (context.store.byId(name)?.run === undefined)
      await files.rm(`${context.config.paths.exits}/${name}`, { force: true })
  }
}

/** One container's failure does not keep the others down. */
export async function recoverContainers(context: ContainersContext): Promise<void> {
  await Promise.all(
    context.store.all().map(async (container) => {
      try {
        await context.locks.run(lockKey(container.id), () => recoverOne(context, container))
      } catch (error) {
        context.log('error', 'cannot recover a container', {
          container: container.id,
          error: errnoOf(error) ?? String(error),
        })
      }
    }),
  )
  await removeStrays(context)
}
