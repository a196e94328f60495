/**
 * Sockets as plain descriptors, created in the present network namespace; Node's dgram and net adopt them by number.
 * All are non-blocking and closed on exec. Source: man 2 socket, bind, listen, getsockname; man 7 ip, ipv6.
 */
import { closeSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { addressBytes } from './ip-address.ts'
import type { Libc } from './libc.ts'

export interface Sockets {
  /** A datagram socket bound to address:port (0: any) as a descriptor, created in the present namespace. */
  bindUdp(address: string, port: number): number
  /** A stream socket that is bound and refuses connections until `listen`. EADDRINUSE when another one listens. */
  bindTcp(address: string, port: number): number
  /** A listening stream socket, likewise. */
  listenTcp(address: string, port: number): number
  /** EADDRINUSE when another socket has come to listen there since. */
  listen(fd: number): void
  /** The port that the kernel chose. */
  localPort(fd: number): number
  close(fd: number): void
}

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_FLAGS = 0o2000000 | 0o4000 // CLOEXEC, NONBLOCK
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const BACKLOG = 128

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(address: string, port: number): Buffer {
  const ip = addressBytes(address)
  const bytes = Buffer.alloc(ip.length === 4 ? 16 : 28)
  bytes.writeUInt16LE(ip.length === 4 ? AF_INET : AF_INET6, 0)
  bytes.writeUInt16BE(port, 2)
  ip.copy(bytes, ip.length === 4 ? 4 : 8)
  return bytes
}

export function createSockets(libc: Libc): Sockets {
  const socketCall = libc.func('int socket(int domain, int type, int protocol)')
  const bindCall = libc.func('int bind(int fd, const uint8_t *address, uint32_t size)')
  const listenCall = libc.func('int listen(int fd, int backlog)')
  const setOption = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t size)')
  const nameCall = libc.func('int getsockname(int fd, uint8_t *address, uint8_t *size)')
  const one = Buffer.from([1, 0, 0, 0])

  function bound(type: number, address: string, port: number): number {
    const v6 = isIPv6(address)
    const action = `cannot bind ${v6 ? `[${address}]` : address}:${port}/${type === SOCK_STREAM ? 'tcp' : 'udp'}`
    const fd = Number(socketCall(v6 ? AF_INET6 : AF_INET, type | SOCK_FLAGS, 0))
    if (fd < 0) throw libc.error(action)
    try {
      // lets it bind beside connections in TIME_WAIT; on datagram sockets it would allow sharing, which we do not want
      if (type === SOCK_STREAM) setOption(fd, SOL_SOCKET, SO_REUSEADDR, one, one.length)
      if (v6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, one, one.length)
      const target = socketAddress(address, port)
      if (bindCall(fd, target, target.length) !== 0) throw libc.error(action)
      return fd
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  function listen(fd: number): void {
    if (listenCall(fd, BACKLOG) !== 0) throw libc.error('cannot listen')
  }

  return {
    bindUdp: (address, port) => bound(SOCK_DGRAM, address, port),
    bindTcp: (address, port) => bound(SOCK_STREAM, address, port),
    listen,
    listenTcp(address, port) {
      const fd = bound(SOCK_STREAM, address, port)
      try {
        listen(fd)
        return fd
      } catch (error) {
        closeSync(fd)
        throw error
      }
    },
    localPort(fd) {
      const address = Buffer.alloc(28)
      const size = Buffer.from([28, 0, 0, 0])
      if (nameCall(fd, address, size) !== 0) throw libc.error('cannot read the address of a socket')
      return address.readUInt16BE(2)
    },
    close: (fd) => closeSync(fd),
  }
}
