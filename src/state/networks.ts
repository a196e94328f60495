/**
 * Networks, endpoints and sandboxes in state.db. A row is written before the kernel is asked for what it describes, so
 * that whatever a crash leaves behind is known by name.
 */
import type { EndpointSettings } from '../api/types/index.ts'
import type { StateDatabase } from './database.ts'

export interface NetworkPool {
  readonly subnet: string
  readonly gateway: string
  readonly range?: string
  readonly auxiliary: Readonly<Record<string, string>>
  readonly chosen: boolean
}

export interface NetworkRecord {
  readonly id: string
  readonly name: string
  /** "null" is the network none. */
  readonly driver: 'bridge' | 'macvlan' | 'host' | 'null'
  /** RFC 3339. */
  readonly created: string
  /** bridge, host, none: always there, never removed. */
  readonly predefined: boolean
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly internal: boolean
  readonly attachable: boolean
  readonly options: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly ipamOptions: Readonly<Record<string, string>>
  /** Empty for the predefined bridge until its first container. */
  readonly pools: readonly NetworkPool[]
  /** The interface of the host that its endpoints hang on: a bridge, a macvlan's parent; "" for drivers without. */
  readonly bridge: string
}

export interface EndpointRecord {
  readonly containerId: string
  readonly networkId: string
  readonly endpointId: string
  /** Place among the container's endpoints: 0 is made first. */
  readonly position: number
  /** Inside: "eth0". */
  readonly interfaceName: string
  /** Outside: "mv3fa1a2b3c4d". */
  readonly hostInterface: string
  readonly mac: string
  /** With prefix: "172.18.0.2/24". */
  readonly ipv4?: string
  readonly ipv6?: string
  /** The first answers PTR queries. As written; compared without regard to case. */
  readonly names: readonly string[]
  /** As asked for. */
  readonly settings: EndpointSettings
}

export interface PublishedBinding {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly hostIp: string
  readonly hostPort: number
  readonly containerPort: number
  /** Without prefix. */
  readonly containerIp: string
}

export interface SandboxRecord {
  readonly containerId: string
  readonly containerName: string
  readonly hostname: string
  readonly netnsPath: string
  /** Where the resolver listens at 127.0.0.11 inside. */
  readonly dnsPorts: { readonly udp: number; readonly tcp: number }
  readonly dns: readonly string[]
  readonly portBindings: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[]>>
  readonly publishAll: boolean
  readonly exposedPorts: readonly string[]
  readonly published: readonly PublishedBinding[]
}

export interface NetworkStore {
  networks(): NetworkRecord[]
  putNetwork(record: NetworkRecord): void
  deleteNetwork(id: string): void
  endpoints(): EndpointRecord[]
  sandboxes(): SandboxRecord[]
  /** Replaces the sandbox and all of its endpoints in one transaction. */
  putSandbox(sandbox: SandboxRecord, endpoints: readonly EndpointRecord[]): void
  deleteSandbox(containerId: string): void
}

export function createNetworkStore(database: StateDatabase): NetworkStore {
  const docs = <T>(sql: string): T[] =>
    database
      .prepare(sql)
      .all()
      .map((row) => JSON.parse(String(row['doc'])) as T)

  function deleteSandbox(containerId: string): void {
    database.prepare('DELETE FROM endpoints WHERE container_id = ?').run(containerId)
    database.prepare('DELETE FROM sandboxes WHERE container_id = ?').run(containerId)
  }

  return {
    networks: () => docs<NetworkRecord>('SELECT doc FROM networks ORDER BY name'),
    putNetwork(record) {
      database
        .prepare('INSERT OR REPLACE INTO networks (id, name, doc) VALUES (?, ?, ?)')
        .run(record.id, record.name, JSON.stringify(record))
    },
    deleteNetwork(id) {
      database.prepare('DELETE FROM networks WHERE id = ?').run(id)
    },
    endpoints: () => docs<EndpointRecord>('SELECT doc FROM endpoints'),
    sandboxes: () => docs<SandboxRecord>('SELECT doc FROM sandboxes'),
    putSandbox(sandbox, endpoints) {
      database.transaction(() => {
        deleteSandbox(sandbox.containerId)
        database
          .prepare('INSERT INTO sandboxes (container_id, doc) VALUES (?, ?)')
          .run(sandbox.containerId, JSON.stringify(sandbox))
        for (const endpoint of endpoints)
          database
            .prepare('INSERT INTO endpoints (container_id, network_id, doc) VALUES (?, ?, ?)')
            .run(endpoint.containerId, endpoint.networkId, JSON.stringify(endpoint))
      })
    },
    deleteSandbox: (containerId) => database.transaction(() => deleteSandbox(containerId)),
  }
}
