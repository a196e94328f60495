/**
 * Published IPv6 addresses that the kernel cannot serve: it translates within one family only, and never from ::1. There
 * the engine itself takes the connection and hands its bytes on, as docker-proxy does. That is what makes
 * http://localhost work for clients that try ::1 and nothing else. TCP only; a relayed connection lives and dies with
 * the engine, and the container sees the gateway's address as the client.
 */
import { connect, createServer, type Socket } from 'node:net'

/** More than this wait in the kernel: one port must not use up the engine's descriptors. */
const MAX_CONNECTIONS = 512

export interface RelayTarget {
  readonly address: string
  readonly port: number
}

/** Both directions, each closed on its own; an error on one side resets the other. */
function join(client: Socket, server: Socket): void {
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => other.resetAndDestroy())
    one.on('close', () => other.destroySoon())
    one.pipe(other)
  }
}

/** Takes over the listening descriptor. `target` is read for each connection: it may change. */
export function startRelay(fd: number, target: () => RelayTarget): { close(): void } {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const { address, port } = target()
    const inside = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    for (const socket of [client, inside]) {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
    }
    join(client, inside)
  })
  server.maxConnections = MAX_CONNECTIONS
  server.on('error', () => {})
  server.listen({ fd })
  return {
    close() {
      server.close()
      for (const socket of open) socket.resetAndDestroy()
    },
  }
}
