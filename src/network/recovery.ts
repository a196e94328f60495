/**
 * At engine start: the kernel against state.db. Containers that live keep their network without a packet lost; what a
 * dead engine left behind goes. Links are told by the alias they carry, namespaces by the folder they lie in.
 */
import { join } from 'node:path'
import type { EngineBase } from '../engine/context.ts'
import type { SandboxRecord } from '../state/networks.ts'
import { dropLostEndpoints } from './attach.ts'
import { configureBridge, hasOwnBridge, linkAlias } from './bridge.ts'
import { ensureLink } from './macvlan.ts'
import { chooseDnsPorts, isPortTaken, openDnsSockets, type DnsSockets } from './dns/embedded.ts'
import type { OpenSandbox, Registry } from './registry.ts'
import { announce, hasInterface, type NetworkParts } from './parts.ts'
import { closeSandbox } from './sandbox.ts'
import { startResolver } from './sandbox-dns.ts'

/** Deletes links of this engine that no row knows. Returns their names. */
export async function removeStrayLinks(base: EngineBase, registry: Registry): Promise<string[]> {
  const known = new Set([
    ...registry.networks().map((network) => network.bridge),
    ...registry.sandboxes().flatMap(({ endpoints }) => endpoints.map((endpoint) => endpoint.hostInterface)),
  ])
  const alias = linkAlias(base)
  const strays = base.host.links.list().filter((link) => link.alias === alias && !known.has(link.name))
  for (const { name } of strays) await base.host.links.removeAsync(name)
  return strays.map(({ name }) => name)
}

async function removeStrayNamespaces(base: EngineBase, registry: Registry): Promise<void> {
  const folder = base.config.paths.netns
  if (!base.host.files.existsSync(folder)) return
  for (const name of await base.host.files.readdir(folder))
    if (registry.sandbox(name) === undefined) await base.host.netns.remove(join(folder, name))
}

/** After an engine restart: the container runs on, this process takes up what the last one held for it. */
function adoptSandbox(parts: NetworkParts, sandbox: OpenSandbox, pid: number): void {
  const { base, registry, ports } = parts
  const { record } = sandbox
  const { netns, links } = base.host
  if (netns.inode(record.netnsPath) === undefined) netns.bind(`/proc/${pid}/ns/net`, record.netnsPath)
  const bridged = registry.attachments(sandbox).filter(hasInterface)
  for (const { endpoint, network } of bridged) {
    ensureLink(base, network)
    const outer = network.driver === 'bridge' ? links.find(endpoint.hostInterface) : undefined
    if (outer !== undefined && outer.masterIndex === undefined) links.setMaster(endpoint.hostInterface, network.bridge)
  }
  const reopened = bridged.length === 0 ? undefined : reopenResolver(parts, record)
  const current = reopened?.record ?? record
  if (current !== record) registry.putSandbox({ ...sandbox, record: current })
  const server = reopened === undefined ? undefined : startResolver(parts, current, reopened.sockets)
  const held = ports.reclaim(record.published, record.containerName)
  const adopted = { ...sandbox, record: current, held, server, ready: true }
  registry.keepSandbox(adopted)
  announce(parts, adopted, false)
}

/** At the recorded ports, where the redirect inside the namespace leads; at others when a process took those. */
function reopenResolver({ base }: NetworkParts, record: SandboxRecord): { record: SandboxRecord; sockets: DnsSockets } {
  const { netns, nft } = base.host
  return netns.inside(record.netnsPath, () => {
    try {
      return { record, sockets: openDnsSockets(base, record.dnsPorts, false) }
    } catch (error) {
      if (!isPortTaken(error)) throw error
      nft.applySync('table ip mycompose_dns\ndelete table ip mycompose_dns\n')
      const dnsPorts = chooseDnsPorts(base)
      return { record: { ...record, dnsPorts }, sockets: openDnsSockets(base, dnsPorts, true) }
    }
  })
}

/** Re-creates what is lost, takes up what lives, removes what belongs to no container of `live`. */
export async function recoverNetworks(
  parts: NetworkParts,
  live: readonly { readonly containerId: string; readonly pid: number }[],
): Promise<void> {
  const { base, registry, firewall } = parts
  const pids = new Map(live.map(({ containerId, pid }) => [containerId, pid]))
  // a crash may have come between making a bridge and giving it its address
  for (const network of registry.networks())
    if (network.driver === 'bridge' && hasOwnBridge(base, network)) configureBridge(base, network)
  const adopted = []
  for (const sandbox of registry.sandboxes()) {
    const { containerId, containerName } = sandbox.record
    const pid = pids.get(containerId)
    try {
      if (pid === undefined) await closeSandbox(parts, containerId)
      else {
        adoptSandbox(parts, sandbox, pid)
        adopted.push(await dropLostEndpoints(parts, containerId))
      }
    } catch (error) {
      base.log('error', 'cannot recover the network of a container', { container: containerName, error: String(error) })
    }
  }
  await removeStrayNamespaces(base, registry)
  await removeStrayLinks(base, registry)
  await firewall.replace()
  for (const { held, record } of adopted) {
    try {
      held?.activate()
    } catch (error) {
      base.log('warn', 'cannot hold published ports again', { container: record.containerName, error: String(error) })
    }
  }
}
