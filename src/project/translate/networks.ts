/** Networks of a service: endpoints, aliases, the primary network; and the create request of a network. Pure. */
import type { EndpointSettings, IpamPool, NetworkCreateRequest } from '../../api/types/index.ts'
import type { Network, Project, Service, ServiceNetwork } from '../../compose/model.ts'
import { networkHash } from '../../compose/hash.ts'
import { resourceLabels } from '../labels.ts'
import { present } from './present.ts'
import { resolveNamespace } from './security.ts'

export interface NetworkingInput {
  readonly project: Project
  readonly service: Service
  readonly containerName: string
  /** "service:X" -> container id. */
  readonly references: Readonly<Record<string, string>>
  /** Service -> names of its containers, for links. */
  readonly linked: Readonly<Record<string, readonly string[]>>
  /** A one-off must not answer in place of the service's containers. */
  readonly ownNameOnly?: boolean
}

export interface Networking {
  readonly networkMode: string
  /** Network name -> endpoint, in the order of connecting. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>
}

export function toNetworking(input: NetworkingInput): Networking {
  const { project, service } = input
  if (service.networkMode !== undefined) {
    return { networkMode: resolveNamespace(service.networkMode, input.references) ?? 'none', endpoints: {} }
  }
  const keys = orderNetworks(service.networks)
  const [primary] = keys
  if (primary === undefined) return { networkMode: 'none', endpoints: {} }
  const endpoints = keys.map((key): [string, EndpointSettings] => [
    networkName(project, key),
    toEndpoint(input, service.networks[key] ?? {}, key === primary),
  ])
  return { networkMode: networkName(project, primary), endpoints: Object.fromEntries(endpoints) }
}

/** Highest `priority` first, then by name: the first one is the primary network. */
export function orderNetworks(networks: Service['networks']): readonly string[] {
  return Object.keys(networks).toSorted((left, right) => {
    const difference = (networks[right]?.priority ?? 0) - (networks[left]?.priority ?? 0)
    return difference !== 0 ? difference : left < right ? -1 : 1
  })
}

export function networkName(project: Project, key: string): string {
  return project.networks[key]?.name ?? `${project.name}_${key}`
}

/** Container name and service name resolve on each network, besides the user's aliases. */
export function toEndpoint(input: NetworkingInput, options: ServiceNetwork, isPrimary: boolean): EndpointSettings {
  const { service, containerName } = input
  const links = toLinks(input)
  const driverOpts =
    options.interfaceName === undefined
      ? options.driverOpts
      : { ...options.driverOpts, 'com.docker.network.endpoint.ifname': options.interfaceName }
  const ipam = present<NonNullable<EndpointSettings['IPAMConfig']>>({
    IPv4Address: options.ipv4Address,
    IPv6Address: options.ipv6Address,
    LinkLocalIPs: options.linkLocalIps,
  })
  return present<EndpointSettings>({
    Aliases:
      input.ownNameOnly === true
        ? [containerName]
        : [...new Set([containerName, service.name, ...(options.aliases ?? [])])],
    IPAMConfig: Object.keys(ipam).length > 0 ? ipam : undefined,
    Links: links.length > 0 ? links : undefined,
    MacAddress: options.macAddress ?? (isPrimary ? service.macAddress : undefined),
    DriverOpts: driverOpts,
    GwPriority: options.gwPriority,
  })
}

/** Each linked container under the alias and under its own name, as docker compose does. */
function toLinks({ service, linked }: NetworkingInput): readonly string[] {
  const internal = (service.links ?? []).flatMap(({ service: target, alias }) =>
    (linked[target] ?? []).flatMap((name) => [`${name}:${alias}`, `${name}:${name}`]),
  )
  const external = (service.externalLinks ?? []).map((link) => (link.includes(':') ? link : `${link}:${link}`))
  return [...new Set([...internal, ...external])]
}

export function toNetworkCreateRequest(
  projectName: string,
  key: string,
  network: Network,
  version: string,
): NetworkCreateRequest {
  const { labels } = network
  return present<NetworkCreateRequest>({
    Name: network.name,
    Driver: network.driver ?? 'bridge',
    EnableIPv4: network.enableIpv4,
    EnableIPv6: network.enableIpv6,
    Internal: network.internal,
    Attachable: network.attachable,
    Options: network.driverOpts,
    Labels: resourceLabels('network', projectName, key, { labels, hash: networkHash(network), version }),
    IPAM: toIpam(network),
  })
}

function toIpam({ ipam }: Network): NetworkCreateRequest['IPAM'] {
  if (ipam === undefined) return undefined
  return present<NonNullable<NetworkCreateRequest['IPAM']>>({
    Driver: ipam.driver,
    Options: ipam.options,
    Config: ipam.config?.map((pool) =>
      present<IpamPool>({
        Subnet: pool.subnet,
        IPRange: pool.ipRange,
        Gateway: pool.gateway,
        AuxiliaryAddresses: pool.auxAddresses,
      }),
    ),
  })
}
