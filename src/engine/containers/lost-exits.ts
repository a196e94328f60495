/**
 * Ends that nobody tells: an event of the watched folder that was lost, and conmons that were killed. conmon writes the
 * exit code before it ends, so a conmon that is gone without one was killed. Its container has lost standard output, log
 * and whoever would learn its exit code: it is ended, and its restart policy decides, as after a crash.
 */
import { join } from 'node:path'
import { lockKey, type ContainersContext } from './context.ts'
import { LOST_EXIT_CODE, finishLocked, handleExit, type Ending } from './exit.ts'
import type { Container } from './store.ts'

const KILLED_EXIT_CODE = 137
const SWEEP_MS = 1000
const CONMON_LOST = 'conmon, which held its output and its exit code, was killed'

/** conmon is gone; one whose engine did not note it counts as gone with the container's process. sync */
export function isUnmonitored({ host }: ContainersContext, { document: { state } }: Container): boolean {
  const witness = state.conmon ?? state.process
  return witness === undefined || host.processes.startTime(witness.pid) !== witness.startTime
}

/** Holds the lock. Ends what is left of a container whose conmon was killed. */
export async function finishUnmonitored(
  context: ContainersContext,
  container: Container,
  options: Pick<Ending, 'unseen'> = {},
): Promise<void> {
  const { cgroups } = await context.platform()
  const { process } = container.document.state
  const isAlive = process !== undefined && context.host.processes.startTime(process.pid) === process.startTime
  context.log('warn', 'conmon was killed, the container is ended', { container: container.id })
  if (container.run !== undefined) await cgroups.remove(container.run.cgroupPath)
  const exitCode = isAlive ? KILLED_EXIT_CODE : LOST_EXIT_CODE
  await finishLocked(context, container, { ...options, exitCode, error: CONMON_LOST })
}

async function handleLost(context: ContainersContext, container: Container): Promise<void> {
  if (context.host.files.existsSync(join(context.config.paths.exits, container.id)))
    return handleExit(context, container.id)
  await context.locks.run(lockKey(container.id), async () => {
    const exitFile = join(context.config.paths.exits, container.id)
    // in this order: a conmon that is gone has written its file before
    if (container.run === undefined || !isUnmonitored(context, container)) return
    if (context.host.files.existsSync(exitFile)) return // the next look finds it
    await finishUnmonitored(context, container)
  })
}

/** Looks at every conmon once a second: one small read of /proc each. */
export function watchMonitors(context: ContainersContext): Disposable {
  const busy = new Set<string>()
  const timer = setInterval(() => {
    context.store.flush()
    for (const container of context.store.all()) {
      const { id, run, isEnding } = container
      if (run === undefined || isEnding || busy.has(id) || !isUnmonitored(context, container)) continue
      busy.add(id)
      void handleLost(context, container)
        .catch((error: unknown) =>
          context.log('error', 'cannot end a container whose conmon was killed', {
            container: id,
            error: String(error),
          }),
        )
        .finally(() => busy.delete(id))
    }
  }, SWEEP_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
