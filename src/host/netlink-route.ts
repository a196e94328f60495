/**
 * The bodies of rtnetlink requests and answers: links, addresses, routes. PURE.
 * Source: man 7 rtnetlink; include/uapi/linux/{rtnetlink,if_link,if_addr,veth}.h.
 */
import { addressBytes, addressText } from './ip-address.ts'
import { attribute, decodeAttributes, nested, text, u32, u8, type NetlinkMessage } from './netlink.ts'
import type { LinkInfo, RouteInfo } from './links.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_SETLINK = 19
export const RTM_NEWADDR = 20
export const RTM_GETADDR = 22
export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26

export const AF_INET = 2
export const AF_INET6 = 10

const IFF_UP = 1
const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_LINK = 5
const IFLA_VLAN_ID = 1
const IFLA_MACVLAN_MODE = 1
const IFLA_MASTER = 10
const IFLA_LINKINFO = 18
const IFLA_IFALIAS = 20
const IFLA_NET_NS_FD = 28
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_INFO_SLAVE_DATA = 5
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_ISOLATED = 33
const VETH_INFO_PEER = 1
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const IFA_FLAGS = 8
const IFA_F_NODAD = 0x02
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_TABLE = 15
const RT_TABLE_MAIN = 254
const RTPROT_STATIC = 4
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RTN_UNICAST = 1

/** struct ifinfomsg: family, type, index, flags, mask of the flags that are meant. */
function linkHeader(index: number, up: boolean): Buffer {
  const header = Buffer.alloc(16)
  header.writeInt32LE(index, 4)
  if (up) {
    header.writeUInt32LE(IFF_UP, 8)
    header.writeUInt32LE(IFF_UP, 12)
  }
  return header
}

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex')

interface LinkAttributes {
  readonly name?: string | undefined
  readonly mac?: string | undefined
  readonly mtu?: number | undefined
  readonly master?: number | undefined
  readonly alias?: string | undefined
}

function linkAttributes({ name, mac, mtu, master, alias }: LinkAttributes): Buffer[] {
  return [
    ...(name === undefined ? [] : [attribute(IFLA_IFNAME, name)]),
    ...(mac === undefined ? [] : [attribute(IFLA_ADDRESS, macBytes(mac))]),
    ...(mtu === undefined ? [] : [attribute(IFLA_MTU, u32(mtu))]),
    ...(master === undefined ? [] : [attribute(IFLA_MASTER, u32(master))]),
    ...(alias === undefined ? [] : [attribute(IFLA_IFALIAS, Buffer.from(alias))]),
  ]
}

export function bridgeBody(options: LinkAttributes): Buffer {
  return Buffer.concat([
    linkHeader(0, true),
    ...linkAttributes(options),
    nested(IFLA_LINKINFO, [attribute(IFLA_INFO_KIND, 'bridge')]),
  ])
}

/** The near end comes up at once; the far end waits in its namespace to be given an address first. */
export function vethBody(near: LinkAttributes, far: LinkAttributes & { readonly netnsFd: number }): Buffer {
  const peer = Buffer.concat([
    linkHeader(0, false),
    ...linkAttributes(far),
    attribute(IFLA_NET_NS_FD, u32(far.netnsFd)),
  ])
  return Buffer.concat([
    linkHeader(0, true),
    ...linkAttributes(near),
    nested(IFLA_LINKINFO, [
      attribute(IFLA_INFO_KIND, 'veth'),
      nested(IFLA_INFO_DATA, [attribute(VETH_INFO_PEER, peer)]),
    ]),
  ])
}

/** A link on another one, or on none: `kind` with its own attributes. `up` at once, or waiting in a namespace. */
function childBody(
  kind: string,
  parent: number | undefined,
  options: LinkAttributes,
  data: Buffer[],
  netnsFd?: number,
) {
  return Buffer.concat([
    linkHeader(0, netnsFd === undefined),
    ...linkAttributes(options),
    ...(parent === undefined ? [] : [attribute(IFLA_LINK, u32(parent))]),
    ...(netnsFd === undefined ? [] : [attribute(IFLA_NET_NS_FD, u32(netnsFd))]),
    nested(IFLA_LINKINFO, [
      attribute(IFLA_INFO_KIND, kind),
      ...(data.length === 0 ? [] : [nested(IFLA_INFO_DATA, data)]),
    ]),
  ])
}

export function dummyBody(name: string): Buffer {
  return childBody('dummy', undefined, { name }, [])
}

export function vlanBody(name: string, parent: number, id: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(id)
  return childBody('vlan', parent, { name }, [attribute(IFLA_VLAN_ID, bytes)])
}

/** Ends, down, in the namespace. `mode`: MACVLAN_MODE_*. */
export function macvlanBody(options: LinkAttributes, parent: number, mode: number, netnsFd: number): Buffer {
  return childBody('macvlan', parent, options, [attribute(IFLA_MACVLAN_MODE, u32(mode))], netnsFd)
}

/** Names a link by its index, else by `name`; other attributes are changes to it. */
export function linkBody(index: number, options: LinkAttributes & { readonly up?: boolean } = {}): Buffer {
  return Buffer.concat([linkHeader(index, options.up ?? false), ...linkAttributes(options)])
}

/** Settings of a bridge port, addressed by the port's name. */
export function bridgePortBody(name: string, port: { readonly isolated: boolean; readonly hairpin: boolean }): Buffer {
  return Buffer.concat([
    linkHeader(0, false),
    attribute(IFLA_IFNAME, name),
    nested(IFLA_LINKINFO, [
      attribute(IFLA_INFO_SLAVE_KIND, 'bridge'),
      nested(IFLA_INFO_SLAVE_DATA, [
        attribute(IFLA_BRPORT_MODE, u8(port.hairpin ? 1 : 0)),
        attribute(IFLA_BRPORT_ISOLATED, u8(port.isolated ? 1 : 0)),
      ]),
    ]),
  ])
}

function splitPrefix(cidr: string): { address: Buffer; prefix: number; family: number } {
  const [text = '', length] = cidr.split('/')
  const address = addressBytes(text)
  const family = address.length === 4 ? AF_INET : AF_INET6
  return { address, family, prefix: length === undefined ? address.length * 8 : Number(length) }
}

export function addressBody(index: number, cidr: string): Buffer {
  const { address, prefix, family } = splitPrefix(cidr)
  const header = Buffer.alloc(8)
  header.set([family, prefix, 0, RT_SCOPE_UNIVERSE])
  header.writeUInt32LE(index, 4)
  if (family === AF_INET6)
    // we hand the addresses out ourselves: duplicate detection would keep this one unusable for a second
    return Buffer.concat([header, attribute(IFA_ADDRESS, address), attribute(IFA_FLAGS, u32(IFA_F_NODAD))])
  const broadcast = Buffer.alloc(4)
  const mask = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
  broadcast.writeUInt32BE((address.readUInt32BE(0) | (~mask >>> 0)) >>> 0)
  return Buffer.concat([
    header,
    attribute(IFA_LOCAL, address),
    attribute(IFA_ADDRESS, address),
    ...(prefix < 31 ? [attribute(IFA_BROADCAST, broadcast)] : []),
  ])
}

export interface Route {
  /** "10.0.0.0/8"; undefined: the default route of `family`. */
  readonly destination?: string | undefined
  readonly gateway?: string | undefined
  readonly index?: number | undefined
  readonly family?: number | undefined
}

export function routeBody({ destination, gateway, index, family }: Route): Buffer {
  const target = destination === undefined ? undefined : splitPrefix(destination)
  const via = gateway === undefined ? undefined : addressBytes(gateway)
  const viaFamily = via === undefined ? undefined : via.length === 4 ? AF_INET : AF_INET6
  const header = Buffer.alloc(12)
  const scope = via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE
  header.set([family ?? target?.family ?? viaFamily ?? AF_INET, target?.prefix ?? 0, 0, 0])
  header.set([RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST], 4)
  return Buffer.concat([
    header,
    ...(target === undefined ? [] : [attribute(RTA_DST, target.address)]),
    ...(via === undefined ? [] : [attribute(RTA_GATEWAY, via)]),
    ...(index === undefined ? [] : [attribute(RTA_OIF, u32(index))]),
  ])
}

/** Deletes whatever default route of the family there is: scope "nowhere" (255) and protocol 0 match any. */
export function deleteDefaultRouteBody(family: number): Buffer {
  const header = Buffer.alloc(12)
  header.set([family, 0, 0, 0, RT_TABLE_MAIN, 0, 255, 0])
  return header
}

/** Header of a dump request, big enough for each of the three kinds. */
export function dumpBody(family = 0): Buffer {
  const header = Buffer.alloc(16)
  header[0] = family
  return header
}

export function decodeLink({ body }: NetlinkMessage): LinkInfo {
  const attributes = decodeAttributes(body.subarray(16))
  const info = decodeAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0))
  return {
    index: body.readInt32LE(4),
    name: text(attributes.get(IFLA_IFNAME)) ?? '',
    mac:
      attributes
        .get(IFLA_ADDRESS)
        ?.toString('hex')
        .replaceAll(/(..)(?=.)/g, '$1:') ?? '',
    up: (body.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    kind: text(info.get(IFLA_INFO_KIND)),
    masterIndex: attributes.get(IFLA_MASTER)?.readUInt32LE(0),
    alias: text(attributes.get(IFLA_IFALIAS)),
  }
}

/** Undefined when the message carries no address. */
export function decodeAddress({ body }: NetlinkMessage): { index: number; address: string } | undefined {
  const attributes = decodeAttributes(body.subarray(8))
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
  if (address === undefined) return undefined
  return { index: body.readUInt32LE(4), address: `${addressText(address)}/${body[1]}` }
}

/** Undefined for routes of other tables than main. */
export function decodeRoute(
  { body }: NetlinkMessage,
  nameOf: (index: number) => string | undefined,
): RouteInfo | undefined {
  const attributes = decodeAttributes(body.subarray(12))
  const table = attributes.get(RTA_TABLE)?.readUInt32LE(0) ?? body[4]
  if (table !== RT_TABLE_MAIN) return undefined
  const destination = attributes.get(RTA_DST) ?? Buffer.alloc(body[0] === AF_INET6 ? 16 : 4)
  const device = attributes.get(RTA_OIF)?.readUInt32LE(0)
  const gateway = attributes.get(RTA_GATEWAY)
  return {
    destination: `${addressText(destination)}/${body[1]}`,
    device: device === undefined ? undefined : nameOf(device),
    gateway: gateway === undefined ? undefined : addressText(gateway),
    metric: attributes.get(RTA_PRIORITY)?.readUInt32LE(0),
  }
}
