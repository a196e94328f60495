/** The engine's socket: accepts connections and serves the routes on them. No TCP listener, ever. */
import { createServer, type Socket } from 'node:net'
import { serveConnection, type ConnectionOptions } from './connection.ts'

export interface ApiServer {
  /** Listens; the caller has made the folder and set the umask. Throws Node's error (EADDRINUSE). */
  listen(socketPath: string): Promise<void>
  /** Accepts no more, lets answers that are under way end for `graceMs`, then drops all connections. */
  close(graceMs: number): Promise<void>
}

export function createApiServer(options: ConnectionOptions): ApiServer {
  const sockets = new Map<Socket, Promise<void>>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const served = serveConnection(socket, options)
    sockets.set(socket, served)
    socket.once('close', () => sockets.delete(socket))
  })
  return {
    listen: (socketPath) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ path: socketPath, backlog: 1024 }, () => {
          server.off('error', reject)
          resolve()
        })
      }),
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const timer = setTimeout(() => {
        for (const socket of sockets.keys()) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(timer)
    },
  }
}
