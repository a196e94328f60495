/**
 * Connects our standard streams with a process in a container: raw mode and window size for a terminal, end of input,
 * output to the stream it came from. The terminal is put back however it ends.
 */
import type { StreamSession } from '../api/client/client.ts'
import { write, type InputStream } from './io.ts'
import type { Session } from './session.ts'

export interface TerminalOptions {
  readonly tty: boolean
  readonly resize: (rows: number, columns: number) => Promise<void>
}

/** Resolves when the process's output has ended. Throws what aborted `session.signal`. */
export async function streamSession(session: Session, stream: StreamSession, options: TerminalOptions): Promise<void> {
  const { stdin, stdout, stderr } = session.io
  const undo: (() => void)[] = []
  const onAbort = (): void => stream.close()
  session.signal.addEventListener('abort', onAbort, { once: true })
  undo.push(() => session.signal.removeEventListener('abort', onAbort))
  if (options.tty) undo.push(takeTerminal(session, stdin, options))
  undo.push(feed(stdin, stream))
  try {
    for await (const { stream: name, data } of stream.output) await write(name === 'stdout' ? stdout : stderr, data)
  } catch (error) {
    session.signal.throwIfAborted() // we closed the stream ourselves
    throw error
  } finally {
    for (const step of undo.toReversed()) step()
    stream.close()
  }
  session.signal.throwIfAborted()
}

function takeTerminal(session: Session, stdin: InputStream, { resize }: TerminalOptions): () => void {
  stdin.setRawMode?.(true)
  const { stdout } = session.io
  const off = session.io.onSignal('SIGWINCH', () => {
    // the process may have ended this instant: its terminal is gone with it
    void resize(stdout.rows ?? 24, stdout.columns ?? 80).catch(() => {})
  })
  return () => {
    off()
    stdin.setRawMode?.(false)
  }
}

function feed(stdin: InputStream, { input }: StreamSession): () => void {
  input.on('error', () => {}) // the process closed its input: its exit code tells what it thinks of that
  stdin.pipe(input)
  return () => {
    stdin.unpipe(input)
    stdin.pause()
  }
}
