/**
 * A hijacked connection joined with a process: the client's bytes in, frames (or a terminal's bytes) out, at the pace of
 * the slower side. Source: Docker Engine API, ContainerAttach and ExecStart.
 */
import type { Writable } from 'node:stream'
import type { HijackedConnection } from './answer.ts'
import { createDetachWatch } from '../detach-keys.ts'
import { frameHeader } from '../stream.ts'
import type { StdioSession } from '../../engine/services/index.ts'

/** Until the sink takes more, or nothing any more. A long input waits often: no listener may stay behind. */
function room(sink: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      sink.off('drain', done)
      sink.off('close', done)
      resolve()
    }
    sink.once('drain', done)
    sink.once('close', done)
  })
}

async function send(sink: Writable, data: Buffer): Promise<void> {
  if (data.length === 0 || sink.destroyed) return
  if (!sink.write(data) && !sink.destroyed) await room(sink)
}

/** The end of one half is end of file for the process, not hanging up. True: the keys to leave were typed. */
async function pumpInput(input: AsyncIterable<Buffer>, sink: Writable | null, keys: Buffer | null): Promise<boolean> {
  if (sink === null) {
    // read on, so that the client's leaving is seen
    for await (const _ of input);
    return false
  }
  sink.on('error', () => {}) // EPIPE: the process has closed its input
  const watch = keys === null ? undefined : createDetachWatch(keys)
  for await (const data of input) {
    const typed = watch?.push(data) ?? { forward: data, detached: false }
    await send(sink, typed.forward)
    if (typed.detached) return true
  }
  if (watch !== undefined) await send(sink, watch.flush())
  sink.end()
  return false
}

function pumpOutput(session: StdioSession, output: Writable): void {
  output.on('drain', () => session.setFlowing?.(true))
  session.onOutput((stream, chunk) => {
    if (output.destroyed) return
    output.cork()
    if (!session.tty) output.write(frameHeader(stream, chunk.length))
    const hasRoom = output.write(chunk)
    output.uncork()
    if (!hasRoom) session.setFlowing?.(false)
  })
}

/**
 * Until the process is done, the client is gone, or has typed `detachKeys` (which count with a terminal only, as in
 * dockerd).
 */
export async function joinSession(
  session: StdioSession,
  { input, output }: HijackedConnection,
  detachKeys: Buffer,
): Promise<void> {
  output.once('close', () => session.hangUp())
  pumpOutput(session, output)
  const left = Promise.withResolvers<void>()
  pumpInput(input, session.input, session.tty ? detachKeys : null)
    .then((detached) => {
      if (!detached) return
      session.detach()
      left.resolve()
    })
    .catch(() => {}) // the client left: "close" above
  await Promise.race([session.ended, left.promise])
}
