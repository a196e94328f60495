/** What clients read from containers and write to them: logs, and the streams of attach and exec. */
import type { Writable } from 'node:stream'

/** What LogConfig.Type may be. */
export const LOG_DRIVERS = ['json-file', 'local', 'none', 'journald', 'syslog'] as const
export type LogDriver = (typeof LOG_DRIVERS)[number]
export const DEFAULT_LOG_DRIVER = 'json-file'

export interface LogOptions {
  readonly stdout: boolean
  readonly stderr: boolean
  readonly follow: boolean
  readonly timestamps: boolean
  /** Each line with the container's log attributes (labels, env). */
  readonly details?: boolean
  /** Undefined: all. */
  readonly tail: number | undefined
  /** Unix milliseconds. */
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  /**
   * Following: ends when the container has exited (at once when it has, never before it was started) and all of its
   * output is written. The API always sets it.
   */
  readonly untilExit?: boolean
}

/** The byte streams of an exec or attach as the engine holds them; with a terminal all output is `output`. */
export interface StdioSession {
  readonly tty: boolean
  /** Where the client's input goes; null when none was asked for. */
  readonly input: Writable | null
  /** Frames "stdout"/"stderr" when !tty; raw when tty. */
  onOutput(listener: (stream: 'stdout' | 'stderr', chunk: Buffer) => void): void
  /** Resolves when output has ended and the process is gone. */
  readonly ended: Promise<void>
  /** False: the client reads slower than the process writes; stop reading its output until true. */
  setFlowing?(flowing: boolean): void
  /** The client went away. */
  hangUp(): void
  /** The client asked by its keys to leave; the process goes on. */
  detach(): void
}

/** Which streams of a container's first process a client is joined with. */
export interface AttachRequest {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}
