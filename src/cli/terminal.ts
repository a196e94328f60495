/**
 * Connects our standard streams with a process in a container: raw mode and window size for a terminal, the keys to
 * leave, end of input, output to the stream it came from. The terminal is put back however it ends.
 */
import { Transform } from 'node:stream'
import { createDetachWatch } from '../api/detach-keys.ts'
import type { StreamSession } from '../api/client/client.ts'
import { write, type InputStream } from './io.ts'
import type { Session } from './session.ts'

export interface TerminalOptions {
  readonly tty: boolean
  /** False: our input is left alone. */
  readonly stdin: boolean
  /** Typed in a terminal: leave, and let the process go on. */
  readonly detachKeys: Buffer
  readonly resize: (rows: number, columns: number) => Promise<void>
}

const LEAVE_MS = 500

/**
 * Resolves when the process's output has ended ("ended") or the user has typed the keys ("detached").
 * Throws what aborted `session.signal`.
 */
export async function streamSession(
  session: Session,
  stream: StreamSession,
  options: TerminalOptions,
): Promise<'ended' | 'detached'> {
  const { stdin, stdout, stderr } = session.io
  const undo: (() => void)[] = []
  let outcome: 'ended' | 'detached' = 'ended'
  const onAbort = (): void => stream.close()
  const onDetach = (): void => {
    outcome = 'detached'
    leave(stream)
  }
  session.signal.addEventListener('abort', onAbort, { once: true })
  undo.push(() => session.signal.removeEventListener('abort', onAbort))
  if (options.tty) undo.push(takeTerminal(session, options))
  if (options.stdin) undo.push(feed(stdin, stream, options.tty ? watchKeys(options.detachKeys, onDetach) : undefined))
  try {
    for await (const { stream: name, data } of stream.output) await write(name === 'stdout' ? stdout : stderr, data)
  } catch (error) {
    session.signal.throwIfAborted() // we closed the stream ourselves
    if (outcome === 'ended') throw error
  } finally {
    for (const step of undo.toReversed()) step()
    stream.close()
  }
  session.signal.throwIfAborted()
  return outcome
}

/** What was typed before the keys goes out first, unless nobody takes it. */
function leave(stream: StreamSession): void {
  const late = setTimeout(() => stream.close(), LEAVE_MS)
  setImmediate(() => {
    stream.input.write('', () => {
      clearTimeout(late)
      stream.close()
    })
  })
}

function takeTerminal({ io }: Session, { stdin, resize }: TerminalOptions): () => void {
  if (stdin) io.stdin.setRawMode?.(true)
  const { stdout } = io
  const off = io.onSignal('SIGWINCH', () => {
    // the process may have ended this instant: its terminal is gone with it
    void resize(stdout.rows ?? 24, stdout.columns ?? 80).catch(() => {})
  })
  return () => {
    off()
    if (stdin) io.stdin.setRawMode?.(false)
  }
}

/** Lets typed bytes through, up to the keys. */
function watchKeys(keys: Buffer, onDetach: () => void): Transform {
  const watch = createDetachWatch(keys)
  return new Transform({
    transform(data: Buffer, _encoding, done) {
      const { forward, detached } = watch.push(data)
      done(null, forward)
      if (detached) onDetach()
    },
    flush(done) {
      done(null, watch.flush())
    },
  })
}

function feed(stdin: InputStream, { input }: StreamSession, filter: Transform | undefined): () => void {
  input.on('error', () => {}) // the process closed its input: its exit code tells what it thinks of that
  const first = filter ?? input
  filter?.pipe(input)
  stdin.pipe(first)
  return () => {
    stdin.unpipe(first)
    stdin.pause()
  }
}
