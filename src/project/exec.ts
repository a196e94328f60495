/** `exec`: a further process in a service's container. */
import type { StreamSession } from '../api/client/client.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface ExecOptions {
  readonly service: string
  readonly command: readonly string[]
  /** Replica; absent: the lowest. */
  readonly index?: number
  readonly tty: boolean
  /** Pass input on. */
  readonly interactive: boolean
  readonly detach?: boolean
  readonly user?: string
  readonly workingDir?: string
  readonly privileged?: boolean
  /** "K=V". */
  readonly env?: readonly string[]
  /** Rows and columns of the terminal. */
  readonly consoleSize?: readonly [number, number]
}

export interface ExecRun {
  /** Undefined when detached. */
  readonly session: StreamSession | undefined
  resize(rows: number, columns: number): Promise<void>
  /** Call after the output has ended. */
  exitCode(): Promise<number>
}

/** Throws NotFoundError SERVICE_NOT_RUNNING `service "web" is not running`. */
export function exec(context: ProjectContext, target: ProjectTarget, options: ExecOptions): Promise<ExecRun> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
