/**
 * Attached `up`: creates, then starts while it already follows the output; knows when all have ended, and stops them on
 * request. Signals, prefixes and colours are the CLI's matter.
 */
import type { Project } from '../compose/model.ts'
import { UsageError } from '../errors.ts'
import { createRun } from './attached-run.ts'
import type { ProjectContext } from './context.ts'
import { executePlan, splitAtStarts } from './execute.ts'
import type { LogEvent } from './logs.ts'
import { createUpExecution, prepareUp } from './up.ts'
import type { UpOptions } from './up.ts'

export interface AttachOptions extends UpOptions {
  /** Follow only these (--attach). */
  readonly attach?: readonly string[]
  /** Do not follow these (--no-attach). */
  readonly noAttach?: readonly string[]
  readonly attachDependencies?: boolean
  readonly abortOnContainerExit?: boolean
  readonly abortOnContainerFailure?: boolean
  /** Implies abortOnContainerExit unless abortOnContainerFailure. */
  readonly exitCodeFrom?: string
  readonly timestamps?: boolean
}

export interface AttachedRun {
  /** Short names, sorted: "db-1", "web-1". */
  readonly attachedTo: readonly string[]
  /** Output and exits; ends when the run has ended. */
  readonly events: AsyncIterable<LogEvent>
  /**
   * When everything has stopped: the exit code of the command by the rules of the abort options. Rejects with what made
   * starting fail.
   */
  readonly ended: Promise<number>
  /** First signal: graceful stop in reverse order of what was asked for. Resolves when stopped. Idempotent. */
  stop(): Promise<void>
  /** Second signal: SIGKILL. */
  kill(): Promise<void>
  /** Leaves the containers running and ends the events (`d` of --menu). */
  detach(): void
}

/**
 * Resolves once everything is created; starting goes on while the output flows, and still tells its progress. Throws
 * what `up` throws while creating.
 */
export async function attachUp(
  context: ProjectContext,
  project: Project,
  options: AttachOptions,
): Promise<AttachedRun> {
  if (options.exitCodeFrom !== undefined && project.services[options.exitCodeFrom] === undefined) {
    throw new UsageError(`no such service: ${options.exitCodeFrom}`)
  }
  const planned = await prepareUp(context, project, options)
  const starting = new AbortController()
  const run = createRun(context, { project, options, planned, starting })
  const startContext = { ...context, signal: AbortSignal.any([context.signal, starting.signal]) }
  const execution = await createUpExecution(startContext, project, planned, ({ id, name }) => run.started(id, name))
  const [creates, starts] = splitAtStarts(planned.plan)
  await executePlan(execution, creates)
  run.attachRunning()
  run.startWith(executePlan(execution, starts).finally(() => execution[Symbol.dispose]()))
  return run.attached
}
