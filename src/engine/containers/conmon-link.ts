/**
 * The engine's one connection to a container's conmon: output as it comes, input, and where they are in each other's way.
 * conmon sends packets of a stream's number and up to 8 KiB, and takes input in packets. It waits for us when we do not
 * read, and the container's process waits for conmon: so a slow client slows the process, as a pipe does, and no memory
 * grows. One connection, because conmon closes the container's input when any connection ends.
 * Source: conmon src/conn_sock.c, ctr_stdio.c.
 */
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import type { StreamName } from '../../api/stream.ts'

/** conmon reads up to 32 KiB and drops the rest of a packet. */
const MAX_PACKET_BYTES = 16 * 1024
/** conmon: NO_PIPE, STDIN_PIPE, STDOUT_PIPE, STDERR_PIPE. */
const STDERR = 3
const LOOK_MS = 100

export type OutputListener = (stream: StreamName, data: Buffer) => void

export interface ConmonLink {
  /** The result stops it. */
  listen(listener: OutputListener): () => void
  /** Resolves when conmon has taken it; never rejects: what cannot be delivered is dropped, as a terminal would. */
  write(data: Buffer): Promise<void>
  /** End of file for the process. */
  endInput(): void
  /** `who` cannot take more output for now, or can again. */
  hold(who: object, stop: boolean): void
  /** Resolves at the end of output. */
  readonly ended: Promise<void>
  close(): void
}

/** Until it has been taken, or cannot be any more. */
function writeWhole(stream: Writable, data: Buffer): Promise<void> {
  if (stream.destroyed || !stream.writable) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('close', done)
      resolve()
    }
    stream.once('close', done)
    stream.write(data, done)
  })
}

export interface ConmonLinkOptions {
  /** The connection to conmon's attach socket. */
  readonly socket: Socket
  /** The pipe or terminal that is the process's input; absent: it is reached through conmon. */
  readonly input: Writable | undefined
  /** Whether the container's first process still runs. */
  readonly isAlive: () => boolean
}

export function createConmonLink({ socket, input, isAlive }: ConmonLinkOptions): ConmonLink {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const listeners = new Set<OutputListener>()
  const holders = new Set<object>()
  let look: NodeJS.Timeout | undefined
  let writing = Promise.resolve()
  let isDead = false

  socket.on('data', (packet: Buffer) => {
    const stream = packet[0] === STDERR ? 'stderr' : 'stdout'
    const data = packet.subarray(1)
    for (const listener of listeners) listener(stream, data)
  })
  socket.on('error', () => {}) // EPIPE, ECONNRESET: "close" follows
  socket.once('end', () => socket.end())
  input?.on('error', () => {}) // EPIPE, EIO: the process has closed its input
  socket.once('close', () => {
    clearInterval(look)
    input?.destroy()
    end()
  })

  /** A conmon that waits for us cannot tell that its container has ended; what is left of the output is little. */
  function lookAfter(): void {
    if (isAlive()) return
    isDead = true
    flow()
  }

  function flow(): void {
    clearInterval(look)
    look = undefined
    socket.resume()
  }

  async function writeAll(data: Buffer): Promise<void> {
    if (input !== undefined) return writeWhole(input, data)
    for (let at = 0; at < data.length; at += MAX_PACKET_BYTES)
      await writeWhole(socket, data.subarray(at, at + MAX_PACKET_BYTES))
  }

  return {
    ended,
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    write(data) {
      writing = writing.then(() => writeAll(data))
      return writing
    },
    endInput() {
      void writing.then(() => {
        input?.destroy()
        socket.end()
      })
    },
    hold(who, stop) {
      if (stop) holders.add(who)
      else holders.delete(who)
      if (holders.size === 0) flow()
      else if (look === undefined && !isDead) {
        socket.pause()
        look = setInterval(lookAfter, LOOK_MS)
      }
    },
    close() {
      input?.destroy()
      socket.destroy()
    },
  }
}
