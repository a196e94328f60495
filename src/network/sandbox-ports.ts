/** The published ports of one sandbox: where they lead, and the reservation of the host's side. */
import type { SandboxRecord } from '../state/networks.ts'
import { parsePortWishes } from './bindings.ts'
import { bare, electGateway, type Attachment } from './endpoints.ts'
import { parseBridgeOptions } from './options.ts'
import type { NetworkParts } from './parts.ts'
import type { HeldPorts, PortTargets } from './ports.ts'

/** Published ports lead to the endpoint that leads outwards. */
export function portTargets(attachments: readonly Attachment[]): PortTargets {
  const four = electGateway(attachments, 4)
  const six = electGateway(attachments, 6)
  return {
    ipv4: bare(four?.endpoint.ipv4),
    ipv6: bare(six?.endpoint.ipv6),
    defaultHostIp: four === undefined ? '0.0.0.0' : parseBridgeOptions(four.network.options).hostBindingIpv4,
  }
}

/** Holds a host port for each wish of the record. @throws ConflictError PORT_ALLOCATED */
export function reservePorts(
  { registry, ports }: NetworkParts,
  record: SandboxRecord,
  attachments: readonly Attachment[],
): HeldPorts {
  const wishes = parsePortWishes(record)
  const former = registry.formerPorts(record.containerId)
  return ports.reserve(wishes, portTargets(attachments), () => registry.bindings(), former)
}
