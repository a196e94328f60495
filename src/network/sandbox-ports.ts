/** The published ports of one sandbox: where they lead, and the reservation of the host's side. */
import type { SandboxRecord } from '../state/networks.ts'
import { parsePortWishes } from './bindings.ts'
import { bare, electGateway, type Attachment } from './endpoints.ts'
import { parseBridgeOptions } from './options.ts'
import type { NetworkParts } from './parts.ts'
import type { HeldPorts, PortTargets } from './ports.ts'

/** Published ports lead to the endpoint that leads outwards; a macvlan's address is reached as it is. */
export function portTargets(attachments: readonly Attachment[]): PortTargets {
  const four = electGateway(attachments, 4)
  const six = electGateway(attachments, 6)
  const published = (elected: Attachment | undefined): elected is Attachment => elected?.network.driver === 'bridge'
  const options4 = parseBridgeOptions(four?.network.options ?? {})
  const options6 = parseBridgeOptions(six?.network.options ?? {})
  return {
    ipv4: published(four) ? bare(four.endpoint.ipv4) : undefined,
    ipv6: published(six) ? bare(six.endpoint.ipv6) : undefined,
    defaultHostIp: options4.hostBindingIpv4,
    routed: [
      ...(options4.mode4 === 'routed' ? ([4] as const) : []),
      ...(options6.mode6 === 'routed' ? ([6] as const) : []),
    ],
  }
}

/** Holds a host port for each wish of the record, the one it had if it may choose. @throws ConflictError PORT_ALLOCATED */
export function reservePorts(
  { registry, ports }: NetworkParts,
  record: SandboxRecord,
  attachments: readonly Attachment[],
): HeldPorts {
  const wishes = parsePortWishes(record)
  const former = record.published.length > 0 ? record.published : registry.formerPorts(record.containerId)
  const others = function* () {
    for (const [name, binding] of registry.bindings()) if (name !== record.containerName) yield [name, binding] as const
  }
  return ports.reserve(wishes, portTargets(attachments), others, former)
}
