/**
 * The netlink wire format: messages, attributes and the kernel's acknowledgements. PURE; netlink-socket.ts carries
 * the bytes. Numbers are in host byte order, which is little-endian on everything Node runs on under Linux that we
 * support. Source: man 7 netlink, include/uapi/linux/netlink.h.
 */

export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
export const NLM_F_DUMP = 0x300
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3

const HEADER_BYTES = 16
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1
const NLA_F_NESTED = 0x8000
const NLA_TYPE_MASK = 0x3fff

export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Buffer
}

const align = (bytes: number): number => (bytes + 3) & ~3

export function encodeMessage({ type, flags, sequence, body }: NetlinkMessage): Buffer {
  const message = Buffer.alloc(align(HEADER_BYTES + body.length))
  message.writeUInt32LE(HEADER_BYTES + body.length, 0)
  message.writeUInt16LE(type, 4)
  message.writeUInt16LE(flags, 6)
  message.writeUInt32LE(sequence, 8)
  body.copy(message, HEADER_BYTES)
  return message
}

/** The messages of one datagram. A length that does not fit ends the list: the kernel never sends one. */
export function decodeMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = []
  let offset = 0
  while (offset + HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(offset)
    if (length < HEADER_BYTES || offset + length > datagram.length) break
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      body: datagram.subarray(offset + HEADER_BYTES, offset + length),
    })
    offset += align(length)
  }
  return messages
}

/** One attribute; strings get their terminating zero. */
export function attribute(type: number, value: Buffer | string): Buffer {
  const payload = typeof value === 'string' ? Buffer.from(`${value}\0`) : value
  const bytes = Buffer.alloc(align(4 + payload.length))
  bytes.writeUInt16LE(4 + payload.length, 0)
  bytes.writeUInt16LE(type, 2)
  payload.copy(bytes, 4)
  return bytes
}

export function nested(type: number, children: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(children))
}

export function u8(value: number): Buffer {
  return Buffer.from([value])
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** Type -> payload; of a repeated type the last one counts. */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>()
  let offset = 0
  while (offset + 4 <= bytes.length) {
    const length = bytes.readUInt16LE(offset)
    if (length < 4 || offset + length > bytes.length) break
    attributes.set(bytes.readUInt16LE(offset + 2) & NLA_TYPE_MASK, bytes.subarray(offset + 4, offset + length))
    offset += align(length)
  }
  return attributes
}

/** A string attribute without its terminating zero. */
export function text(payload: Buffer | undefined): string | undefined {
  return payload?.toString('utf8').replace(/\0.*$/s, '')
}

/** What an NLMSG_ERROR says: `errno` 0 acknowledges; `detail` is the kernel's own sentence, when it has one. */
export function decodeAcknowledgement(message: NetlinkMessage): { errno: number; detail: string | undefined } {
  if (message.body.length < 4) return { errno: 0, detail: undefined }
  const errno = -message.body.readInt32LE(0)
  if ((message.flags & NLM_F_ACK_TLVS) === 0 || message.body.length < 20) return { errno, detail: undefined }
  // without CAPPED the whole request is echoed between the error number and the attributes
  const echoed = (message.flags & NLM_F_CAPPED) === 0 ? message.body.readUInt32LE(4) : HEADER_BYTES
  return { errno, detail: text(decodeAttributes(message.body.subarray(4 + align(echoed))).get(NLMSGERR_ATTR_MSG)) }
}
