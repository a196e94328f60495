/**
 * The reading half of a connection: one request after the other, or raw bytes after a hijack. Bytes of a following
 * request (pipelining) wait until they are asked for. Source: RFC 9112.
 */
import type { Socket } from 'node:net'
import { createByteQueue, type ByteQueue } from '../byte-queue.ts'
import { bodyFraming, createBodyDecoder, type BodyDecoder } from '../http1/body.ts'
import { headEnd, MAX_HEAD_BYTES, parseHead, type Head } from '../http1/head.ts'
import { InvalidRequestError } from '../../errors.ts'

export interface IncomingRequest {
  readonly head: Head
  readonly body: AsyncIterable<Buffer>
  /** Throws away what is left of the body; false when that is more than it is worth (drop the connection). */
  drain(): Promise<boolean>
}

export interface RequestReader {
  /** The next request; undefined when the client has closed. Throws InvalidRequestError. */
  next(): Promise<IncomingRequest | undefined>
  /** From now on everything is raw. */
  raw(): AsyncIterable<Buffer>
  /** The client has closed its half. */
  readonly ended: boolean
}

const MAX_DRAIN_BYTES = 64 * 1024 * 1024
const EMPTY = Buffer.alloc(0)

export function createRequestReader(socket: Socket, onEnd: () => void): RequestReader {
  let pending: Buffer = EMPTY
  let decoder: BodyDecoder | undefined
  let queue: ByteQueue | undefined
  let ended = false
  let wake: (() => void) | undefined

  function notify(): void {
    const waiting = wake
    wake = undefined
    waiting?.()
  }

  function openBody(next: BodyDecoder): ByteQueue {
    const body = createByteQueue({
      onPressure: (stop) => void (stop ? socket.pause() : socket.resume()),
      onAbandon() {}, // drain() decides
    })
    decoder = next
    queue = body
    const before = pending
    pending = EMPTY
    feed(before)
    return body
  }

  function feed(bytes: Buffer): void {
    if (decoder === undefined) {
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
      if (pending.length > MAX_HEAD_BYTES) socket.pause()
      notify()
      return
    }
    const rest = decoder.push(bytes, (data) => queue?.push(data))
    if (rest === undefined) return
    decoder = undefined
    queue?.end()
    pending = rest
  }

  socket.on('data', (bytes: Buffer) => {
    try {
      feed(bytes)
    } catch (error) {
      queue?.fail(error instanceof Error ? error : new Error(String(error)))
      socket.destroy()
    }
  })
  const finish = (): void => {
    if (ended) return
    ended = true
    if (decoder?.finish() === true) queue?.end()
    else if (decoder !== undefined) queue?.fail(new InvalidRequestError('the client closed within the request body'))
    notify()
    onEnd()
  }
  socket.on('end', finish)
  socket.on('close', finish)

  async function drainBody(body: ByteQueue): Promise<boolean> {
    let size = 0
    for await (const data of body) {
      size += data.length
      if (size > MAX_DRAIN_BYTES) return false
    }
    return true
  }

  return {
    async next() {
      for (;;) {
        const end = headEnd(pending)
        if (end > MAX_HEAD_BYTES || (end < 0 && pending.length > MAX_HEAD_BYTES))
          throw new InvalidRequestError('request head is too large')
        if (end >= 0) {
          const head = parseHead(pending.toString('latin1', 0, end))
          pending = pending.subarray(end)
          socket.resume()
          const framing = bodyFraming(head.headers, 'none')
          if (framing.kind !== 'none' && head.headers.get('expect')?.toLowerCase() === '100-continue')
            socket.write('HTTP/1.1 100 Continue\r\n\r\n')
          const body = openBody(createBodyDecoder(framing))
          return { head, body, drain: () => drainBody(body) }
        }
        if (ended) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    raw: () => openBody(createBodyDecoder({ kind: 'until-close' })),
    get ended() {
      return ended
    },
  }
}
