/** `logs`: the output of a project's containers as a stream of events; following, new replicas and restarts join in. */
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface LogSource {
  readonly service: string
  /** Container name without the project: "web-1". What the prefix is made of. */
  readonly shortName: string
  readonly containerName: string
  readonly containerId: string
  readonly number: number
}

export type LogEvent =
  /** `data` is whole lines, each ending in "\n" (only the last of a source may lack it): several per event. */
  | {
      readonly kind: 'output'
      readonly source: LogSource
      readonly stream: 'stdout' | 'stderr'
      readonly data: Buffer
    }
  /** A source joins: told before its first output, so that prefixes can be aligned. */
  | { readonly kind: 'joined'; readonly source: LogSource }
  | {
      readonly kind: 'exited'
      readonly source: LogSource
      readonly exitCode: number
      /** Its restart policy starts it again. */
      readonly restarting: boolean
    }

export interface LogsOptions {
  readonly services?: readonly string[]
  readonly follow?: boolean
  /** Lines per container, or "all". */
  readonly tail?: string
  /** RFC 3339, unix seconds, or a duration back from now ("10m"). */
  readonly since?: string
  readonly until?: string
  readonly timestamps?: boolean
  readonly index?: number
}

/** Throws NotFoundError NO_SUCH_SERVICE. Ends when all logs have ended, or when context.signal fires (without error). */
export function logs(context: ProjectContext, target: ProjectTarget, options: LogsOptions): AsyncIterable<LogEvent> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
