/**
 * One container's place in the network, from nothing to reachable: plan -> hold ports -> rows in state.db -> namespace,
 * interfaces, resolver -> firewall -> known by name. Whatever fails, all of it is undone. The steps between the awaits
 * are synchronous system calls, 2 to 3 ms in all; no process is started.
 */
import { join } from 'node:path'
import type { EngineBase } from '../engine/context.ts'
import type { Sandbox, SandboxRequest } from '../engine/services.ts'
import { ConflictError, InvalidRequestError, NotFoundError } from '../errors.ts'
import type { EndpointSettings } from '../api/types/index.ts'
import type { EndpointRecord, NetworkRecord, SandboxRecord } from '../state/networks.ts'
import { parsePortWishes, toPortMap } from './bindings.ts'
import { ensureBridge } from './bridge.ts'
import {
  bare,
  checkEndpoint,
  electGateway,
  endpointNames,
  planEndpoint,
  toSettings,
  type Attachment,
} from './endpoints.ts'
import { chooseDnsPorts, isPortTaken, openDnsSockets, serveEmbedded, type DnsSockets } from './dns/embedded.ts'
import type { Forwarder } from './dns/forward.ts'
import type { DnsServer } from './dns/server.ts'
import type { Asker, Zone } from './dns/zone.ts'
import type { Firewall } from './firewall.ts'
import { parseBridgeOptions } from './options.ts'
import type { HeldPorts, PortTargets, Ports } from './ports.ts'
import type { OpenSandbox, Registry } from './registry.ts'
import { addDefaultRoutes, configureInterface, createPair } from './veth.ts'

/** What the parts of the network service share. */
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

const isBridged = ({ network }: Attachment): boolean => network.driver === 'bridge'

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

/** Published ports lead to the endpoint that leads outwards. */
function portTargets(attachments: readonly Attachment[]): PortTargets {
  const four = electGateway(attachments, 4)
  const six = electGateway(attachments, 6)
  return {
    ipv4: bare(four?.endpoint.ipv4),
    ipv6: bare(six?.endpoint.ipv6),
    defaultHostIp: four === undefined ? '0.0.0.0' : parseBridgeOptions(four.network.options).hostBindingIpv4,
  }
}

function reservePorts({ registry, ports }: NetworkParts, record: SandboxRecord, attachments: readonly Attachment[]) {
  const wishes = parsePortWishes(record)
  const former = registry.formerPorts(record.containerId)
  return ports.reserve(wishes, portTargets(attachments), () => registry.bindings(), former)
}

/** Inside and outside: the namespace, its interfaces and the resolver's sockets. */
function makeNamespace({ base }: NetworkParts, record: SandboxRecord, bridged: readonly Attachment[]) {
  const { netns, links } = base.host
  for (const { network } of bridged) ensureBridge(base, network)
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
      const hasWayOut = attachments.some(({ network }) => network.driver === 'bridge' && !network.internal)
      return hasWayOut ? parts.hostServers() : undefined
    },
  })
}

/** Makes the container known by name, and tells. */
export function announce({ base, registry, zone }: NetworkParts, sandbox: OpenSandbox, told: boolean): void {
  for (const { endpoint, network } of registry.attachments(sandbox)) {
    if (network.driver === 'bridge')
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
    const sockets = makeNamespace(parts, record, attachments.filter(isBridged))
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
    embeddedDns: attachments.some(isBridged),
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

/** The open one. @throws NotFoundError */
function opened({ registry }: NetworkParts, containerId: string): OpenSandbox {
  const sandbox = registry.sandbox(containerId)
  if (sandbox?.ready === true) return sandbox
  throw new NotFoundError(`container ${containerId.slice(0, 12)} has no open network namespace`)
}

/** After its endpoints changed: default routes, published ports, firewall. */
async function settle(parts: NetworkParts, before: OpenSandbox, endpoints: readonly EndpointRecord[]): Promise<void> {
  const { base, registry, firewall } = parts
  const attachments = registry.attachments({ endpoints })
  base.host.netns.inside(before.record.netnsPath, () => {
    base.host.links.removeDefaultRoute()
    addDefaultRoutes(base, attachments.filter(isBridged))
  })
  const { ipv4, ipv6 } = portTargets(attachments)
  const targets = (binding: (typeof before.record.published)[number]): string | undefined =>
    binding.containerIp.includes(':') ? ipv6 : ipv4
  const kept = before.record.published.flatMap((binding) => {
    const containerIp = targets(binding)
    return containerIp === undefined ? [] : [{ ...binding, containerIp }]
  })
  let held: HeldPorts | undefined = before.held
  let published: SandboxRecord['published'] = kept
  if (kept.length === 0) {
    held?.release()
    held = reservePorts(parts, before.record, attachments)
    published = held.published
  }
  registry.putSandbox({ ...before, record: { ...before.record, published }, endpoints, held })
  await firewall.flush()
  if (before.held !== held) held?.activate()
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
  if (network.driver !== 'bridge' || registry.attachments(sandbox).some((each) => !isBridged(each)))
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
    ensureBridge(base, attachment.network)
    createPair(base, attachment, record.netnsPath)
    base.host.netns.inside(record.netnsPath, () => configureInterface(base, attachment))
    await settle(parts, sandbox, [...endpoints, endpoint])
  } catch (error) {
    registry.putSandbox(sandbox)
    await base.host.links.removeAsync(endpoint.hostInterface)
    throw error
  }
  announce(parts, { ...opened(parts, containerId), endpoints: [endpoint] }, true)
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
  await base.host.links.removeAsync(endpoint.hostInterface)
  await settle(
    parts,
    sandbox,
    sandbox.endpoints.filter((each) => each !== endpoint),
  )
  publishEvent(base, 'disconnect', network, containerId)
}

/** After an engine restart: the container runs on, this process takes up what the last one held for it. */
export function adoptSandbox(parts: NetworkParts, sandbox: OpenSandbox, pid: number): OpenSandbox {
  const { base, registry, ports } = parts
  const { record } = sandbox
  const { netns, links } = base.host
  if (netns.inode(record.netnsPath) === undefined) netns.bind(`/proc/${pid}/ns/net`, record.netnsPath)
  const bridged = registry.attachments(sandbox).filter(isBridged)
  for (const { endpoint, network } of bridged) {
    ensureBridge(base, network)
    if (links.find(endpoint.hostInterface)?.masterIndex === undefined)
      links.setMaster(endpoint.hostInterface, network.bridge)
  }
  let server: DnsServer | undefined
  if (bridged.length > 0) {
    const reopened = reopenResolver(parts, record)
    server = startResolver(parts, reopened.record, reopened.sockets)
    if (reopened.record !== record) registry.putSandbox({ ...sandbox, record: reopened.record })
    sandbox = { ...sandbox, record: reopened.record }
  }
  const held = ports.reclaim(record.published, record.containerName)
  const adopted = { ...sandbox, held, server, ready: true }
  registry.keepSandbox(adopted)
  announce(parts, adopted, false)
  return adopted
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
