/**
 * Connections to unix sockets of type SOCK_SEQPACKET (conmon's attach socket), as Node streams: each "data" is one packet,
 * each write with a finished callback one packet more. Node opens stream sockets only; so it is given one, and the packet
 * socket is put in its place under the same number before the event loop has looked at it.
 * Source: man 7 unix, man 2 socketpair, connect, dup3.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { unixAddress } from './unix-address.ts'
import type { Libc } from './libc.ts'

export interface PacketSockets {
  /**
   * The path may be of any length. Flowing from the start, so listen at once. Write one packet at a time: two that wait
   * would go out as one. Throws KernelError (ENOENT, ECONNREFUSED).
   */
  connect(path: string): Promise<Socket>
}

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_SEQPACKET = 5
const SOCK_FLAGS = 0o2000000 | 0o4000 // CLOEXEC, NONBLOCK
const O_CLOEXEC = 0o2000000
/** Node does not name it: a folder as a place only. */
const O_PATH = 0o10000000
/** A full backlog is emptied at the listener's next turn. */
const ATTEMPTS = 200
const PAUSE_MS = 5

export function createPacketSockets(libc: Libc): PacketSockets {
  const socketCall = libc.func('int socket(int domain, int type, int protocol)')
  const pairCall = libc.func('int socketpair(int domain, int type, int protocol, uint8_t *pair)')
  const connectCall = libc.func('int connect(int fd, const uint8_t *address, uint32_t size)')
  const duplicateCall = libc.func('int dup3(int from, int to, int flags)')

  /** False: the backlog is full. */
  function tryConnect(fd: number, path: string): boolean {
    const folder = openSync(dirname(path), O_PATH | constants.O_DIRECTORY)
    try {
      const address = unixAddress(`/proc/self/fd/${folder}/${basename(path)}`)
      if (connectCall(fd, address, address.length) === 0) return true
      if (libc.errno() === 'EAGAIN') return false
      throw libc.error(`cannot connect to ${path}`, path)
    } finally {
      closeSync(folder)
    }
  }

  function adopt(packetFd: number): Socket {
    const pair = Buffer.alloc(8)
    if (pairCall(AF_UNIX, SOCK_STREAM | SOCK_FLAGS, 0, pair) !== 0) throw libc.error('cannot make a pair of sockets')
    const [ours, other] = [pair.readInt32LE(0), pair.readInt32LE(4)]
    const socket = new Socket({ fd: ours, readable: true, writable: true, allowHalfOpen: true })
    const moved = Number(duplicateCall(packetFd, ours, O_CLOEXEC))
    closeSync(other)
    if (moved === ours) return socket
    socket.destroy()
    throw libc.error('cannot take over a packet socket')
  }

  return {
    async connect(path) {
      const fd = Number(socketCall(AF_UNIX, SOCK_SEQPACKET | SOCK_FLAGS, 0))
      if (fd < 0) throw libc.error('cannot make a packet socket')
      try {
        for (let attempt = 0; !tryConnect(fd, path); attempt += 1) {
          if (attempt === ATTEMPTS) throw libc.error(`cannot connect to ${path}: nobody answers`, path)
          await delay(PAUSE_MS)
        }
        return adopt(fd)
      } finally {
        closeSync(fd)
      }
    },
  }
}
