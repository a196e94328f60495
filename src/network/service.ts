/**
 * The network service: joins the parts and keeps them in step. What it promises stands in engine/services.ts.
 */
import type { EngineBase } from '../engine/context.ts'
import type { ContainerService, NetworkService } from '../engine/services/index.ts'
import type { NetworkRecord } from '../state/networks.ts'
import { connectSandbox, disconnectSandbox } from './attach.ts'
import { removeBridgeSync } from './bridge.ts'
import { createForwarder } from './dns/forward.ts'
import { createUpstreams } from './dns/upstreams.ts'
import { createZone } from './dns/zone.ts'
import { matchesNetwork } from './filters.ts'
import { createFirewall } from './firewall.ts'
import { createNetwork, dropBridge, forgetNetwork, inspectNetwork, usersOfNetwork, withPools } from './networks.ts'
import { parseBridgeOptions } from './options.ts'
import { announce, publishEvent, type NetworkParts } from './parts.ts'
import { createPorts } from './ports.ts'
import { recoverNetworks, removeStrayLinks } from './recovery.ts'
import { createRegistry, type Registry } from './registry.ts'
import { shutInterfaces } from './forwarding.ts'
import type { RulesetModel } from './ruleset.ts'
import { closeSandbox, describeSandbox, openSandbox, validateSandbox } from './sandbox.ts'

/** For so long published ports may be closed after somebody flushed the rules. */
const REPAIR_EVERY_MS = 1000
/** The kernel deletes the interfaces of a dead namespace by itself, as a rule within this time. */
const SWEEP_AFTER_MS = 3000

/** The predefined bridge is there only while somebody is on it. */
const hasBridge = (registry: Registry, network: NetworkRecord): boolean =>
  network.driver === 'bridge' && (!network.predefined || usersOfNetwork(registry, network.id).length > 0)

function rulesetModel(base: EngineBase, registry: Registry): RulesetModel {
  return {
    bridges: registry
      .networks()
      .filter((network) => hasBridge(registry, network))
      .map((network) => {
        const subnets = network.pools.map((pool) => pool.subnet)
        const { icc, masquerade, mode4, mode6, trusted } = parseBridgeOptions(network.options)
        return {
          name: network.bridge,
          subnets4: subnets.filter((subnet) => !subnet.includes(':')),
          subnets6: subnets.filter((subnet) => subnet.includes(':')),
          internal: network.internal,
          icc,
          masquerade,
          mode4,
          mode6,
          trusted,
        }
      }),
    published: [...registry.bindings()].map(([, binding]) => binding),
    shut: shutInterfaces(base),
  }
}

export function createNetworkService(
  base: EngineBase,
  { usersOf }: { readonly usersOf: ContainerService['usersOf'] },
): NetworkService {
  const registry = createRegistry(base)
  const hostServers = createUpstreams(base)
  const parts: NetworkParts = {
    base,
    registry,
    firewall: createFirewall(base, () => rulesetModel(base, registry)),
    ports: createPorts(base),
    zone: createZone(),
    forwarder: createForwarder({ nowMs: () => base.host.clock.nowMs() }),
    hostServers,
    withPools: (network) => withPools(base, registry, hostServers(), network),
  }
  const { firewall } = parts

  const inBackground = (work: () => Promise<unknown>): void =>
    void work().catch((error: unknown) => base.log('warn', 'network upkeep failed', { error: String(error) }))
  const repairTimer = setInterval(() => inBackground(() => firewall.repair()), REPAIR_EVERY_MS)
  repairTimer.unref()
  let sweepTimer: NodeJS.Timeout | undefined

  function sweepSoon(): void {
    clearTimeout(sweepTimer)
    sweepTimer = setTimeout(() => inBackground(() => removeStrayLinks(base, registry)), SWEEP_AFTER_MS)
    sweepTimer.unref()
  }

  /** The kernel takes 30 to 50 ms for a bridge and its rules, which nobody needs to wait for but who makes a network. */
  const removals = new Set<Promise<void>>()
  function removeInBackground(network: NetworkRecord): void {
    const removal = Promise.all([dropBridge(base, registry, network), firewall.flush()])
      .then(
        () => {},
        (error: unknown) => {
          base.log('warn', 'cannot remove what a network left', { network: network.name, error: String(error) })
          sweepSoon()
        },
      )
      .finally(() => removals.delete(removal))
    removals.add(removal)
  }

  let bridgeKeepers = 0
  /** Removes the predefined bridge after its last container. */
  async function dropIdleBridge(): Promise<void> {
    if (bridgeKeepers > 0) return
    for (const network of registry.networks())
      if (network.predefined && network.driver === 'bridge' && !hasBridge(registry, network)) {
        removeBridgeSync(base, network)
        await firewall.flush()
      }
  }

  const isUsed = (network: NetworkRecord): boolean =>
    usersOfNetwork(registry, network.id).length > 0 || usersOf({ networkId: network.id }).length > 0

  return {
    list: async (filters) =>
      registry
        .networks()
        .filter((network) => matchesNetwork(network, filters, isUsed))
        .map((network) => inspectNetwork(registry, network)),
    inspect: async (reference) => inspectNetwork(registry, registry.network(reference)),
    async create(request) {
      await Promise.all(removals) // a bridge that is going still has its name and its subnet
      const { network, warning } = await createNetwork(base, registry, hostServers(), request)
      try {
        await firewall.flush()
      } catch (error) {
        forgetNetwork(registry, network)
        await dropBridge(base, registry, network)
        throw error
      }
      publishEvent(base, 'create', network)
      return { Id: network.id, Warning: warning }
    },
    async remove(reference) {
      const network = registry.network(reference)
      forgetNetwork(registry, network)
      removeInBackground(network)
      publishEvent(base, 'destroy', network)
    },
    validate: async (request) => validateSandbox(parts, request),
    openSandbox: (request) => openSandbox(parts, request),
    async closeSandbox(containerId) {
      await closeSandbox(parts, containerId)
      await dropIdleBridge()
      sweepSoon()
    },
    keepBridges() {
      bridgeKeepers += 1
      let isKept = true
      return {
        async [Symbol.asyncDispose]() {
          if (!isKept) return
          isKept = false
          bridgeKeepers -= 1
          await dropIdleBridge()
        },
      }
    },
    sandbox(containerId) {
      const sandbox = registry.sandbox(containerId)
      return sandbox?.ready === true ? describeSandbox(parts, sandbox) : undefined
    },
    connect: (reference, containerId, settings) =>
      connectSandbox(parts, registry.network(reference), containerId, settings),
    disconnect: async (reference, containerId) => {
      await disconnectSandbox(parts, registry.network(reference), containerId)
      await dropIdleBridge()
    },
    async renameContainer(containerId, name) {
      const sandbox = registry.sandbox(containerId)
      if (sandbox === undefined) return
      const { containerName } = sandbox.record
      const renamed = {
        ...sandbox,
        record: { ...sandbox.record, containerName: name },
        endpoints: sandbox.endpoints.map((endpoint) => ({
          ...endpoint,
          names: endpoint.names.map((each) => (each === containerName ? name : each)),
        })),
      }
      for (const { network } of registry.attachments(sandbox)) parts.zone.remove(containerId, network.id)
      registry.putSandbox(renamed)
      announce(parts, renamed, false)
    },
    async recover(live) {
      await recoverNetworks(parts, live)
      await dropIdleBridge() // of a build that was cut short: no container will leave it
    },
    async shutdown() {
      await Promise.all(removals)
      clearInterval(repairTimer)
      clearTimeout(sweepTimer)
      parts.forwarder.close()
      for (const { held, server } of registry.sandboxes()) {
        server?.close()
        held?.release()
      }
    },
  }
}
