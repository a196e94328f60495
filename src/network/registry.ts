/**
 * What networks and open sandboxes there are: state.db's rows mirrored in memory, with the sockets that belong to them.
 * The one place that changes either; everything here is synchronous, so two requests never see half a change.
 */
import { createHash } from 'node:crypto'
import type { EngineBase } from '../engine/context.ts'
import { InvalidRequestError, NotFoundError } from '../errors.ts'
import {
  createNetworkStore,
  type EndpointRecord,
  type NetworkRecord,
  type PublishedBinding,
  type SandboxRecord,
} from '../state/networks.ts'
import { bare, type AddressUse, type Attachment } from './endpoints.ts'
import type { Family } from './address.ts'
import type { HeldPorts } from './ports.ts'
import type { DnsServer } from './dns/server.ts'

/** An open sandbox: its rows, and what this process holds for it. */
export interface OpenSandbox {
  readonly record: SandboxRecord
  readonly endpoints: readonly EndpointRecord[]
  readonly held: HeldPorts | undefined
  readonly server: DnsServer | undefined
  /** True once its rules are in force: only then do others find it by name. */
  readonly ready: boolean
}

export interface Registry {
  networks(): NetworkRecord[]
  /** By id, name or unique prefix of an id. @throws NotFoundError NETWORK_NOT_FOUND */
  network(reference: string): NetworkRecord
  networkById(id: string): NetworkRecord | undefined
  hasName(name: string): boolean
  putNetwork(record: NetworkRecord): void
  deleteNetwork(id: string): void
  sandboxes(): OpenSandbox[]
  sandbox(containerId: string): OpenSandbox | undefined
  /** Writes the rows and keeps the rest. */
  putSandbox(sandbox: OpenSandbox): void
  /** Keeps what this process holds for it; the rows stay as they are. */
  keepSandbox(sandbox: OpenSandbox): void
  /** Forgets it, keeping its addresses and ports in mind for its next start. */
  deleteSandbox(containerId: string): void
  /** The sandbox's endpoints with their networks, in order. */
  attachments(sandbox: Pick<OpenSandbox, 'endpoints'>): Attachment[]
  /** Addresses in use on a network, and those to prefer for a container. */
  addressUse(networkId: string, containerId: string): AddressUse
  formerPorts(containerId: string): readonly PublishedBinding[]
  bindings(): Generator<readonly [string, PublishedBinding]>
}

const FORMER_LIMIT = 4096

function predefined(base: EngineBase, name: string, driver: NetworkRecord['driver']): NetworkRecord {
  const id = createHash('sha256').update(`${base.config.paths.root}/${name}`).digest('hex')
  return {
    id,
    name,
    driver,
    created: base.host.clock.nowRfc3339(),
    predefined: true,
    ipv4: true,
    ipv6: false,
    internal: false,
    attachable: false,
    options: {},
    labels: {},
    ipamOptions: {},
    pools: [],
    bridge: driver === 'bridge' ? `${base.config.bridgePrefix}${id.slice(0, 8)}` : '',
  }
}

/** Reads state.db; the predefined networks are there from the first time on. */
export function createRegistry(base: EngineBase): Registry {
  const store = createNetworkStore(base.state)
  const networks = new Map(store.networks().map((record) => [record.id, record]))
  const sandboxes = new Map<string, OpenSandbox>()
  const former = new Map<string, { endpoints: readonly EndpointRecord[]; ports: readonly PublishedBinding[] }>()
  const lastGiven = new Map<string, Partial<Record<Family, string>>>()

  for (const [name, driver] of [
    ['bridge', 'bridge'],
    ['host', 'host'],
    ['none', 'null'],
  ] as const) {
    if ([...networks.values()].some((network) => network.name === name)) continue
    const record = predefined(base, name, driver)
    store.putNetwork(record)
    networks.set(record.id, record)
  }

  const endpointsOf = Map.groupBy(store.endpoints(), (endpoint) => endpoint.containerId)
  for (const record of store.sandboxes()) {
    const endpoints = (endpointsOf.get(record.containerId) ?? []).toSorted((a, b) => a.position - b.position)
    sandboxes.set(record.containerId, { record, endpoints, held: undefined, server: undefined, ready: false })
  }

  function remember({ endpoints }: OpenSandbox): void {
    for (const { networkId, ipv4, ipv6 } of endpoints) {
      const before = lastGiven.get(networkId)
      const four = bare(ipv4) ?? before?.[4]
      const six = bare(ipv6) ?? before?.[6]
      lastGiven.set(networkId, { ...(four === undefined ? {} : { 4: four }), ...(six === undefined ? {} : { 6: six }) })
    }
  }

  return {
    networks: () => [...networks.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    networkById: (id) => networks.get(id),
    hasName: (name) => [...networks.values()].some((network) => network.name === name),
    network(reference) {
      const all = [...networks.values()]
      const exact = networks.get(reference) ?? all.find((network) => network.name === reference)
      if (exact !== undefined) return exact
      const matching = /^[0-9a-f]{4,}$/.test(reference) ? all.filter(({ id }) => id.startsWith(reference)) : []
      if (matching.length > 1)
        throw new InvalidRequestError(
          `network ${reference} is ambiguous (${matching.length} matches found by id prefix)`,
        )
      const [found] = matching
      if (found === undefined)
        throw new NotFoundError(`network ${reference} not found`, {
          code: 'NETWORK_NOT_FOUND',
          hint: 'see which there are with: mycompose network ls',
        })
      return found
    },
    putNetwork(record) {
      store.putNetwork(record)
      networks.set(record.id, record)
    },
    deleteNetwork(id) {
      store.deleteNetwork(id)
      networks.delete(id)
      lastGiven.delete(id)
    },
    sandboxes: () => [...sandboxes.values()],
    sandbox: (containerId) => sandboxes.get(containerId),
    putSandbox(sandbox) {
      store.putSandbox(sandbox.record, sandbox.endpoints)
      sandboxes.set(sandbox.record.containerId, sandbox)
      remember(sandbox)
    },
    keepSandbox: (sandbox) => void sandboxes.set(sandbox.record.containerId, sandbox),
    deleteSandbox(containerId) {
      const sandbox = sandboxes.get(containerId)
      store.deleteSandbox(containerId)
      sandboxes.delete(containerId)
      if (sandbox === undefined) return
      former.delete(containerId)
      former.set(containerId, { endpoints: sandbox.endpoints, ports: sandbox.record.published })
      const [oldest] = former.keys()
      if (former.size > FORMER_LIMIT && oldest !== undefined) former.delete(oldest)
    },
    attachments: ({ endpoints }) =>
      endpoints.flatMap((endpoint) => {
        const network = networks.get(endpoint.networkId)
        return network === undefined ? [] : [{ endpoint, network }]
      }),
    addressUse(networkId, containerId) {
      const used = new Map<string, string>()
      for (const { record, endpoints } of sandboxes.values())
        for (const endpoint of endpoints) {
          if (endpoint.networkId !== networkId) continue
          for (const address of [endpoint.ipv4, endpoint.ipv6])
            if (address !== undefined) used.set(bare(address), record.containerName)
        }
      const before = former.get(containerId)?.endpoints.find((endpoint) => endpoint.networkId === networkId)
      const [four, six] = [bare(before?.ipv4), bare(before?.ipv6)]
      return {
        used,
        last: lastGiven.get(networkId) ?? {},
        former: { ...(four === undefined ? {} : { 4: four }), ...(six === undefined ? {} : { 6: six }) },
      }
    },
    formerPorts: (containerId) => former.get(containerId)?.ports ?? [],
    *bindings() {
      for (const { record } of sandboxes.values())
        for (const binding of record.published) yield [record.containerName, binding] as const
    },
  }
}
