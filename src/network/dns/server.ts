/**
 * The sockets of one container's resolver: bound inside the container's network namespace by descriptor, served by the
 * engine's event loop. UDP, and TCP with bounds on connections, message size and idle time. Source: RFC 1035 4.2, RFC 7766.
 */
import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import { frame } from './forward.ts'
import type { Resolver } from './resolver.ts'

export interface DnsServer {
  /** Lets go of the namespace: both sockets and all connections close. */
  close(): void
}

export interface DnsServerOptions {
  readonly udpFd: number
  readonly tcpFd: number
  readonly resolve: Resolver
  readonly onError: (error: unknown) => void
}

const MAX_CONNECTIONS = 64
const IDLE_MS = 5000
const MAX_PIPELINED = 32

function serveConnection(socket: Socket, resolve: Resolver): void {
  let received = Buffer.alloc(0)
  let pending = 0
  socket.setTimeout(IDLE_MS, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const size = received.readUInt16BE(0)
      const message = Buffer.from(received.subarray(2, 2 + size))
      received = received.subarray(2 + size)
      pending += 1
      if (pending > MAX_PIPELINED) {
        socket.destroy()
        return
      }
      void resolve(message, 'tcp').then(
        (reply) => {
          pending -= 1
          if (reply === undefined) socket.destroy()
          else if (socket.writable) socket.write(frame(reply))
        },
        () => socket.destroy(),
      )
    }
  })
}

/** Takes over both descriptors. */
export function serveDns({ udpFd, tcpFd, resolve, onError }: DnsServerOptions): DnsServer {
  const udp = createSocket('udp4')
  let closed = false
  udp.on('error', onError)
  udp.on('message', (message, from) => {
    void resolve(message, 'udp').then((reply) => {
      if (reply !== undefined && !closed) udp.send(reply, from.port, from.address, () => {})
    }, onError)
  })
  udp.bind({ fd: udpFd })
  const connections = new Set<Socket>()
  const tcp = createServer((socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
    serveConnection(socket, resolve)
  })
  tcp.maxConnections = MAX_CONNECTIONS
  tcp.on('error', onError)
  tcp.listen({ fd: tcpFd })
  return {
    close() {
      if (closed) return
      closed = true
      udp.close()
      tcp.close()
      for (const socket of connections) socket.destroy()
    },
  }
}
