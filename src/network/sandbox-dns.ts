/** The embedded resolver of one sandbox: who asks, and whom it may ask in turn. */
import type { SandboxRecord } from '../state/networks.ts'
import { serveEmbedded, type DnsSockets } from './dns/embedded.ts'
import type { DnsServer } from './dns/server.ts'
import type { Asker } from './dns/zone.ts'
import { hasInterface, type NetworkParts } from './parts.ts'

function askerOf({ registry }: NetworkParts, containerId: string): Asker {
  const sandbox = registry.sandbox(containerId)
  if (sandbox === undefined) return { networks: [], links: new Map() }
  const attachments = registry.attachments(sandbox)
  const links = attachments.flatMap(({ endpoint }) => endpoint.settings.Links ?? [])
  return {
    networks: attachments.map(({ network }) => ({ id: network.id, name: network.name })),
    links: new Map(
      links.map((link) => {
        const [target = '', alias = target] = link.replace(/^\//, '').split(':')
        return [alias.toLowerCase(), target] as const
      }),
    ),
  }
}

/** Starts answering on the sockets. */
export function startResolver(parts: NetworkParts, record: SandboxRecord, sockets: DnsSockets): DnsServer {
  const { base, registry, zone, forwarder } = parts
  return serveEmbedded(base, {
    record,
    sockets,
    zone,
    forwarder,
    asker: () => askerOf(parts, record.containerId),
    hostServers() {
      const sandbox = registry.sandbox(record.containerId)
      const attachments = sandbox === undefined ? [] : registry.attachments(sandbox)
      const hasWayOut = attachments.some(({ network }) => hasInterface({ network }) && !network.internal)
      return hasWayOut ? parts.hostServers() : undefined
    },
  })
}
