/**
 * `up` in the foreground: output with prefixes until all containers have ended, and Ctrl-C: the first stops gracefully,
 * the second kills, and the exit code is 130.
 */
import type { Project } from '../compose/model.ts'
import { attachUp, type AttachOptions, type AttachedRun } from '../project/attach-up.ts'
import { createLogPrinter } from './output/log-printer.ts'
import { plainStyle } from './output/style.ts'
import type { Session } from './session.ts'

export interface OutputWishes {
  /** False: --no-color. */
  readonly color: boolean
  /** False: --no-log-prefix. */
  readonly logPrefix: boolean
}

export async function runAttached(
  session: Session,
  project: Project,
  options: AttachOptions,
  wishes: OutputWishes,
): Promise<number> {
  return await followRun(session, await session.use((context) => attachUp(context, project, options)), wishes)
}

/** From the moment when everything is started. */
export async function followRun(
  session: Pick<Session, 'io' | 'signal' | 'style' | 'renderer' | 'print' | 'tell' | 'takeSignals'>,
  run: AttachedRun,
  { color, logPrefix }: OutputWishes,
): Promise<number> {
  // a list that redraws itself and container output do not go together
  ;(await session.renderer()).oneLinePerEvent()
  const interrupt = handleInterrupts(session, run)
  const { stdout, stderr } = session.io
  const style = color ? await session.style('stdout') : plainStyle
  const printer = createLogPrinter({ stdout, stderr, style, prefix: logPrefix })
  if (run.attachedTo.length > 0) await session.print(`Attaching to ${run.attachedTo.join(', ')}\n`)
  session.signal.addEventListener('abort', () => run.detach(), { once: true })
  for await (const event of run.events) await printer.print(event)
  await printer.flush()
  const exitCode = await run.ended
  await interrupt.finished()
  return interrupt.happened() ? 130 : exitCode
}

function handleInterrupts(
  session: Pick<Session, 'takeSignals' | 'tell'>,
  run: AttachedRun,
): { happened(): boolean; finished(): Promise<unknown> } {
  const work: Promise<void>[] = []
  session.takeSignals(() => {
    if (work.length > 1) return
    const first = work.length === 0
    if (first) void session.tell('Gracefully Stopping... press Ctrl+C again to force\n')
    const step = first ? run.stop() : run.kill()
    step.catch(() => {}) // told by finished()
    work.push(step)
  })
  return { happened: () => work.length > 0, finished: () => Promise.all(work) }
}
