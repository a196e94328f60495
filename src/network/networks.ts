/**
 * Making and removing networks: checks, addresses, the bridge. Source: Docker Engine API v1.51, NetworkCreate.
 */
import type { NetworkCreateRequest, NetworkInspect } from '../api/types/index.ts'
import type { EngineBase } from '../engine/context.ts'
import { ConflictError, InvalidRequestError, UnsupportedError } from '../errors.ts'
import type { NetworkPool, NetworkRecord } from '../state/networks.ts'
import { overlaps, parseCidr, type Cidr } from './address.ts'
import { removeBridge } from './bridge.ts'
import { automaticPool, checkPool, chooseSubnet4, chooseSubnet6, type Taken } from './ipam.ts'
import { ensureLink, parseMacvlanOptions, unknownMacvlanOptions } from './macvlan.ts'
import { parseBridgeOptions, unknownOptions } from './options.ts'
import type { Registry } from './registry.ts'
import type { OpenSandbox } from './registry.ts'

// as Docker: names of containers and networks
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

const known = (text: string, owner: string): Taken[] => {
  const cidr = parseCidr(text)
  return cidr === undefined ? [] : [{ cidr, owner }]
}

/** Subnets of our own networks. */
function takenByNetworks(registry: Registry): Taken[] {
  return registry
    .networks()
    .flatMap((network) => network.pools.flatMap((pool) => known(pool.subnet, `network "${network.name}"`)))
}

/** Addresses of the host's interfaces with their subnets. */
function takenByAddresses(base: EngineBase): Taken[] {
  return base.host.links.addresses().flatMap(({ device, address }) => known(address, `device "${device}"`))
}

/** What an automatic subnet must not touch: also the host's routes (a VPN's, say) and its name servers. */
function takenByHost(base: EngineBase, servers: readonly string[]): Taken[] {
  const routes = base.host.links
    .routes()
    .filter(({ destination }) => !destination.endsWith('/0'))
    .flatMap(({ destination, device }) => known(destination, `the route by "${device ?? '?'}"`))
  return [...takenByAddresses(base), ...routes, ...servers.flatMap((server) => known(server, `name server ${server}`))]
}

function automatic(base: EngineBase, taken: readonly Taken[], family: 4 | 6): NetworkPool {
  const subnet: Cidr =
    family === 4 ? chooseSubnet4(taken, base.config.poolOffset) : chooseSubnet6(taken, `${base.config.id}0000`)
  return automaticPool(subnet)
}

/** Pools for a request: checked ones as the user wrote them, a chosen one for each family that lacks one. */
function planPools(
  base: EngineBase,
  registry: Registry,
  servers: readonly string[],
  request: Pick<NetworkCreateRequest, 'Driver' | 'IPAM' | 'EnableIPv6' | 'EnableIPv4'>,
): NetworkPool[] {
  const ours = takenByNetworks(registry)
  // a macvlan shares the subnet that the host's own interface is on
  const strict = request.Driver === 'macvlan' ? ours : [...ours, ...takenByAddresses(base)]
  const pools: NetworkPool[] = []
  for (const wish of request.IPAM?.Config ?? []) {
    const inRequest = pools.flatMap((pool) => known(pool.subnet, 'the same network'))
    const pool = checkPool(wish, [...strict, ...inRequest])
    if (pool !== undefined) pools.push(pool)
  }
  const has = (family: 4 | 6): boolean => pools.some((pool) => pool.subnet.includes(':') === (family === 6))
  const taken = [...ours, ...takenByHost(base, servers)]
  if (request.EnableIPv4 !== false && !has(4)) pools.push(automatic(base, taken, 4))
  if (request.EnableIPv6 === true && !has(6)) pools.push(automatic(base, taken, 6))
  if (request.EnableIPv6 !== true && has(6))
    throw new InvalidRequestError('an IPv6 subnet needs EnableIPv6 (enable_ipv6: true)', { code: 'INVALID_IPAM' })
  return pools
}

function checkRequest(registry: Registry, request: NetworkCreateRequest): void {
  const { Name: name, Driver: driver = 'bridge', IPAM: ipam } = request
  if (!NAME.test(name))
    throw new InvalidRequestError(`invalid network name "${name}": only letters, digits, "_", "." and "-" are allowed`)
  if (registry.hasName(name))
    throw new ConflictError(`network with name ${name} already exists`, { code: 'NETWORK_EXISTS' })
  if (driver !== 'bridge' && driver !== 'macvlan' && driver !== '')
    throw new UnsupportedError(`network driver "${driver}" is not supported`, {
      code: 'UNSUPPORTED_NETWORK_DRIVER',
      hint: 'use driver bridge or macvlan, or network_mode host or none',
    })
  if (ipam?.Driver !== undefined && ipam.Driver !== '' && ipam.Driver !== 'default')
    throw new UnsupportedError(`IPAM driver "${ipam.Driver}" is not supported`, { hint: 'use the driver default' })
  if (request.EnableIPv4 === false && request.EnableIPv6 !== true)
    throw new InvalidRequestError('a network needs IPv4 or IPv6 enabled', { code: 'INVALID_IPAM' })
  const { mode4, mode6 } = parseBridgeOptions(request.Options ?? {})
  if (request.Internal !== true && (mode4 === 'isolated' || mode6 === 'isolated'))
    throw new InvalidRequestError('gateway mode "isolated" is for internal networks only (internal: true)', {
      code: 'INVALID_NETWORK_OPTION',
    })
  if (request.Ingress === true) throw new UnsupportedError('ingress networks belong to swarm and are not supported')
  if (request.Scope !== undefined && request.Scope !== '' && request.Scope !== 'local')
    throw new UnsupportedError(`network scope "${request.Scope}" is not supported`)
}

/**
 * True when another engine took the same subnet in the moment between our look at the host and our bridge. The younger
 * bridge (by the kernel's numbers) gives way, so that one of the two stays.
 */
function isContested(base: EngineBase, network: NetworkRecord): boolean {
  if (network.driver === 'macvlan') return false
  const indexes = new Map(base.host.links.list().map(({ name, index }) => [name, index]))
  const ours = indexes.get(network.bridge) ?? 0
  const subnets = network.pools.flatMap((pool) => known(pool.subnet, network.name))
  return takenByAddresses(base).some(({ cidr, owner }) => {
    const other = indexes.get(owner.slice('device "'.length, -1)) ?? 0
    return other < ours && subnets.some((subnet) => overlaps(subnet.cidr, cidr))
  })
}

function toRecord(base: EngineBase, request: NetworkCreateRequest, pools: readonly NetworkPool[]): NetworkRecord {
  const options = request.Options ?? {}
  const driver = request.Driver === 'macvlan' ? 'macvlan' : 'bridge'
  const name = driver === 'macvlan' ? parseMacvlanOptions(options).parent : parseBridgeOptions(options).bridgeName
  const id = base.host.randomHex(32)
  return {
    id,
    name: request.Name,
    driver,
    created: base.host.clock.nowRfc3339(),
    predefined: false,
    ipv4: request.EnableIPv4 !== false,
    ipv6: request.EnableIPv6 === true,
    internal: request.Internal === true,
    attachable: request.Attachable === true,
    options,
    labels: request.Labels ?? {},
    ipamOptions: request.IPAM?.Options ?? {},
    pools,
    bridge: name ?? `${base.config.bridgePrefix}${id.slice(0, 8)}`,
  }
}

const SUBNET_TRIES = 8

/** Checks the request, writes the row, makes the bridge. Undone when the kernel refuses. */
export async function createNetwork(
  base: EngineBase,
  registry: Registry,
  servers: readonly string[],
  request: NetworkCreateRequest,
): Promise<{ readonly network: NetworkRecord; readonly warning: string }> {
  const unknown = request.Driver === 'macvlan' ? unknownMacvlanOptions : unknownOptions
  const ignored = unknown(request.Options ?? {})
  const warning = ignored.length === 0 ? '' : `network options without effect here: ${ignored.join(', ')}`
  for (let attempt = 1; ; attempt += 1) {
    checkRequest(registry, request)
    const network = toRecord(base, request, planPools(base, registry, servers, request))
    if (network.driver === 'bridge' && registry.networks().some((other) => other.bridge === network.bridge))
      throw new ConflictError(`bridge name "${network.bridge}" is used by another network`, { code: 'LINK_NAME_TAKEN' })
    registry.putNetwork(network)
    try {
      ensureLink(base, network)
    } catch (error) {
      registry.deleteNetwork(network.id)
      throw error
    }
    if (attempt === SUBNET_TRIES || !isContested(base, network)) return { network, warning }
    forgetNetwork(registry, network)
    await dropBridge(base, registry, network)
  }
}

/** The network with a subnet: the predefined bridge gets its own when it is needed first. */
export function withPools(
  base: EngineBase,
  registry: Registry,
  servers: readonly string[],
  network: NetworkRecord,
): NetworkRecord {
  if (network.driver !== 'bridge' || network.pools.length > 0) return network
  const filled = { ...network, pools: planPools(base, registry, servers, {}) }
  registry.putNetwork(filled)
  return filled
}

/**
 * Deletes the row; the bridge is left to the caller. From here on nobody can join, and after a crash the bridge is found
 * by its alias. @throws ConflictError NETWORK_PREDEFINED, NETWORK_IN_USE
 */
export function forgetNetwork(registry: Registry, network: NetworkRecord): void {
  if (network.predefined)
    throw new ConflictError(`${network.name} is a pre-defined network and cannot be removed`, {
      code: 'NETWORK_PREDEFINED',
    })
  const users = usersOfNetwork(registry, network.id)
  if (users.length > 0) {
    const names = users.map(({ record }) => `"${record.containerName}"`).toSorted()
    throw new ConflictError(
      `error while removing network: network ${network.name} has active endpoints (${names.join(', ')})`,
      { code: 'NETWORK_IN_USE', hint: 'stop these containers or disconnect them first' },
    )
  }
  registry.deleteNetwork(network.id)
}

/** What the kernel has of a forgotten network. Takes some 30 ms. */
export async function dropBridge(base: EngineBase, registry: Registry, network: NetworkRecord): Promise<void> {
  // a VLAN that we made may carry several macvlan networks
  if (registry.networks().every((other) => other.bridge !== network.bridge)) await removeBridge(base, network)
}

/** Open sandboxes with an endpoint on the network. */
export function usersOfNetwork(registry: Registry, networkId: string): OpenSandbox[] {
  return registry.sandboxes().filter(({ endpoints }) => endpoints.some((each) => each.networkId === networkId))
}

function containersOn(registry: Registry, networkId: string): NetworkInspect['Containers'] {
  const entries = usersOfNetwork(registry, networkId)
    .filter(({ ready }) => ready)
    .flatMap(({ record, endpoints }) =>
      endpoints
        .filter((endpoint) => endpoint.networkId === networkId)
        .map((endpoint) => [
          record.containerId,
          {
            Name: record.containerName,
            EndpointID: endpoint.endpointId,
            MacAddress: endpoint.mac,
            IPv4Address: endpoint.ipv4 ?? '',
            IPv6Address: endpoint.ipv6 ?? '',
          },
        ]),
    )
  return Object.fromEntries(entries) as NetworkInspect['Containers']
}

export function inspectNetwork(registry: Registry, network: NetworkRecord): NetworkInspect {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: network.ipv4,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: 'default',
      Options: network.ipamOptions,
      Config: network.pools.map(({ subnet, gateway, range, auxiliary }) => ({
        Subnet: subnet,
        ...(range === undefined ? {} : { IPRange: range }),
        Gateway: gateway,
        ...(Object.keys(auxiliary).length === 0 ? {} : { AuxiliaryAddresses: auxiliary }),
      })),
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: containersOn(registry, network.id),
    Options: network.options,
    Labels: network.labels,
  }
}
