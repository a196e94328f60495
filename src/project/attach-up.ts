/**
 * Attached `up`: starts, follows the output of all started containers, knows when all have ended, and stops them on
 * request. Signals, prefixes and colours are the CLI's matter.
 */
import type { Project } from '../compose/model.ts'
import type { ProjectContext } from './context.ts'
import type { LogEvent } from './logs.ts'
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
  /** When everything has stopped: the exit code of the command by the rules of the abort options. */
  readonly ended: Promise<number>
  /** First signal: graceful stop in reverse order of what was asked for. Resolves when stopped. Idempotent. */
  stop(): Promise<void>
  /** Second signal: SIGKILL. */
  kill(): Promise<void>
  /** Leaves the containers running and ends the events (`d` of --menu). */
  detach(): void
}

/** Resolves once everything is started; throws what `up` throws. */
export function attachUp(context: ProjectContext, project: Project, options: AttachOptions): Promise<AttachedRun> {
  throw new Error(`not wired yet: ${project.name} ${JSON.stringify(options)} ${context.parallel}`)
}
