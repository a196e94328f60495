/** What the parts of the network service share, and how a container becomes known to the others. */
import type { EngineBase } from '../engine/context.ts'
import type { NetworkRecord } from '../state/networks.ts'
import type { Forwarder } from './dns/forward.ts'
import type { Zone } from './dns/zone.ts'
import { bare, type Attachment } from './endpoints.ts'
import type { Firewall } from './firewall.ts'
import type { Ports } from './ports.ts'
import type { OpenSandbox, Registry } from './registry.ts'

export interface NetworkParts {
  readonly base: EngineBase
  readonly registry: Registry
  readonly firewall: Firewall
  readonly ports: Ports
  readonly zone: Zone
  readonly forwarder: Forwarder
  readonly hostServers: () => readonly string[]
  /** The predefined bridge gets its subnet with its first container. */
  withPools(network: NetworkRecord): NetworkRecord
}

/** An endpoint with an interface of its own in the container. */
export const hasInterface: (attachment: Pick<Attachment, 'network'>) => boolean = ({ network }) =>
  network.driver === 'bridge' || network.driver === 'macvlan'

/** Makes the container known by name, and tells. */
export function announce({ base, registry, zone }: NetworkParts, sandbox: OpenSandbox, told: boolean): void {
  for (const { endpoint, network } of registry.attachments(sandbox)) {
    if (hasInterface({ network }))
      zone.add({
        containerId: endpoint.containerId,
        networkId: network.id,
        networkName: network.name,
        names: endpoint.names,
        ipv4: bare(endpoint.ipv4),
        ipv6: bare(endpoint.ipv6),
      })
    if (told) publishEvent(base, 'connect', network, endpoint.containerId)
  }
}

export function publishEvent(base: EngineBase, action: string, network: NetworkRecord, containerId?: string): void {
  const container = containerId === undefined ? {} : { container: containerId }
  const Attributes = { ...container, name: network.name, type: network.driver }
  base.events.publish({ Type: 'network', Action: action, Actor: { ID: network.id, Attributes } })
}
