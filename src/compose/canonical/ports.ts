/**
 * ports: short syntax `[[ip:]host:]container[/protocol]` with ranges, and the long one. Equal ranges are expanded
 * port by port; a host range with one container port stays a range: the engine takes the first free one.
 * Source: Compose Specification, "ports".
 */
import { child, entryAt, mapNode, mapOf, scalarNode, textOf, type MapNode, type Node } from '../node.ts'
import { reject, type CanonicalContext, type Canonicalize } from './context.ts'
import { text } from './scalars.ts'
import { expandingList, struct } from './shapes.ts'

const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp'])
const FORMS = 'forms: "80", "8080:80", "127.0.0.1:8080:80/udp", "8000-8010:8000-8010"'

interface PortRange {
  readonly first: number
  readonly last: number
}

export const ports: Canonicalize = expandingList((node, context) => {
  if (node.tag === 'reset') return []
  return node.kind === 'map' ? longPort(node, context) : shortPort(node, context)
})

function shortPort(node: Node, context: CanonicalContext): readonly Node[] {
  const written = textOf(node) ?? ''
  const bad = (why: string): readonly Node[] => {
    reject(node, context, `invalid port ${JSON.stringify(written)}: ${why}`, FORMS)
    return []
  }
  const [address = '', protocol = 'tcp', ...more] = written.split('/')
  if (more.length > 0 || !PROTOCOLS.has(protocol.toLowerCase())) return bad(`unknown protocol "${protocol}"`)
  const match = /^(?:(\[[^\]]*\]|[^:]*(?::[^:]*:.*)?):(?=[^:]*:))?(?:([^:]*):)?([^:]+)$/.exec(address)
  if (match === null) return bad('it has no container port')
  const [, ipText, hostText, containerText = ''] = match
  const hostIp = ipText?.replace(/^\[(.*)\]$/, '$1')
  if (hostIp !== undefined && hostIp !== '' && !isIpAddress(hostIp)) return bad(`"${hostIp}" is not an IP address`)
  const target = parsePortRange(containerText, 1)
  if (target === undefined) return bad(portFault(containerText))
  const published = hostText === undefined || hostText === '' ? undefined : parsePortRange(hostText, 0)
  if (hostText !== undefined && hostText !== '' && published === undefined) return bad(portFault(hostText))
  const count = target.last - target.first + 1
  if (published !== undefined && count > 1 && published.last - published.first + 1 !== count) {
    return bad('the two ranges differ in length')
  }
  const common = { protocol: protocol.toLowerCase(), host_ip: hostIp === '' ? undefined : hostIp }
  const first = mapOf(
    {
      mode: 'ingress',
      host_ip: common.host_ip,
      target: target.first,
      published: publishedText(published, count, 0),
      protocol: common.protocol,
    },
    node,
  )
  return Array.from({ length: count }, (_, index) =>
    index === 0 ? first : portOfRange(first, target.first + index, publishedText(published, count, index)),
  )
}

/** Up to 65535 of them: what is the same is shared. */
function portOfRange(first: MapNode, target: number, published: string | undefined): MapNode {
  const entries = new Map(first.entries)
  entries.set('target', entryAt(first, scalarNode(target, first)))
  if (published !== undefined) entries.set('published', entryAt(first, scalarNode(published, first)))
  return mapNode(entries, first)
}

function publishedText(published: PortRange | undefined, count: number, index: number): string | undefined {
  if (published === undefined) return undefined
  if (count > 1 || published.first === published.last) return String(published.first + index)
  return `${published.first}-${published.last}`
}

const longFields = struct({
  name: text,
  host_ip: text,
  published: text,
  protocol: text,
  app_protocol: text,
  mode: text,
})

function longPort(node: MapNode, context: CanonicalContext): readonly Node[] {
  const targetNode = child(node, 'target')
  const target = parsePortRange(textOf(targetNode) ?? '', 1)
  if (target === undefined || target.first !== target.last) {
    reject(
      targetNode ?? node,
      context,
      `invalid target port ${JSON.stringify(textOf(targetNode))}`,
      'one port number, 1 to 65535',
    )
    return []
  }
  const publishedNode = child(node, 'published')
  const publishedWritten = textOf(publishedNode) ?? ''
  const published = publishedWritten === '' ? undefined : parsePortRange(publishedWritten, 0)
  if (publishedWritten !== '' && published === undefined) {
    reject(
      publishedNode ?? node,
      context,
      `invalid published port ${JSON.stringify(publishedWritten)}: ${portFault(publishedWritten)}`,
    )
    return []
  }
  const protocolNode = child(node, 'protocol')
  const protocol = (textOf(protocolNode) ?? 'tcp').toLowerCase()
  if (!PROTOCOLS.has(protocol)) {
    reject(protocolNode ?? node, context, `unknown protocol "${protocol}"`, 'tcp, udp or sctp')
    return []
  }
  const hostIpNode = child(node, 'host_ip')
  const hostIp = textOf(hostIpNode)
  if (hostIp !== undefined && hostIp !== '' && !isIpAddress(hostIp)) {
    reject(hostIpNode ?? node, context, `host_ip "${hostIp}" is not an IP address`)
    return []
  }
  const canonical = longFields(node, context)
  if (canonical?.kind !== 'map') return []
  const fixed = mapOf(
    { mode: textOf(child(canonical, 'mode')) ?? 'ingress', target: target.first, protocol },
    targetNode ?? node,
  )
  const entries = new Map([...canonical.entries, ...fixed.entries])
  if (publishedWritten === '') entries.delete('published')
  if (hostIp === '') entries.delete('host_ip')
  return [{ ...canonical, entries }]
}

/** @example parsePortRange("8000-8010", 1) gives { first: 8000, last: 8010 } */
export function parsePortRange(written: string, least: number): PortRange | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(written)
  if (match === null) return undefined
  const first = Number(match[1])
  const last = match[2] === undefined ? first : Number(match[2])
  return first >= least && last <= 65_535 && first <= last ? { first, last } : undefined
}

function portFault(written: string): string {
  return /^\d+(-\d+)?$/.test(written)
    ? `"${written}" is not between 1 and 65535, or a range that runs backwards`
    : `"${written}" is not a port number`
}

/** IPv4 dotted quad, or something that only an IPv6 address can be; the engine reads it exactly. */
export function isIpAddress(address: string): boolean {
  const quad = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)
  if (quad !== null) return quad.slice(1).every((part) => Number(part) <= 255)
  return (
    address.includes(':') &&
    /^[\da-f:.]+(%[\w.-]+)?$/i.test(address) &&
    URL.canParse(`http://[${address.replace(/%.*/, '')}]/`)
  )
}

/** expose: "80", "8000-8010/tcp"; kept as text. */
export const exposedPort: Canonicalize = (node, context) => {
  const written = textOf(node) ?? ''
  const match = /^([^/]+)(?:\/(tcp|udp|sctp))?$/.exec(written)
  if (match === null || parsePortRange(match[1] ?? '', 1) === undefined) {
    return reject(
      node,
      context,
      `invalid exposed port ${JSON.stringify(written)}`,
      'forms: "80", "80/udp", "8000-8010"',
    )
  }
  return text(node, context)
}
