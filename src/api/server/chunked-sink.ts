/** A Writable whose bytes go out as HTTP/1.1 chunks at the pace of the client. Source: RFC 9112 section 7.1. */
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { chunkHead, LAST_CHUNK } from '../http1/body.ts'

/** What may wait in the engine for a slow client. */
const HIGH_WATER_BYTES = 256 * 1024

/** `chunked` false: bytes as they are (HTTP/1.0). Ending it ends the body, not the connection. */
export function createChunkedSink(socket: Socket, chunked: boolean): Writable {
  function send(data: Buffer, done: (error?: Error | null) => void): void {
    if (data.length === 0) {
      done()
      return
    }
    if (!chunked) {
      socket.write(data, done)
      return
    }
    socket.cork()
    socket.write(chunkHead(data))
    socket.write(data)
    socket.write('\r\n', done)
    socket.uncork()
  }
  const sink = new Writable({
    highWaterMark: HIGH_WATER_BYTES,
    write: (data: Buffer, _encoding, done) => send(data, done),
    // what gathered while the last chunk went out becomes one chunk: log lines by the thousand
    writev: (parts: readonly { readonly chunk: Buffer }[], done) =>
      send(Buffer.concat(parts.map(({ chunk }) => chunk)), done),
    final(done) {
      if (chunked && socket.writable) socket.write(LAST_CHUNK, done)
      else done()
    },
  })
  const onClose = (): void => void sink.destroy()
  socket.once('close', onClose)
  sink.once('close', () => socket.off('close', onClose))
  sink.on('error', () => {}) // the client left: the request's signal tells
  return sink
}
