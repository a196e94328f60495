/**
 * A raw netlink socket, synchronous: several requests in one send, their acknowledgements read back, dumps read to the
 * end. A socket works in the network namespace it was opened in. Source: man 7 netlink, man 2 socket.
 */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { KernelError } from '../errors.ts'
import type { Libc } from './libc.ts'
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  decodeAcknowledgement,
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
} from './netlink.ts'

export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const RECEIVE_BYTES = 64 * 1024

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, value]) => [value, name]),
)

export interface NetlinkRequest {
  readonly type: number
  /** Besides REQUEST and ACK. */
  readonly flags?: number
  readonly body: Buffer
  /** For the error: "cannot create the bridge mc3fa-1a2b3c4d". */
  readonly action: string
}

export interface NetlinkSocket {
  /**
   * Sends all in one go and waits for every acknowledgement. The kernel goes on after a refused one; the first
   * refusal is thrown as KernelError. Returns what was answered besides (for GET requests).
   */
  request(requests: readonly NetlinkRequest[]): NetlinkMessage[]
  /** Every part of a dump. */
  dump(request: NetlinkRequest): NetlinkMessage[]
}

export interface Netlink {
  /** Opens a socket in the present network namespace, runs `work`, closes it. */
  use<T>(protocol: number, work: (socket: NetlinkSocket) => T): T
  /** As `request`, on a worker thread: for what the kernel takes long for. The namespace is the present one. */
  requestAsync(protocol: number, requests: readonly NetlinkRequest[]): Promise<void>
}

function refusal(request: NetlinkRequest, errno: number, detail: string | undefined): KernelError {
  const name = ERRNO_NAMES.get(errno) ?? `errno ${errno}`
  return new KernelError(`${request.action}: ${name}${detail === undefined ? '' : ` (${detail})`}`, { errno: name })
}

export function createNetlink(libc: Libc): Netlink {
  const socketCall = libc.func('int socket(int domain, int type, int protocol)')
  const setOption = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t size)')
  const sendCall = libc.func('long send(int fd, const uint8_t *data, unsigned long size, int flags)')
  const recvCall = libc.func('long recv(int fd, uint8_t *data, unsigned long size, int flags)')
  const buffer = Buffer.alloc(RECEIVE_BYTES)
  const one = Buffer.from([1, 0, 0, 0])
  let sequence = 0

  function open(protocol: number): number {
    const fd = Number(socketCall(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol))
    if (fd < 0) throw libc.error('cannot open a netlink socket')
    // both only make errors clearer: an old kernel may refuse them
    setOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, one, one.length)
    setOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, one, one.length)
    return fd
  }

  function send(fd: number, data: Buffer, action: string): void {
    if (Number(sendCall(fd, data, data.length, 0)) !== data.length) throw libc.error(action)
  }

  function receive(fd: number, action: string): NetlinkMessage[] {
    for (;;) {
      const size = Number(recvCall(fd, buffer, buffer.length, 0))
      if (size >= 0) return decodeMessages(Buffer.from(buffer.subarray(0, size)))
      if (libc.errno() !== 'EINTR') throw libc.error(action)
    }
  }

  function encode(requests: readonly NetlinkRequest[]): { bytes: Buffer; pending: Map<number, NetlinkRequest> } {
    const pending = new Map<number, NetlinkRequest>()
    const bytes = requests.map((each) => {
      sequence += 1
      pending.set(sequence, each)
      const flags = NLM_F_REQUEST | NLM_F_ACK | (each.flags ?? 0)
      return encodeMessage({ type: each.type, flags, sequence, body: each.body })
    })
    return { bytes: Buffer.concat(bytes), pending }
  }

  /** The kernel has worked through all requests when send(2) returns: the acknowledgements are there already. */
  function acknowledgements(fd: number, pending: Map<number, NetlinkRequest>, action: string): NetlinkMessage[] {
    const answers: NetlinkMessage[] = []
    let failure: KernelError | undefined
    while (pending.size > 0) {
      for (const message of receive(fd, action)) {
        const asked = pending.get(message.sequence)
        if (asked === undefined) continue
        if (message.type !== NLMSG_ERROR) {
          answers.push(message)
          continue
        }
        pending.delete(message.sequence)
        const { errno, detail } = decodeAcknowledgement(message)
        if (errno !== 0) failure ??= refusal(asked, errno, detail)
      }
    }
    if (failure !== undefined) throw failure
    return answers
  }

  function request(fd: number, requests: readonly NetlinkRequest[]): NetlinkMessage[] {
    const [first] = requests
    if (first === undefined) return []
    const { bytes, pending } = encode(requests)
    send(fd, bytes, first.action)
    return acknowledgements(fd, pending, first.action)
  }

  async function requestAsync(protocol: number, requests: readonly NetlinkRequest[]): Promise<void> {
    const [first] = requests
    if (first === undefined) return
    const { bytes, pending } = encode(requests)
    const fd = open(protocol)
    try {
      const sent = await new Promise<number>((resolve, reject) => {
        sendCall.async(fd, bytes, bytes.length, 0, (error: Error | null, size: number) =>
          error === null ? resolve(size) : reject(error),
        )
      })
      if (sent !== bytes.length) throw new KernelError(`${first.action}: cannot send`, { errno: 'EIO' })
      acknowledgements(fd, pending, first.action)
    } finally {
      closeSync(fd)
    }
  }

  function dump(fd: number, asked: NetlinkRequest): NetlinkMessage[] {
    sequence += 1
    const flags = NLM_F_REQUEST | NLM_F_DUMP | (asked.flags ?? 0)
    send(fd, encodeMessage({ type: asked.type, flags, sequence, body: asked.body }), asked.action)
    const parts: NetlinkMessage[] = []
    for (;;) {
      for (const message of receive(fd, asked.action)) {
        if (message.sequence !== sequence) continue
        if (message.type === NLMSG_DONE) return parts
        if (message.type === NLMSG_ERROR) {
          const { errno, detail } = decodeAcknowledgement(message)
          throw refusal(asked, errno, detail)
        }
        parts.push(message)
      }
    }
  }

  return {
    requestAsync,
    use(protocol, work) {
      const fd = open(protocol)
      try {
        return work({
          request: (requests) => request(fd, requests),
          dump: (asked) => dump(fd, asked),
        })
      } finally {
        closeSync(fd)
      }
    },
  }
}
