/**
 * Datagrams to a unix socket, which Node cannot send: journald and most local syslogs listen on one. Non-blocking; a
 * datagram goes whole or not at all. Source: man 7 unix ("Address format"), man 2 send, man 3 sd_notify ("@").
 */
import { closeSync } from 'node:fs'
import { KernelError } from '../errors.ts'
import type { Libc } from './libc.ts'

export interface DatagramSocket {
  /** False: the receiver's queue is full, try again later. Throws KernelError when it has gone. sync */
  send(bytes: Buffer): boolean
  close(): void
}

export interface UnixDatagrams {
  /** "@name" is an abstract name, on no disk. Throws KernelError: ENOENT, ECONNREFUSED (nobody listens), EPROTOTYPE (a stream socket). sync */
  connect(path: string): DatagramSocket
}

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_FLAGS = 0o2000000 | 0o4000 // CLOEXEC, NONBLOCK
const MSG_NOSIGNAL = 0x4000
const MAX_PATH_BYTES = 107

export function createUnixDatagrams(libc: Libc): UnixDatagrams {
  const socketCall = libc.func('int socket(int domain, int type, int protocol)')
  const connectCall = libc.func('int connect(int fd, const uint8_t *address, uint32_t size)')
  const sendCall = libc.func('intptr_t send(int fd, const uint8_t *bytes, size_t size, int flags)')

  function socketTo(path: string): number {
    const name = Buffer.from(path)
    if (name.length > MAX_PATH_BYTES)
      throw new KernelError(`socket path is longer than ${MAX_PATH_BYTES} bytes: ${path}`, {
        errno: 'ENAMETOOLONG',
        path,
      })
    const isAbstract = path.startsWith('@')
    // an abstract name is all the bytes that are given, a path ends with a zero
    const address = Buffer.alloc(2 + name.length + (isAbstract ? 0 : 1))
    address.writeUInt16LE(AF_UNIX, 0)
    name.copy(address, 2)
    if (isAbstract) address[2] = 0
    const fd = Number(socketCall(AF_UNIX, SOCK_DGRAM | SOCK_FLAGS, 0))
    if (fd < 0) throw libc.error('cannot open a socket', path)
    if (connectCall(fd, address, address.length) === 0) return fd
    const error = libc.error(`cannot connect to ${path}`, path)
    closeSync(fd)
    throw error
  }

  return {
    connect(path) {
      const fd = socketTo(path)
      return {
        send(bytes) {
          if (Number(sendCall(fd, bytes, bytes.length, MSG_NOSIGNAL)) >= 0) return true
          if (libc.errno() === 'EAGAIN' || libc.errno() === 'ENOBUFS') return false
          throw libc.error(`cannot send to ${path}`, path)
        },
        close: () => closeSync(fd),
      }
    },
  }
}
