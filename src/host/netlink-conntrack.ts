/**
 * Connection tracking by netlink: finding flows by port, forgetting them. PURE.
 * Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h, man 8 conntrack.
 */
import { decodeAttributes, nested, type NetlinkMessage } from './netlink.ts'

const SUBSYSTEM = 1 << 8
export const CT_GET: number = SUBSYSTEM | 1
export const CT_DELETE: number = SUBSYSTEM | 2

const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_PROTO = 2
const CTA_PROTO_NUM = 1
const CTA_PROTO_DST_PORT = 3
const IPPROTO_UDP = 17
const HEADER_BYTES = 4

/** struct nfgenmsg: family, version 0, resource 0. */
export function conntrackBody(family: number, tuple?: Buffer): Buffer {
  const header = Buffer.from([family, 0, 0, 0])
  return tuple === undefined ? header : Buffer.concat([header, nested(CTA_TUPLE_ORIG, [tuple])])
}

/** The original direction of a UDP flow to one of the ports, as the kernel wants it back; else undefined. */
export function udpTuple({ body }: NetlinkMessage, ports: ReadonlySet<number>): Buffer | undefined {
  const tuple = decodeAttributes(body.subarray(HEADER_BYTES)).get(CTA_TUPLE_ORIG)
  const protocol = tuple && decodeAttributes(tuple).get(CTA_TUPLE_PROTO)
  if (protocol === undefined) return undefined
  const attributes = decodeAttributes(protocol)
  const port = attributes.get(CTA_PROTO_DST_PORT)
  if (attributes.get(CTA_PROTO_NUM)?.[0] !== IPPROTO_UDP || port === undefined) return undefined
  return ports.has(port.readUInt16BE(0)) ? tuple : undefined
}
