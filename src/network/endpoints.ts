/**
 * Plans a container's endpoints before anything is touched: names of interfaces, addresses, MACs, the names it answers
 * to, and which endpoint leads outwards. PURE. Source: Docker's endpoint order (reference, "Default gateway").
 */
import type { EndpointSettings } from '../api/types/index.ts'
import { ConflictError, InvalidRequestError } from '../errors.ts'
import { addressBytes } from '../host/ip-address.ts'
import type { EndpointRecord, NetworkRecord } from '../state/networks.ts'
import { contains, parseAddress, parseCidr, type Family } from './address.ts'
import { checkStaticAddress, nextAddress, poolOf } from './ipam.ts'
import { isInterfaceName } from './options.ts'

const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/64'].map((text) => parseCidr(text))
/** Docker's name for settings of one endpoint's interface. */
export const SYSCTLS_OPTION = 'com.docker.network.endpoint.sysctls'
const IFNAME_OPTION = 'com.docker.network.endpoint.ifname'

/** What is known of one network when an address is chosen. */
export interface AddressUse {
  /** Addresses of endpoints now, without prefix -> container name. */
  readonly used: ReadonlyMap<string, string>
  /** Handed out last, by family. */
  readonly last: Readonly<Partial<Record<Family, string>>>
  /** What this container had before, by family. */
  readonly former: Readonly<Partial<Record<Family, string>>>
}

export interface EndpointPlanInput {
  readonly containerId: string
  readonly names: readonly string[]
  readonly network: NetworkRecord
  readonly settings: EndpointSettings
  readonly position: number
  readonly takenInterfaces: readonly string[]
  readonly use: AddressUse
  /** 64 hex digits. */
  readonly endpointId: string
  readonly vethPrefix: string
}

/** Without its prefix length: "172.18.0.2/24" gives "172.18.0.2". */
export function bare(cidr: string): string
export function bare(cidr: string | undefined): string | undefined
export function bare(cidr: string | undefined): string | undefined {
  return cidr?.split('/')[0]
}

/**
 * 02:42 and the IPv4 address: who gets an address again gets its MAC too, so that no neighbour's ARP entry is ever
 * stale. Without IPv4, from the endpoint's random id.
 */
export function macFor(ipv4: string | undefined, endpointId: string): string {
  const tail = ipv4 === undefined ? Buffer.from(endpointId.slice(0, 8), 'hex') : addressBytes(ipv4)
  return ['02', '42', ...[...tail].map((byte) => byte.toString(16).padStart(2, '0'))].join(':')
}

/** Lower case; undefined when it is no unicast MAC address. */
export function normalMac(text: string): string | undefined {
  const mac = text.toLowerCase().replaceAll('-', ':')
  return /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(mac) && mac !== '00:00:00:00:00:00' ? mac : undefined
}

/** In order, each once, compared without regard to case. The first answers reverse look-ups. */
export function endpointNames(
  container: { readonly id: string; readonly name: string; readonly hostname: string },
  aliases: readonly string[],
): string[] {
  const names = new Map<string, string>()
  for (const name of [container.name, ...aliases, container.id.slice(0, 12), container.hostname])
    if (name !== '' && !names.has(name.toLowerCase())) names.set(name.toLowerCase(), name)
  return [...names.values()]
}

/** With the prefix of its kind of addresses: "169.254.1.2/16". @throws InvalidRequestError INVALID_ADDRESS */
export function linkLocalCidr(text: string): string {
  const address = parseAddress(text)
  const range = LINK_LOCAL.find((cidr) => address !== undefined && cidr !== undefined && contains(cidr, address))
  if (range === undefined)
    throw new InvalidRequestError(`invalid link-local address "${text}": want one of 169.254.0.0/16 or fe80::/64`, {
      code: 'INVALID_ADDRESS',
    })
  return `${text}/${range.prefix}`
}

/**
 * Settings of the endpoint's own interface, which is written IFNAME: names below /proc/sys/net and their values.
 * @example parseEndpointSysctls("net.ipv4.conf.IFNAME.log_martians=1") gives [["ipv4/conf/IFNAME/log_martians", "1"]]
 * @throws InvalidRequestError INVALID_SYSCTL
 */
export function parseEndpointSysctls(text: string): (readonly [string, string])[] {
  const entries = text.split(',').filter((entry) => entry.trim() !== '')
  return entries.map((entry) => {
    const match = /^net\.(ipv4|ipv6|mpls)\.(conf|neigh)\.IFNAME\.(\w+)=([\w ]+)$/.exec(entry.trim())
    if (match === null)
      throw new InvalidRequestError(`invalid setting "${entry}" in ${SYSCTLS_OPTION}`, {
        code: 'INVALID_SYSCTL',
        hint: 'write net.ipv4.conf.IFNAME.NAME=VALUE (or ipv6, neigh), IFNAME as it is',
      })
    return [`${match[1]}/${match[2]}/IFNAME/${match[3]}`, match[4] ?? ''] as const
  })
}

/** Checks what the user asked for. @throws InvalidRequestError */
export function checkEndpoint(network: NetworkRecord, settings: EndpointSettings): void {
  const { IPv4Address = '', IPv6Address = '' } = settings.IPAMConfig ?? {}
  if (IPv4Address !== '') checkStaticAddress(network.pools, IPv4Address, 4, network.name)
  if (IPv6Address !== '') checkStaticAddress(network.pools, IPv6Address, 6, network.name)
  for (const address of settings.IPAMConfig?.LinkLocalIPs ?? []) linkLocalCidr(address)
  parseEndpointSysctls(settings.DriverOpts?.[SYSCTLS_OPTION] ?? '')
  const { MacAddress = '' } = settings
  if (MacAddress !== '' && normalMac(MacAddress) === undefined)
    throw new InvalidRequestError(`invalid MAC address "${MacAddress}" on network "${network.name}"`, {
      code: 'INVALID_MAC',
    })
  const interfaceName = settings.DriverOpts?.[IFNAME_OPTION]
  if (interfaceName !== undefined && !isInterfaceName(interfaceName))
    throw new InvalidRequestError(`invalid interface name "${interfaceName}" on network "${network.name}"`, {
      code: 'INVALID_INTERFACE_NAME',
    })
}

function chooseAddress({ network, settings, use }: EndpointPlanInput, family: Family): string | undefined {
  const pools = network.pools.filter((pool) => pool.subnet.includes(':') === (family === 6))
  const wish = family === 4 ? settings.IPAMConfig?.IPv4Address : settings.IPAMConfig?.IPv6Address
  if (wish !== undefined && wish !== '') {
    const address = checkStaticAddress(pools, wish, family, network.name)
    const holder = use.used.get(bare(address))
    if (holder === undefined) return address
    throw new ConflictError(`address ${wish} on network "${network.name}" is already in use`, {
      code: 'ADDRESS_IN_USE',
      hint: `container "${holder}" has it; an ip_range keeps automatic addresses away from chosen ones`,
    })
  }
  if (pools.length === 0) return undefined
  const used = new Set(use.used.keys())
  for (const pool of pools) {
    const address = nextAddress(pool, used, { after: use.last[family], preferred: use.former[family] })
    if (address !== undefined) return `${address}/${pool.subnet.split('/')[1]}`
  }
  throw new ConflictError(`no available IPv${family} addresses on network "${network.name}"`, {
    code: 'ADDRESSES_EXHAUSTED',
    hint: `its subnet ${pools.map((pool) => pool.subnet).join(', ')} is full: give it a larger one under ipam.config`,
  })
}

function chooseInterface({ settings, takenInterfaces, network }: EndpointPlanInput): string {
  const wish = settings.DriverOpts?.[IFNAME_OPTION]
  if (wish !== undefined) {
    if (takenInterfaces.includes(wish) || wish === 'lo')
      throw new InvalidRequestError(`interface name "${wish}" is used twice, on network "${network.name}" again`, {
        code: 'INVALID_INTERFACE_NAME',
      })
    return wish
  }
  for (let index = 0; ; index += 1) if (!takenInterfaces.includes(`eth${index}`)) return `eth${index}`
}

/** @throws InvalidRequestError, ConflictError */
export function planEndpoint(input: EndpointPlanInput): EndpointRecord {
  const { network, settings, endpointId } = input
  checkEndpoint(network, settings)
  const ipv4 = network.ipv4 ? chooseAddress(input, 4) : undefined
  const ipv6 = network.ipv6 ? chooseAddress(input, 6) : undefined
  const hasInterface = network.driver === 'bridge' || network.driver === 'macvlan'
  const mac = settings.MacAddress === undefined ? undefined : normalMac(settings.MacAddress)
  return {
    containerId: input.containerId,
    networkId: network.id,
    endpointId,
    position: input.position,
    interfaceName: hasInterface ? chooseInterface(input) : '',
    hostInterface: network.driver === 'bridge' ? `${input.vethPrefix}${endpointId.slice(0, 8)}` : '',
    mac: hasInterface ? (mac ?? macFor(bare(ipv4), endpointId)) : '',
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    names: input.names,
    settings,
  }
}

/** An endpoint with the network it is on. */
export interface Attachment {
  readonly endpoint: EndpointRecord
  readonly network: NetworkRecord
}

const addressOf = (endpoint: EndpointRecord, family: Family): string | undefined =>
  family === 4 ? endpoint.ipv4 : endpoint.ipv6

/**
 * The endpoint that leads outwards: highest gw_priority, then both families before one, then by network name.
 * Internal networks lead nowhere.
 */
export function electGateway(attachments: readonly Attachment[], family: Family): Attachment | undefined {
  const rank = ({ endpoint }: Attachment): number => endpoint.settings.GwPriority ?? 0
  const dual = ({ endpoint }: Attachment): number =>
    endpoint.ipv4 !== undefined && endpoint.ipv6 !== undefined ? 1 : 0
  const [best] = attachments
    .filter(({ endpoint, network }) => !network.internal && addressOf(endpoint, family) !== undefined)
    .toSorted(
      (one, other) =>
        rank(other) - rank(one) || dual(other) - dual(one) || (one.network.name < other.network.name ? -1 : 1),
    )
  return best
}

/** The gateway's address on the endpoint's subnet (a network may have several), when it leads out. */
export function gatewayOf({ endpoint, network }: Attachment, family: Family): string | undefined {
  const own = bare(addressOf(endpoint, family))
  if (network.internal || own === undefined) return undefined
  return poolOf(network.pools, own)?.gateway
}

/** The endpoint as inspect shows it. */
export function toSettings({ endpoint, network }: Attachment): EndpointSettings {
  const [IPAddress = '', prefix4 = '0'] = endpoint.ipv4?.split('/') ?? []
  const [GlobalIPv6Address = '', prefix6 = '0'] = endpoint.ipv6?.split('/') ?? []
  return {
    ...endpoint.settings,
    IPAMConfig: endpoint.settings.IPAMConfig ?? null,
    Links: endpoint.settings.Links ?? null,
    Aliases: endpoint.settings.Aliases ?? null,
    DriverOpts: endpoint.settings.DriverOpts ?? null,
    GwPriority: endpoint.settings.GwPriority ?? 0,
    MacAddress: endpoint.mac,
    NetworkID: network.id,
    EndpointID: endpoint.endpointId,
    Gateway: gatewayOf({ endpoint, network }, 4) ?? '',
    IPAddress,
    IPPrefixLen: Number(prefix4),
    IPv6Gateway: gatewayOf({ endpoint, network }, 6) ?? '',
    GlobalIPv6Address,
    GlobalIPv6PrefixLen: Number(prefix6),
    DNSNames: endpoint.interfaceName === '' ? null : endpoint.names,
  }
}
