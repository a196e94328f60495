/**
 * The DNS wire format as far as a resolver for names of our own needs it: one question in, addresses and names out.
 * Everything read is hostile. PURE. Source: RFC 1035 section 4, RFC 6891 (EDNS size), RFC 3596 (AAAA).
 */

export const TYPE_A = 1
export const TYPE_PTR = 12
export const TYPE_AAAA = 28
const TYPE_OPT = 41
export const CLASS_IN = 1

export const RCODE_OK = 0
export const RCODE_FORMAT = 1
export const RCODE_SERVER_FAILURE = 2
export const RCODE_NO_SUCH_NAME = 3
export const RCODE_NOT_IMPLEMENTED = 4
export const RCODE_REFUSED = 5

export const HEADER_BYTES = 12
const MAX_NAME_BYTES = 255
const MAX_LABEL_BYTES = 63
const MAX_POINTERS = 64
/** What a client without EDNS takes over UDP. */
export const PLAIN_UDP_BYTES = 512

const FLAG_RESPONSE = 0x8000
const FLAG_AUTHORITATIVE = 0x0400
const FLAG_TRUNCATED = 0x0200
const FLAG_RECURSION_DESIRED = 0x0100
const FLAG_RECURSION_AVAILABLE = 0x0080

export interface Question {
  /** Without the last dot, as asked (case kept); "" is the root. A dot inside a label reads "\\.". */
  readonly name: string
  readonly type: number
  readonly class: number
}

export interface Query {
  readonly id: number
  readonly opcode: number
  readonly recursionDesired: boolean
  readonly question: Question
  /** The question as bytes, to be given back unchanged. */
  readonly questionBytes: Buffer
  /** How much the client takes over UDP; undefined without EDNS. */
  readonly ednsBytes: number | undefined
}

export type Decoded =
  | { readonly kind: 'query'; readonly query: Query }
  /** A query that cannot be read, but answered by its id. */
  | { readonly kind: 'malformed'; readonly id: number }
  /** Not even a header, or itself an answer: no reply, lest two servers play ping-pong. */
  | { readonly kind: 'ignore' }

export interface Name {
  readonly text: string
  /** Where reading goes on. */
  readonly end: number
}

/**
 * The name at `offset`, compression followed; undefined when it leaves the message, loops or is too long. Pointers may
 * only lead backwards, so every chain ends.
 */
export function readName(message: Buffer, offset: number): Name | undefined {
  const labels: string[] = []
  let position = offset
  let end: number | undefined
  let bytes = 0
  let pointers = 0
  for (;;) {
    const length = message[position]
    if (length === undefined) return undefined
    if (length === 0) return { text: labels.join('.'), end: end ?? position + 1 }
    if ((length & 0xc0) === 0xc0) {
      const low = message[position + 1]
      if (low === undefined) return undefined
      const target = ((length & 0x3f) << 8) | low
      pointers += 1
      if (target >= position || pointers > MAX_POINTERS) return undefined
      end ??= position + 2
      position = target
      continue
    }
    if (length > MAX_LABEL_BYTES) return undefined
    bytes += length + 1
    if (bytes >= MAX_NAME_BYTES || position + 1 + length > message.length) return undefined
    labels.push(message.toString('latin1', position + 1, position + 1 + length).replaceAll('.', '\\.'))
    position += 1 + length
  }
}

/** Undefined when a label is empty or too long. */
export function encodeName(name: string): Buffer | undefined {
  if (name === '') return Buffer.from([0])
  const labels = name.split('.').map((label) => Buffer.from(label, 'utf8'))
  if (labels.some((label) => label.length === 0 || label.length > MAX_LABEL_BYTES)) return undefined
  const bytes = Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0])])
  return bytes.length > MAX_NAME_BYTES ? undefined : bytes
}

/** The UDP size of the OPT record among the additional ones; undefined when there is none (or the rest is broken). */
function readEdns(message: Buffer, offset: number, records: number): number | undefined {
  let position = offset
  for (let index = 0; index < records; index += 1) {
    const name = readName(message, position)
    if (name === undefined || name.end + 10 > message.length) return undefined
    if (message.readUInt16BE(name.end) === TYPE_OPT) return message.readUInt16BE(name.end + 2)
    position = name.end + 10 + message.readUInt16BE(name.end + 8)
  }
  return undefined
}

export function decodeQuery(message: Buffer): Decoded {
  if (message.length < HEADER_BYTES) return { kind: 'ignore' }
  const id = message.readUInt16BE(0)
  const flags = message.readUInt16BE(2)
  if ((flags & FLAG_RESPONSE) !== 0) return { kind: 'ignore' }
  const name = message.readUInt16BE(4) === 1 ? readName(message, HEADER_BYTES) : undefined
  if (name === undefined || name.end + 4 > message.length) return { kind: 'malformed', id }
  const end = name.end + 4
  const others = message.readUInt16BE(6) + message.readUInt16BE(8)
  return {
    kind: 'query',
    query: {
      id,
      opcode: (flags >> 11) & 0xf,
      recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
      question: { name: name.text, type: message.readUInt16BE(name.end), class: message.readUInt16BE(name.end + 2) },
      questionBytes: message.subarray(HEADER_BYTES, end),
      ednsBytes: others === 0 ? readEdns(message, end, Math.min(message.readUInt16BE(10), 16)) : undefined,
    },
  }
}

/** One record about the name that was asked for. */
export interface Answer {
  readonly type: number
  readonly ttlSeconds: number
  readonly data: Buffer
}

export interface ReplyOptions {
  readonly rcode: number
  readonly answers?: readonly Answer[]
  readonly authoritative?: boolean
  /** Answers that do not fit are left out and the truncation bit says so. */
  readonly maxBytes: number
}

const EDNS_OURS = Buffer.from([0, 0, TYPE_OPT, 0x10, 0, 0, 0, 0, 0, 0, 0]) // root, OPT, 4096 bytes, no flags, no data

function record({ type, ttlSeconds, data }: Answer): Buffer {
  const bytes = Buffer.alloc(12 + data.length)
  bytes.writeUInt16BE(0xc000 | HEADER_BYTES, 0) // the name of the question
  bytes.writeUInt16BE(type, 2)
  bytes.writeUInt16BE(CLASS_IN, 4)
  bytes.writeUInt32BE(ttlSeconds, 6)
  bytes.writeUInt16BE(data.length, 10)
  data.copy(bytes, 12)
  return bytes
}

function header(id: number, flags: number, counts: readonly [number, number, number, number]): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.writeUInt16BE(id, 0)
  bytes.writeUInt16BE(flags, 2)
  counts.forEach((count, index) => bytes.writeUInt16BE(count, 4 + index * 2))
  return bytes
}

export function encodeReply(
  query: Query,
  { rcode, answers = [], authoritative = false, maxBytes }: ReplyOptions,
): Buffer {
  const edns = query.ednsBytes === undefined ? Buffer.alloc(0) : EDNS_OURS
  let room = maxBytes - HEADER_BYTES - query.questionBytes.length - edns.length
  const records: Buffer[] = []
  for (const answer of answers) {
    const bytes = record(answer)
    room -= bytes.length
    if (room < 0) break
    records.push(bytes)
  }
  const flags =
    FLAG_RESPONSE |
    (query.opcode << 11) |
    (authoritative ? FLAG_AUTHORITATIVE : 0) |
    (records.length < answers.length ? FLAG_TRUNCATED : 0) |
    (query.recursionDesired ? FLAG_RECURSION_DESIRED : 0) |
    FLAG_RECURSION_AVAILABLE |
    rcode
  const counts = [1, records.length, 0, edns.length === 0 ? 0 : 1] as const
  return Buffer.concat([header(query.id, flags, counts), query.questionBytes, ...records, edns])
}

/** FORMERR for a query whose question cannot be read. */
export function encodeFormatError(id: number): Buffer {
  return header(id, FLAG_RESPONSE | RCODE_FORMAT, [0, 0, 0, 0])
}

/** True when `message` answers the question that was sent under `id` (the name compared without regard to case). */
export function isReplyTo(message: Buffer, id: number, question: Question): boolean {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== id) return false
  if ((message.readUInt16BE(2) & FLAG_RESPONSE) === 0 || message.readUInt16BE(4) !== 1) return false
  const name = readName(message, HEADER_BYTES)
  return (
    name !== undefined &&
    name.end + 4 <= message.length &&
    name.text.toLowerCase() === question.name.toLowerCase() &&
    message.readUInt16BE(name.end) === question.type &&
    message.readUInt16BE(name.end + 2) === question.class
  )
}

export function rcodeOf(message: Buffer): number {
  return message.readUInt16BE(2) & 0xf
}

export function isTruncated(message: Buffer): boolean {
  return (message.readUInt16BE(2) & FLAG_TRUNCATED) !== 0
}

/** A copy under another id. */
export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message)
  copy.writeUInt16BE(id, 0)
  return copy
}

/** A reply cut to its question with the truncation bit, for a client that takes less than what came. */
export function truncate(message: Buffer): Buffer {
  const name = readName(message, HEADER_BYTES)
  const end = name === undefined ? HEADER_BYTES : Math.min(name.end + 4, message.length)
  const cut = Buffer.from(message.subarray(0, end))
  cut.writeUInt16BE(message.readUInt16BE(2) | FLAG_TRUNCATED, 2)
  cut.fill(0, 6, HEADER_BYTES)
  if (name === undefined) cut.writeUInt16BE(0, 4)
  return cut
}
