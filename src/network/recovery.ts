/**
 * At engine start: the kernel against state.db. Containers that live keep their network without a packet lost; what a
 * dead engine left behind goes. Links are told by the alias they carry, namespaces by the folder they lie in.
 */
import { join } from 'node:path'
import type { EngineBase } from '../engine/context.ts'
import { linkAlias } from './bridge.ts'
import type { Registry } from './registry.ts'
import { adoptSandbox, closeSandbox, type NetworkParts } from './sandbox.ts'

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
    if (registry.sandbox(name) === undefined) base.host.netns.remove(join(folder, name))
}

/** Re-creates what is lost, takes up what lives, removes what belongs to no container of `live`. */
export async function recoverNetworks(
  parts: NetworkParts,
  live: readonly { readonly containerId: string; readonly pid: number }[],
): Promise<void> {
  const { base, registry, firewall } = parts
  const pids = new Map(live.map(({ containerId, pid }) => [containerId, pid]))
  const adopted = []
  for (const sandbox of registry.sandboxes()) {
    const { containerId, containerName } = sandbox.record
    const pid = pids.get(containerId)
    try {
      if (pid === undefined) await closeSandbox(parts, containerId)
      else adopted.push(adoptSandbox(parts, sandbox, pid))
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
