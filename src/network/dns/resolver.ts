/**
 * Decides about one query of one container: our own names first, then the other servers, or nobody for a container
 * that has no way out (CVE-2024-29018: an internal network must not leak through the resolver).
 */
import { addressBytes } from '../../host/ip-address.ts'
import type { Forwarder, Route } from './forward.ts'
import {
  CLASS_IN,
  PLAIN_UDP_BYTES,
  RCODE_NOT_IMPLEMENTED,
  RCODE_NO_SUCH_NAME,
  RCODE_OK,
  RCODE_REFUSED,
  RCODE_SERVER_FAILURE,
  TYPE_A,
  TYPE_AAAA,
  TYPE_PTR,
  decodeQuery,
  encodeFormatError,
  encodeName,
  encodeReply,
  truncate,
  type Answer,
  type Query,
} from './message.ts'
import { addressOfReverseName, type Asker, type Zone } from './zone.ts'

/** Addresses change when a container is started again: nobody shall remember them for long. */
const TTL_SECONDS = 1
const MAX_IN_FLIGHT = 256
const MAX_UDP_BYTES = 4096
const MAX_TCP_BYTES = 65_535

export type Transport = 'udp' | 'tcp'

export interface ResolverOptions {
  readonly zone: Zone
  readonly forwarder: Forwarder
  /** Read anew for each query: networks come and go. */
  readonly asker: () => Asker
  /** Undefined: nobody else may be asked. */
  readonly route: () => Route | undefined
  /** A number in [0, 1), to shuffle. */
  readonly random: () => number
}

/** The reply to send back; undefined: none at all. */
export type Resolver = (message: Buffer, transport: Transport) => Promise<Buffer | undefined>

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items]
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1))
    ;[result[index], result[other]] = [result[other] as T, result[index] as T]
  }
  return result
}

/** Our own answer; undefined: the name is none of ours. An empty list: the name is ours, the type is not. */
export function localAnswers(query: Query, zone: Zone, asker: Asker, random: () => number): Answer[] | undefined {
  const { name, type, class: recordClass } = query.question
  if (recordClass !== CLASS_IN) return undefined
  if (type === TYPE_PTR) {
    const address = addressOfReverseName(name)
    const found = address === undefined ? undefined : zone.reverse(asker, normal(address))
    const data = found === undefined ? undefined : encodeName(found)
    return data === undefined ? undefined : [{ type, ttlSeconds: TTL_SECONDS, data }]
  }
  const addresses = zone.resolve(asker, name, type === TYPE_AAAA ? 6 : 4)
  if (addresses === undefined) return undefined
  // a known name has no other records: say so at once, an upstream server would deny the name altogether
  if (type !== TYPE_A && type !== TYPE_AAAA) return []
  return shuffled(addresses, random).map((address) => ({
    type,
    ttlSeconds: TTL_SECONDS,
    data: addressBytes(address),
  }))
}

/** As the zone writes addresses: the form of the kernel's text, which addressText gives. */
function normal(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}

export function createResolver({ zone, forwarder, asker, route, random }: ResolverOptions): Resolver {
  let inFlight = 0

  async function forward(message: Buffer, query: Query, transport: Transport, maxBytes: number): Promise<Buffer> {
    const fail = (rcode: number): Buffer => encodeReply(query, { rcode, maxBytes })
    const way = route()
    // not SERVFAIL: musl would ask again and again until its time-out
    if (way === undefined) return fail(RCODE_NO_SUCH_NAME)
    if (inFlight >= MAX_IN_FLIGHT) return fail(RCODE_REFUSED)
    inFlight += 1
    try {
      const reply = await forwarder.ask(message, query, way, transport)
      if (reply === undefined) return fail(RCODE_SERVER_FAILURE)
      return reply.length > maxBytes ? truncate(reply) : reply
    } finally {
      inFlight -= 1
    }
  }

  return async (message, transport) => {
    const decoded = decodeQuery(message)
    if (decoded.kind === 'ignore') return undefined
    if (decoded.kind === 'malformed') return encodeFormatError(decoded.id)
    const { query } = decoded
    const accepted = Math.max(PLAIN_UDP_BYTES, Math.min(query.ednsBytes ?? PLAIN_UDP_BYTES, MAX_UDP_BYTES))
    const maxBytes = transport === 'tcp' ? MAX_TCP_BYTES : accepted
    if (query.opcode !== 0) return encodeReply(query, { rcode: RCODE_NOT_IMPLEMENTED, maxBytes })
    const answers = localAnswers(query, zone, asker(), random)
    if (answers !== undefined) return encodeReply(query, { rcode: RCODE_OK, answers, authoritative: true, maxBytes })
    return forward(message, query, transport, maxBytes)
  }
}
