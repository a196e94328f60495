/**
 * The engine's nftables table as text. PURE. The chains never change; what networks and ports there are stands in maps
 * and sets, so publishing a port is one element, whatever the number of containers.
 *
 *   raw prerouting    what must not even reach NAT: loopback addresses from outside, container addresses from outside
 *                     (those of routed networks apart, and what trusted interfaces may do), IPv6 from a container under
 *                     an address that is not of its network (for IPv4 rp_filter does it)
 *   nat prerouting    published ports, for packets to an address of this host
 *   nat output        the same for the host's own connections, 127.0.0.1 included (needs route_localnet on the bridge);
 *                     ::1 is the relay's (relay.ts)
 *   filter forward    what was not forwarded before we made the host a router; isolation between networks, internal networks, published ports of routed networks
 *   nat postrouting   masquerade outwards, and inwards where the answer would not come back to us
 *
 * An accept here does not overrule a drop in another table; doctor tells. Source: man 8 nft, DESIGN.md.
 */
import type { PublishedBinding } from '../state/networks.ts'
import { isRelayed, isRouted } from './bindings.ts'
import type { ShutInterfaces } from './forwarding.ts'
import type { GatewayMode } from './options.ts'

export interface BridgeRules {
  readonly name: string
  readonly subnets4: readonly string[]
  readonly subnets6: readonly string[]
  /** No traffic in or out, but between its own containers and with this host. */
  readonly internal: boolean
  /** Containers on it may talk to each other. */
  readonly icc: boolean
  /** Connections outwards get this host's address. */
  readonly masquerade: boolean
  readonly mode4: GatewayMode
  readonly mode6: GatewayMode
  /** Interfaces whose neighbours may use published ports at the container's own address. */
  readonly trusted: readonly string[]
}

export interface RulesetModel {
  readonly bridges: readonly BridgeRules[]
  readonly published: readonly PublishedBinding[]
  /** Packets between them are none of ours, and are not forwarded. */
  readonly shut: ShutInterfaces
}

const SET_TYPES = {
  bridges: ['set', 'type ifname'],
  internal: ['set', 'type ifname'],
  shut4: ['set', 'type ifname'],
  shut6: ['set', 'type ifname'],
  direct4: ['set', 'type ifname'],
  direct6: ['set', 'type ifname'],
  routed4: ['set', 'type ifname'],
  routed6: ['set', 'type ifname'],
  trusted: ['set', 'type ifname . ifname'],
  trusted4: ['set', 'type ifname . ipv4_addr; flags interval'],
  trusted6: ['set', 'type ifname . ipv6_addr; flags interval'],
  open4: ['set', 'type ipv4_addr . inet_proto . inet_service'],
  open6: ['set', 'type ipv6_addr . inet_proto . inet_service'],
  within: ['set', 'type ifname . ifname'],
  subnets4: ['set', 'type ipv4_addr; flags interval'],
  subnets6: ['set', 'type ipv6_addr; flags interval'],
  guarded4: ['set', 'type ipv4_addr; flags interval'],
  guarded6: ['set', 'type ipv6_addr; flags interval'],
  masqueraded4: ['set', 'type ipv4_addr; flags interval'],
  masqueraded6: ['set', 'type ipv6_addr; flags interval'],
  ports4: ['map', 'type inet_proto . inet_service : ipv4_addr . inet_service'],
  ports6: ['map', 'type inet_proto . inet_service : ipv6_addr . inet_service'],
  ports_at4: ['map', 'type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service'],
  ports_at6: ['map', 'type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service'],
} as const

type SetName = keyof typeof SET_TYPES
const SET_NAMES = Object.keys(SET_TYPES) as SetName[]

/** Per set: key of the element -> its value ("" in sets). */
export type Elements = Readonly<Record<SetName, ReadonlyMap<string, string>>>

const CHAINS = `
  chain raw_prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop
    iifname "lo" accept
    iifname @bridges meta nfproto ipv6 ip6 saddr != :: fib saddr . iif oif missing drop
    iifname @bridges accept
    iifname . ip daddr @trusted4 accept
    iifname . ip6 daddr @trusted6 accept
    ip daddr @guarded4 drop
    ip6 daddr @guarded6 drop
  }

  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @ports_at4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports_at6
    dnat ip to meta l4proto . th dport map @ports4
    dnat ip6 to meta l4proto . th dport map @ports6
  }

  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump publish
  }

  chain output {
    type nat hook output priority -100; policy accept;
    ip6 daddr ::1 return
    fib daddr type local jump publish
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname @shut4 oifname @shut4 meta nfproto ipv4 drop
    iifname @shut6 oifname @shut6 meta nfproto ipv6 drop
    iifname != @bridges oifname != @bridges accept
    iifname . oifname @within accept
    iifname @internal drop
    oifname @internal drop
    ct state established,related accept
    oifname @bridges ct status dnat accept
    iifname != @bridges oifname @direct4 meta nfproto ipv4 accept
    iifname != @bridges oifname @direct6 meta nfproto ipv6 accept
    oifname @routed4 icmp type echo-request accept
    oifname @routed6 icmpv6 type echo-request accept
    oifname @routed4 ip daddr . meta l4proto . th dport @open4 accept
    oifname @routed6 ip6 daddr . meta l4proto . th dport @open6 accept
    iifname . oifname @trusted ip daddr . meta l4proto . th dport @open4 accept
    iifname . oifname @trusted ip6 daddr . meta l4proto . th dport @open6 accept
    oifname @bridges drop
    accept
  }

  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ct status dnat fib saddr type local masquerade
    oifname @bridges ct status dnat ip saddr @subnets4 masquerade
    oifname @bridges ct status dnat ip6 saddr @subnets6 masquerade
    oifname != @bridges ip saddr @masqueraded4 masquerade
    oifname != @bridges ip6 saddr @masqueraded6 masquerade
  }
`

const quoted = (name: string): string => `"${name}"`
const isWildcard = (ip: string): boolean => ip === '0.0.0.0' || ip === '::'

type Filling = Record<SetName, Map<string, string>>

function addBridge(into: Filling, bridge: BridgeRules): void {
  const name = quoted(bridge.name)
  into.bridges.set(name, '')
  if (bridge.internal) into.internal.set(name, '')
  if (bridge.icc) into.within.set(`${name} . ${name}`, '')
  for (const family of [4, 6] as const) addSubnets(into, bridge, family)
  if (!bridge.internal) for (const device of bridge.trusted) into.trusted.set(`${quoted(device)} . ${name}`, '')
}

function addSubnets(into: Filling, bridge: BridgeRules, family: 4 | 6): void {
  const mode = bridge[`mode${family}`]
  const { internal, masquerade, trusted } = bridge
  const hides = masquerade && !internal && (mode === 'nat' || mode === 'open')
  const subnets = bridge[`subnets${family}`]
  if (!internal && subnets.length > 0) {
    if (mode === 'open') into[`direct${family}`].set(quoted(bridge.name), '')
    if (mode === 'routed') into[`routed${family}`].set(quoted(bridge.name), '')
  }
  for (const subnet of subnets) {
    into[`subnets${family}`].set(subnet, '')
    // unmasqueraded connections get their answers at the container's own address: raw comes too early to tell them
    if (internal || (mode === 'nat' && masquerade)) into[`guarded${family}`].set(subnet, '')
    if (hides) into[`masqueraded${family}`].set(subnet, '')
    if (!internal) for (const device of trusted) into[`trusted${family}`].set(`${quoted(device)} . ${subnet}`, '')
  }
}

const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.')

/** `open`: some network lets published ports be reached at the container's own address. */
function addPort(into: Filling, binding: PublishedBinding, open: boolean): void {
  const family = binding.containerIp.includes(':') ? 6 : 4
  if (open && !isLoopback(binding.hostIp))
    into[`open${family}`].set(`${binding.containerIp} . ${binding.protocol} . ${binding.containerPort}`, '')
  if (isRouted(binding) || isRelayed(binding) || binding.hostIp === '::1') return
  const service = `${binding.protocol} . ${binding.hostPort}`
  const target = `${binding.containerIp} . ${binding.containerPort}`
  if (isWildcard(binding.hostIp)) into[`ports${family}`].set(service, target)
  else into[`ports_at${family}`].set(`${binding.hostIp} . ${service}`, target)
}

/** What the sets and maps of the table hold. */
export function toElements(model: RulesetModel): Elements {
  const elements = Object.fromEntries(SET_NAMES.map((name) => [name, new Map<string, string>()])) as Filling
  for (const bridge of model.bridges) addBridge(elements, bridge)
  for (const family of [4, 6] as const)
    for (const name of model.shut[family]) elements[`shut${family}`].set(quoted(name), '')
  const open = elements.trusted.size + elements.routed4.size + elements.routed6.size > 0
  for (const binding of model.published) addPort(elements, binding, open)
  return elements
}

function elementTexts(elements: ReadonlyMap<string, string>): string[] {
  return [...elements].map(([key, value]) => (value === '' ? key : `${key} : ${value}`)).toSorted()
}

function renderSet(name: SetName, elements: ReadonlyMap<string, string>): string {
  const [kind, type] = SET_TYPES[name]
  const texts = elementTexts(elements)
  const content = texts.length === 0 ? '' : `\n    elements = {\n      ${texts.join(',\n      ')}\n    }`
  return `  ${kind} ${name} {\n    ${type.replaceAll('; ', '\n    ')}${content}\n  }\n`
}

/** Chain or set -> how many rules or elements it has. */
export type Census = ReadonlyMap<string, number>

/** What the table has when it is whole. */
export function expectedCensus(elements: Elements): Census {
  const census = new Map<string, number>(Object.entries(elements).map(([name, set]) => [name, set.size]))
  for (const [, chain = '', body = ''] of CHAINS.matchAll(/chain (\S+) \{\n([^}]*)\}/g)) {
    const rules = body.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('type '))
    census.set(chain, rules.length)
  }
  return census
}

/** One transaction that makes the whole table afresh, whatever stood there. */
export function renderTable(table: string, elements: Elements): string {
  const sets = SET_NAMES.map((name) => renderSet(name, elements[name])).join('')
  return `table inet ${table}\ndelete table inet ${table}\ntable inet ${table} {\n${sets}${CHAINS}}\n`
}

/** One transaction that leads from `before` to `after`; "" when nothing changed. */
export function renderDelta(table: string, before: Elements, after: Elements): string {
  const lines: string[] = []
  const add = (verb: 'add' | 'delete', name: SetName, elements: ReadonlyMap<string, string>): void => {
    if (elements.size > 0)
      lines.push(`${verb} element inet ${table} ${name} { ${elementTexts(elements).join(', ')} }\n`)
  }
  for (const name of SET_NAMES) add('delete', name, difference(before[name], after[name]))
  for (const name of SET_NAMES) add('add', name, difference(after[name], before[name]))
  return lines.join('')
}

/** The elements of `one` that `other` has not, or has with another value. */
function difference(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...one].filter(([key, value]) => other.get(key) !== value))
}
