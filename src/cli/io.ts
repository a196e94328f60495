/**
 * What a command line runs in: streams, environment, folder, signals and the host. main.ts takes them from the
 * process, tests make their own, and nothing else in src/cli touches `process`.
 */
import type { Readable, Writable } from 'node:stream'
import { MycomposeError } from '../errors.ts'
import type { CliHost } from '../host/cli-host.ts'
import { decodeUtf8 } from '../host/utf8.ts'
import type { EngineClient } from '../api/client/client.ts'

export interface InputStream extends Readable {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
}

export interface OutputStream extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGWINCH' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2'

export interface CliIo {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Readonly<Record<string, string>>
  /** Absolute. */
  readonly cwd: string
  readonly host: CliHost
  /** Calls `listener` for each signal until the result is called. */
  onSignal(signal: SignalName, listener: () => void): () => void
  /** The file that starts the engine: dist/engine.js beside the bundle, src/engine/main.ts in a checkout. */
  readonly engineEntry: string
  /** Told which command the command line is about. */
  readonly onCommand?: (name: string) => void
  /** Tests: use this client and start no engine. */
  readonly client?: EngineClient
}

/** Why a command ends early when nobody reads its output any more (`mycompose logs | head`). */
export class OutputClosedError extends MycomposeError {
  constructor(cause: unknown) {
    super('nobody reads the output any more', { code: 'OUTPUT_CLOSED', exitCode: 0, cause })
  }
}

/** Writes and waits until the stream wants more. Does nothing on a stream that has ended or failed. */
export function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (stream.destroyed || stream.writableEnded) return Promise.resolve()
  if (stream.write(data)) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done)
      stream.off('close', done)
      stream.off('error', done)
      resolve()
    }
    stream.on('drain', done)
    stream.on('close', done)
    stream.on('error', done)
  })
}

/** All of standard input as text. */
export async function readStdin(stdin: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as Uint8Array))
  return decodeUtf8(Buffer.concat(chunks), 'the standard input')
}
