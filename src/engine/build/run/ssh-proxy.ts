/**
 * `--mount=type=ssh`: the step gets a socket of ours, with the owner and mode that it asked for, and each connection is
 * handed on to the agent's. The agent's own socket is in no namespace of the step. Source: Dockerfile reference
 * "RUN --mount=type=ssh"; BuildKit session/sshforward.
 */
import { connect, createServer, type Socket } from 'node:net'
import type { Files } from '../../../host/host.ts'

/** An agent is asked by one program at a time; more than this wait in the kernel. */
const MAX_CONNECTIONS = 64

export interface SshProxyWish {
  /** Where our socket comes to be. */
  readonly path: string
  readonly agentPath: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

function join(client: Socket, agent: Socket): void {
  for (const [one, other] of [
    [client, agent],
    [agent, client],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroySoon())
    one.pipe(other)
  }
}

/** Listens until it is disposed. */
export async function openSshProxy(files: Files, wish: SshProxyWish): Promise<Disposable> {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const agent = connect({ path: wish.agentPath, allowHalfOpen: true })
    for (const socket of [client, agent]) {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
    }
    join(client, agent)
  })
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(wish.path, resolve)
  })
  server.on('error', () => {})
  await files.chown(wish.path, wish.uid, wish.gid)
  await files.chmod(wish.path, wish.mode)
  return {
    [Symbol.dispose]() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}
