/**
 * Plugging a running container into networks and out of them. The way out and the published ports follow the endpoint
 * that is elected anew.
 */
import type { EndpointSettings } from '../api/types/index.ts'
import { ConflictError, InvalidRequestError, NotFoundError } from '../errors.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../state/networks.ts'
import { isRelayed, isRouted } from './bindings.ts'
import { ensureLink } from './macvlan.ts'
import { endpointNames, planEndpoint, type Attachment } from './endpoints.ts'
import { announce, hasInterface, publishEvent, type NetworkParts } from './parts.ts'
import type { HeldPorts, PortTargets } from './ports.ts'
import type { OpenSandbox } from './registry.ts'
import { portTargets, reservePorts } from './sandbox-ports.ts'
import { addDefaultRoutes, configureInterface, createPair } from './veth.ts'

/** The open one. @throws NotFoundError */
function opened({ registry }: NetworkParts, containerId: string): OpenSandbox {
  const sandbox = registry.sandbox(containerId)
  if (sandbox?.ready === true) return sandbox
  throw new NotFoundError(`container ${containerId.slice(0, 12)} has no open network namespace`)
}

/** The bindings that go on, at the container's present addresses; none when the way out is of another kind. */
function movedBindings(bindings: SandboxRecord['published'], targets: PortTargets): SandboxRecord['published'] {
  const { ipv4, ipv6, routed } = targets
  const moved = bindings.flatMap((binding) => {
    const family = binding.containerIp.includes(':') ? 6 : 4
    const containerIp = family === 6 ? ipv6 : ipv4
    return containerIp === undefined || isRouted(binding) !== routed.includes(family)
      ? []
      : [{ ...binding, containerIp }]
  })
  // a container that has got its first IPv6 address needs no relay any more: all is held anew
  const isComplete = moved.length === bindings.length && !(ipv6 !== undefined && moved.some(isRelayed))
  return isComplete ? moved : []
}

/** After its endpoints changed: default routes, published ports, firewall. */
async function settle(parts: NetworkParts, before: OpenSandbox, endpoints: readonly EndpointRecord[]): Promise<void> {
  const { base, registry, firewall } = parts
  const attachments = registry.attachments({ endpoints })
  base.host.netns.inside(before.record.netnsPath, () => {
    base.host.links.removeDefaultRoute()
    addDefaultRoutes(base, attachments.filter(hasInterface))
  })
  const kept = movedBindings(before.record.published, portTargets(attachments))
  let held: HeldPorts | undefined = before.held
  let published: SandboxRecord['published'] = kept
  if (kept.length === 0) {
    held?.release()
    held = reservePorts(parts, before.record, attachments)
    published = held.published
  } else held?.retarget(kept)
  registry.putSandbox({ ...before, record: { ...before.record, published }, endpoints, held })
  await firewall.flush()
  if (before.held !== held) held?.activate()
}

/** A veth pair goes with its outer end; a macvlan has none. Nothing happens when it is gone. */
async function removeInterface({ base }: NetworkParts, endpoint: EndpointRecord, netnsPath: string): Promise<void> {
  const { links, netns } = base.host
  if (endpoint.hostInterface !== '') await links.removeAsync(endpoint.hostInterface)
  else netns.inside(netnsPath, () => links.remove(endpoint.interfaceName))
}

/** Plugs a running container into another network. @throws ConflictError when it is on it already */
export async function connectSandbox(
  parts: NetworkParts,
  network: NetworkRecord,
  containerId: string,
  settings: EndpointSettings,
): Promise<void> {
  const { base, registry } = parts
  const sandbox = opened(parts, containerId)
  const { record, endpoints } = sandbox
  if (!hasInterface({ network }) || registry.attachments(sandbox).some((each) => !hasInterface(each)))
    throw new InvalidRequestError(
      `container "${record.containerName}" cannot be connected to network "${network.name}"`,
    )
  if (endpoints.some((endpoint) => endpoint.networkId === network.id))
    throw new ConflictError(`endpoint with name ${record.containerName} already exists in network ${network.name}`)
  const container = { id: containerId, name: record.containerName, hostname: record.hostname }
  const endpoint = planEndpoint({
    containerId,
    names: endpointNames(container, settings.Aliases ?? []),
    network: parts.withPools(network),
    settings,
    position: Math.max(-1, ...endpoints.map((each) => each.position)) + 1,
    takenInterfaces: endpoints.map((each) => each.interfaceName),
    use: registry.addressUse(network.id, containerId),
    endpointId: base.host.randomHex(32),
    vethPrefix: base.config.vethPrefix,
  })
  registry.putSandbox({ ...sandbox, endpoints: [...endpoints, endpoint] })
  try {
    const [attachment] = registry.attachments({ endpoints: [endpoint] })
    if (attachment === undefined) throw new NotFoundError(`network ${network.name} not found`)
    ensureLink(base, attachment.network)
    createPair(base, attachment, record.netnsPath)
    base.host.netns.inside(record.netnsPath, () => configureInterface(base, attachment))
    await settle(parts, sandbox, [...endpoints, endpoint])
  } catch (error) {
    registry.putSandbox(sandbox)
    await removeInterface(parts, endpoint, record.netnsPath)
    throw error
  }
  announce(parts, { ...opened(parts, containerId), endpoints: [endpoint] }, true)
}

/** True when its outer end, or the macvlan itself, is there. */
function hasLink({ base }: NetworkParts, { endpoint, network }: Attachment, netnsPath: string): boolean {
  const { links, netns } = base.host
  if (network.driver === 'bridge') return links.find(endpoint.hostInterface) !== undefined
  return netns.inside(netnsPath, () => links.find(endpoint.interfaceName) !== undefined)
}

/**
 * After a crash: endpoints that were recorded before they had an interface, or had none any more, are let go. Returns those
 * of the sandbox that stay.
 */
export async function dropLostEndpoints(parts: NetworkParts, containerId: string): Promise<OpenSandbox> {
  const { base, registry, zone } = parts
  const sandbox = opened(parts, containerId)
  const { netnsPath, containerName } = sandbox.record
  const lost = registry.attachments(sandbox).filter((each) => hasInterface(each) && !hasLink(parts, each, netnsPath))
  if (lost.length === 0) return sandbox
  for (const { endpoint, network } of lost) {
    base.log('warn', 'an interface of a container is gone', { container: containerName, network: network.name })
    zone.remove(containerId, endpoint.networkId)
  }
  const gone = new Set(lost.map(({ endpoint }) => endpoint.endpointId))
  await settle(
    parts,
    sandbox,
    sandbox.endpoints.filter(({ endpointId }) => !gone.has(endpointId)),
  )
  return opened(parts, containerId)
}

/** Unplugs it. @throws NotFoundError when it is not on the network */
export async function disconnectSandbox(
  parts: NetworkParts,
  network: NetworkRecord,
  containerId: string,
): Promise<void> {
  const { base, zone } = parts
  const sandbox = opened(parts, containerId)
  const endpoint = sandbox.endpoints.find((each) => each.networkId === network.id)
  if (endpoint === undefined)
    throw new NotFoundError(`container ${containerId.slice(0, 12)} is not connected to network ${network.name}`)
  zone.remove(containerId, network.id)
  await removeInterface(parts, endpoint, sandbox.record.netnsPath)
  await settle(
    parts,
    sandbox,
    sandbox.endpoints.filter((each) => each !== endpoint),
  )
  publishEvent(base, 'disconnect', network, containerId)
}
