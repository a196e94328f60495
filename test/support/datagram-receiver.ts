/** A unix datagram socket to receive on, as systemd has one for sd_notify and journald for its log. Source: man 7 unix. */
import { closeSync } from 'node:fs'
import { loadLibc } from '../../src/host/libc.ts'

const AF_UNIX = 1
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000
const MSG_DONTWAIT = 0x40

export interface DatagramReceiver extends Disposable {
  /** The next one, or undefined when none is waiting. */
  take(): string | undefined
}

/** `path` "@name": an abstract name. */
export function receiveDatagrams(path: string): DatagramReceiver {
  const libc = loadLibc()
  const fd = Number(libc.func('int socket(int domain, int type, int protocol)')(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0))
  const address = Buffer.from(path.startsWith('@') ? `..\0${path.slice(1)}` : `..${path}\0`)
  address.writeUInt16LE(AF_UNIX, 0)
  const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t size)')
  if (bind(fd, address, address.length) !== 0) throw libc.error(`cannot bind ${path}`, path)
  const receive = libc.func('intptr_t recv(int fd, uint8_t *bytes, size_t size, int flags)')
  const buffer = Buffer.alloc(65_536)
  return {
    take() {
      const length = Number(receive(fd, buffer, buffer.length, MSG_DONTWAIT))
      return length < 0 ? undefined : buffer.toString('utf8', 0, length)
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}
