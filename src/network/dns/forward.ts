/**
 * Asks other servers what we do not know: in order, each with its time-out; the next one after a time-out, SERVFAIL or
 * REFUSED; "no such name" is final. Every question goes out under a random id from a random port of its own and only
 * the server asked may answer (RFC 5452). A server that timed out is asked last for a while.
 */
import { randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { Socket as Stream, isIPv6 } from 'node:net'
import { RCODE_REFUSED, RCODE_SERVER_FAILURE, isReplyTo, rcodeOf, withId, type Query } from './message.ts'

/** Where one question may go. */
export interface Route {
  readonly servers: readonly string[]
  /** Sockets in the namespace to ask from; absent: the engine's own. */
  readonly inside?: {
    openDatagrams(family: 4 | 6): Socket
    /** Not connected yet. */
    openStream(family: 4 | 6): Stream
  }
}

export interface Forwarder {
  /** The reply under the client's id, or undefined when nobody gave one. `message` is the query as it came. */
  ask(message: Buffer, query: Query, route: Route, transport: 'udp' | 'tcp'): Promise<Buffer | undefined>
  close(): void
}

export interface ForwarderOptions {
  readonly timeoutMs?: number
  readonly nowMs: () => number
  /** For tests; 53. */
  readonly port?: number
}

const PORT = 53
const TIMEOUT_MS = 2000
const MAX_SERVERS = 3
/** glibc gives up on an attempt after 5 s: be done before. */
const TOTAL_MS = 4500
const COOLING_MS = 30_000

export function createForwarder({ timeoutMs = TIMEOUT_MS, nowMs, port = PORT }: ForwarderOptions): Forwarder {
  const coolingUntilMs = new Map<string, number>()
  const aborts = new Set<() => void>()

  function inOrder(servers: readonly string[]): string[] {
    const now = nowMs()
    const isCooling = (server: string): boolean => (coolingUntilMs.get(server) ?? 0) > now
    return [...servers.filter((server) => !isCooling(server)), ...servers.filter((server) => isCooling(server))].slice(
      0,
      MAX_SERVERS,
    )
  }

  /** Calls `start` with the way to end it; time-out and close end it with undefined. */
  function exchange(
    server: string,
    limitMs: number,
    start: (finish: (reply: Buffer | undefined) => void) => () => void,
  ): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      let stop: (() => void) | undefined
      let finished = false
      const finish = (reply: Buffer | undefined): void => {
        if (finished) return
        finished = true
        clearTimeout(timer)
        aborts.delete(abort)
        stop?.()
        resolve(reply)
      }
      const abort = (): void => finish(undefined)
      const timer = setTimeout(() => {
        coolingUntilMs.set(server, nowMs() + COOLING_MS)
        finish(undefined)
      }, limitMs)
      timer.unref()
      aborts.add(abort)
      stop = start(finish)
      if (finished) stop()
    })
  }

  function overUdp(server: string, message: Buffer, query: Query, route: Route, limitMs: number) {
    return exchange(server, limitMs, (finish) => {
      let socket: Socket
      try {
        socket = route.inside?.openDatagrams(isIPv6(server) ? 6 : 4) ?? createSocket(isIPv6(server) ? 'udp6' : 'udp4')
      } catch {
        finish(undefined)
        return () => {}
      }
      const id = randomInt(0x10000)
      let open = true
      socket.on('error', () => finish(undefined))
      socket.on('message', (reply) => {
        if (isReplyTo(reply, id, query.question)) finish(withId(reply, query.id))
      })
      // connected: the kernel drops what others send, and reports a closed port at once
      socket.connect(port, server, (error?: Error) => {
        if (error !== undefined) finish(undefined) // no route to it from there
        else if (open) socket.send(withId(message, id))
      })
      return () => {
        open = false
        socket.close()
      }
    })
  }

  function overTcp(server: string, message: Buffer, query: Query, route: Route, limitMs: number) {
    return exchange(server, limitMs, (finish) => {
      const id = randomInt(0x10000)
      let socket: Stream
      try {
        socket = route.inside?.openStream(isIPv6(server) ? 6 : 4) ?? new Stream()
      } catch {
        finish(undefined) // the namespace is gone
        return () => {}
      }
      let received = Buffer.alloc(0)
      socket.on('error', () => finish(undefined))
      socket.on('close', () => finish(undefined))
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk])
        if (received.length < 2) return
        const size = received.readUInt16BE(0)
        if (received.length < 2 + size) return
        const reply = received.subarray(2, 2 + size)
        finish(isReplyTo(reply, id, query.question) ? withId(reply, query.id) : undefined)
      })
      socket.connect({ host: server, port })
      socket.end(frame(withId(message, id)))
      return () => socket.destroy()
    })
  }

  return {
    async ask(message, query, route, transport) {
      const deadlineMs = nowMs() + TOTAL_MS
      let last: Buffer | undefined
      for (const server of inOrder(route.servers)) {
        const limitMs = Math.min(timeoutMs, deadlineMs - nowMs())
        if (limitMs <= 0) break
        const reply =
          transport === 'tcp'
            ? await overTcp(server, message, query, route, limitMs)
            : await overUdp(server, message, query, route, limitMs)
        if (reply === undefined) continue
        coolingUntilMs.delete(server)
        last = reply
        const rcode = rcodeOf(reply)
        if (rcode !== RCODE_SERVER_FAILURE && rcode !== RCODE_REFUSED) return reply
      }
      return last
    },
    close() {
      for (const abort of aborts) abort()
    },
  }
}

/** RFC 1035 4.2.2: two bytes of length, then the message. */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}
