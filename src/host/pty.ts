/**
 * Terminals for `exec -t`: the runtime makes the pseudo-terminal and sends its master over a unix socket as an
 * SCM_RIGHTS message, which Node cannot receive. The socket does not block and is asked every few milliseconds: a
 * worker thread that waits in accept(2) could not be called off. Source: man 7 unix, man 2 recvmsg, man 2 ioctl_tty,
 * runc docs/terminals.md.
 */
import { closeSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import koffi from 'koffi'
import { MycomposeError } from '../errors.ts'
import type { Libc } from './libc.ts'
import { unixAddress } from './unix-address.ts'

export interface Pty {
  /** Listens on `socketPath` (at most 107 bytes), waits for one connection and one descriptor. */
  receiveMaster(
    socketPath: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<number>
  /** TIOCSWINSZ. sync */
  resize(masterFd: number, rows: number, columns: number): void
}

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_FLAGS = 0o2000000 | 0o4000 // CLOEXEC, NONBLOCK
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const MSG_CMSG_CLOEXEC = 0x40000000
const TIOCSWINSZ = 0x5414
const POLL_MS = 2

/** struct msghdr for one byte block and one descriptor; the buffers must outlive the call. */
function messageHeader(data: Buffer, control: Buffer): { header: Buffer; vector: Buffer } {
  const vector = Buffer.alloc(16)
  vector.writeBigUInt64LE(koffi.address(data), 0)
  vector.writeBigUInt64LE(BigInt(data.length), 8)
  const header = Buffer.alloc(56)
  header.writeBigUInt64LE(koffi.address(vector), 16)
  header.writeBigUInt64LE(1n, 24)
  header.writeBigUInt64LE(koffi.address(control), 32)
  header.writeBigUInt64LE(BigInt(control.length), 40)
  return { header, vector }
}

export function createPty(libc: Libc): Pty {
  const socketCall = libc.func('int socket(int domain, int type, int protocol)')
  const bindCall = libc.func('int bind(int fd, const uint8_t *address, uint32_t size)')
  const listenCall = libc.func('int listen(int fd, int backlog)')
  const acceptCall = libc.func('int accept4(int fd, void *address, void *size, int flags)')
  const receiveCall = libc.func('int64_t recvmsg(int fd, uint8_t *message, int flags)')
  const ioctlCall = libc.func('int ioctl(int fd, unsigned long request, const uint8_t *argument)')

  function listenAt(path: string): number {
    const fd = Number(socketCall(AF_UNIX, SOCK_STREAM | SOCK_FLAGS, 0))
    if (fd < 0) throw libc.error('cannot make a unix socket', path)
    const address = unixAddress(path)
    if (bindCall(fd, address, address.length) !== 0 || listenCall(fd, 1) !== 0) {
      const failure = libc.error(`cannot listen on ${path}`, path)
      closeSync(fd)
      throw failure
    }
    return fd
  }

  /** The descriptor, or undefined when nothing has come yet. */
  function receive(connection: number): number | undefined {
    const control = Buffer.alloc(64)
    const data = Buffer.alloc(256)
    const { header } = messageHeader(data, control)
    if (Number(receiveCall(connection, header, MSG_CMSG_CLOEXEC)) < 0) {
      if (libc.errno() === 'EAGAIN') return undefined
      throw libc.error('cannot receive a terminal')
    }
    const isRights = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_RIGHTS
    if (Number(control.readBigUInt64LE(0)) < 20 || !isRights) return undefined
    return control.readInt32LE(16)
  }

  return {
    async receiveMaster(socketPath, { timeoutMs, signal }) {
      const listener = listenAt(socketPath)
      let connection = -1
      try {
        for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += POLL_MS) {
          signal?.throwIfAborted()
          if (connection < 0) connection = Number(acceptCall(listener, null, null, SOCK_FLAGS))
          const master = connection < 0 ? undefined : receive(connection)
          if (master !== undefined) return master
          await delay(POLL_MS)
        }
        throw new MycomposeError(`no terminal arrived at ${socketPath} within ${timeoutMs} ms`, { code: 'NO_TERMINAL' })
      } finally {
        if (connection >= 0) closeSync(connection)
        closeSync(listener)
        rmSync(socketPath, { force: true })
      }
    },
    resize(masterFd, rows, columns) {
      const size = Buffer.alloc(8)
      size.writeUInt16LE(rows, 0)
      size.writeUInt16LE(columns, 2)
      if (ioctlCall(masterFd, TIOCSWINSZ, size) !== 0) throw libc.error('cannot resize the terminal')
    },
  }
}
