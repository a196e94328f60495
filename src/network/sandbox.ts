/**
 * One container's place in the network, from nothing to reachable: plan -> hold ports -> rows in state.db -> namespace,
 * interfaces, resolver -> firewall -> known by name. Whatever fails, all of it is undone. The steps between the awaits
 * are synchronous system calls, 2 to 3 ms in all; no process is started.
 */
import { join } from 'node:path'
import type { EndpointSettings } from '../api/types/index.ts'
import type { EngineBase } from '../engine/context.ts'
import type { Sandbox, SandboxRequest } from '../engine/services/index.ts'
import { InvalidRequestError } from '../errors.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../state/networks.ts'
import { parsePortWishes, toPortMap } from './bindings.ts'
import { ensureLink } from './macvlan.ts'
import { chooseDnsPorts, openDnsSockets, type DnsSockets } from './dns/embedded.ts'
import { checkEndpoint, endpointNames, planEndpoint, toSettings, type Attachment } from './endpoints.ts'
import { announce, hasInterface, publishEvent, type NetworkParts } from './parts.ts'
import type { OpenSandbox, Registry } from './registry.ts'
import { reservePorts } from './sandbox-ports.ts'
import { startResolver } from './sandbox-dns.ts'
import { addDefaultRoutes, configureInterface, createPair } from './veth.ts'

/** Networks of the request, in order. @throws NotFoundError, InvalidRequestError */
function resolveNetworks(
  registry: Registry,
  request: SandboxRequest,
): { readonly network: NetworkRecord; readonly settings: EndpointSettings }[] {
  const wishes = Object.entries(request.endpoints).map(([reference, settings]) => ({
    network: registry.network(reference),
    settings,
  }))
  for (const { network } of wishes) {
    if (network.driver === 'host')
      throw new InvalidRequestError('cannot attach a namespace of its own to the network "host"')
    if (wishes.filter((other) => other.network.id === network.id).length > 1)
      throw new InvalidRequestError(`network "${network.name}" is named twice for container "${request.containerName}"`)
  }
  return wishes
}

/** Checks names, addresses and ports without touching anything. */
export function validateSandbox({ registry }: NetworkParts, request: SandboxRequest): void {
  for (const { network, settings } of resolveNetworks(registry, request)) checkEndpoint(network, settings)
  parsePortWishes(request)
}

function planEndpoints(parts: NetworkParts, request: SandboxRequest): EndpointRecord[] {
  const { base, registry } = parts
  const planned: EndpointRecord[] = []
  const container = { id: request.containerId, name: request.containerName, hostname: request.hostname }
  for (const { network, settings } of resolveNetworks(registry, request))
    planned.push(
      planEndpoint({
        containerId: request.containerId,
        names: endpointNames(container, settings.Aliases ?? []),
        network: parts.withPools(network),
        settings,
        position: planned.length,
        takenInterfaces: planned.map((endpoint) => endpoint.interfaceName),
        use: registry.addressUse(network.id, request.containerId),
        endpointId: base.host.randomHex(32),
        vethPrefix: base.config.vethPrefix,
      }),
    )
  return planned
}

/** Inside and outside: the namespace, its interfaces and the resolver's sockets. */
function makeNamespace({ base }: NetworkParts, record: SandboxRecord, bridged: readonly Attachment[]) {
  const { netns, links } = base.host
  for (const { network } of bridged) ensureLink(base, network)
  netns.create(record.netnsPath)
  for (const attachment of bridged) createPair(base, attachment, record.netnsPath)
  return netns.inside(record.netnsPath, (): DnsSockets | undefined => {
    links.setUp('lo')
    if (bridged.length === 0) return undefined
    for (const attachment of bridged) configureInterface(base, attachment)
    addDefaultRoutes(base, bridged)
    return openDnsSockets(base, record.dnsPorts, true)
  })
}

export async function openSandbox(parts: NetworkParts, request: SandboxRequest): Promise<Sandbox> {
  const { base, registry, firewall } = parts
  if (registry.sandbox(request.containerId) !== undefined) await closeSandbox(parts, request.containerId)
  await base.host.files.mkdir(base.config.paths.netns, { recursive: true, mode: 0o711 })
  const endpoints = planEndpoints(parts, request)
  const attachments = registry.attachments({ endpoints })
  const wanted: SandboxRecord = {
    containerId: request.containerId,
    containerName: request.containerName,
    hostname: request.hostname,
    netnsPath: join(base.config.paths.netns, request.containerId),
    dnsPorts: chooseDnsPorts(base),
    dns: request.dns,
    portBindings: request.portBindings,
    publishAll: request.publishAll,
    exposedPorts: request.exposedPorts,
    published: [],
  }
  const held = reservePorts(parts, wanted, attachments)
  const record = { ...wanted, published: held.published }
  let sandbox: OpenSandbox = { record, endpoints, held, server: undefined, ready: false }
  registry.putSandbox(sandbox)
  try {
    const sockets = makeNamespace(parts, record, attachments.filter(hasInterface))
    const server = sockets === undefined ? undefined : startResolver(parts, record, sockets)
    sandbox = { ...sandbox, server }
    registry.keepSandbox(sandbox)
    await firewall.flush()
    forgetUdpFlows(base, held.published)
    held.activate()
  } catch (error) {
    await closeSandbox(parts, request.containerId)
    throw error
  }
  sandbox = { ...sandbox, ready: true }
  registry.keepSandbox(sandbox)
  announce(parts, sandbox, true)
  return describeSandbox(parts, sandbox)
}

/** A client that sent datagrams before the port led anywhere would keep being sent nowhere: the kernel remembers flows. */
function forgetUdpFlows(base: EngineBase, published: OpenSandbox['record']['published']): void {
  const ports = new Set(published.filter(({ protocol }) => protocol === 'udp').map(({ hostPort }) => hostPort))
  if (ports.size === 0) return
  try {
    base.host.links.forgetUdpFlows(ports)
  } catch (error) {
    base.log('warn', 'cannot clear the connection tracking of published UDP ports', { error: String(error) })
  }
}

export function describeSandbox({ registry }: NetworkParts, sandbox: OpenSandbox): Sandbox {
  const attachments = registry.attachments(sandbox)
  return {
    netnsPath: sandbox.record.netnsPath,
    endpoints: Object.fromEntries(attachments.map((each) => [each.network.name, toSettings(each)])),
    ports: toPortMap(sandbox.record.published, sandbox.record.exposedPorts),
    embeddedDns: attachments.some(hasInterface),
    ipv6: attachments.some(({ endpoint }) => endpoint.ipv6 !== undefined),
  }
}

/** Idempotent. Goes on after a failure and throws one AggregateError in the end. */
export async function closeSandbox(parts: NetworkParts, containerId: string): Promise<void> {
  const { base, registry, firewall, zone } = parts
  const sandbox = registry.sandbox(containerId)
  const failures: unknown[] = []
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      failures.push(error)
    }
  }
  const attachments = sandbox === undefined ? [] : registry.attachments(sandbox)
  for (const { network } of attachments) zone.remove(containerId, network.id)
  await attempt(() => sandbox?.server?.close())
  registry.deleteSandbox(containerId)
  // the veth pairs go with the namespace: the kernel deletes them by and by, which here would take 30 ms each
  await attempt(() => base.host.netns.remove(join(base.config.paths.netns, containerId)))
  if (sandbox !== undefined && sandbox.record.published.length > 0) await attempt(() => firewall.flush())
  await attempt(() => sandbox?.held?.release())
  if (sandbox !== undefined) forgetUdpFlows(base, sandbox.record.published)
  if (sandbox?.ready === true)
    for (const { network } of attachments) publishEvent(base, 'disconnect', network, containerId)
  if (failures.length > 0) throw new AggregateError(failures, `cannot close the network of container ${containerId}`)
}
