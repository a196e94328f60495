/** Networks, and a container's place in them: its sandbox. */
import type { EndpointSettings, NetworkCreateRequest, NetworkInspect } from '../../api/types/index.ts'
import type { Filters } from './filters.ts'

/** What one container wants of the networks; kept with the container. */
export interface SandboxRequest {
  readonly containerId: string
  /** Without "/". */
  readonly containerName: string
  readonly hostname: string
  /** Network name or id -> wish. Empty for none. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>
  /** HostConfig.PortBindings and Config.ExposedPorts. */
  readonly portBindings: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[]>>
  readonly publishAll: boolean
  readonly exposedPorts: readonly string[]
  /** User's own resolvers, asked from the container's namespace; empty: the host's. */
  readonly dns: readonly string[]
}

/** What it got. */
export interface Sandbox {
  /** File that holds the namespace: goes into the OCI spec. */
  readonly netnsPath: string
  /** By network name, filled in (addresses, gateway, mac, ids, DNSNames). */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>
  /** "80/tcp" -> what it is reached at on the host. */
  readonly ports: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>
  /** True when the embedded resolver at 127.0.0.11 serves it (all but network none). */
  readonly embeddedDns: boolean
  readonly ipv6: boolean
}

export interface NetworkService {
  list(filters: Filters): Promise<NetworkInspect[]>
  inspect(nameOrId: string): Promise<NetworkInspect>
  create(request: NetworkCreateRequest): Promise<{ readonly Id: string; readonly Warning: string }>
  /** 409 (403 in Docker) while endpoints exist. */
  remove(nameOrId: string): Promise<void>
  /** Checks names, addresses and ports without touching the kernel; used at container create. */
  validate(request: SandboxRequest): Promise<void>
  /** A namespace with an interface per endpoint, DNS, published ports. Undone whole when a part fails. */
  openSandbox(request: SandboxRequest): Promise<Sandbox>
  /** Idempotent: ports, addresses, links, resolver, namespace. */
  closeSandbox(containerId: string): Promise<void>
  /**
   * Until it is disposed of, a predefined bridge that nobody is on any more stays for those who come next: making and
   * removing one takes the kernel some 60 ms, which a build would pay at each step.
   */
  keepBridges(): AsyncDisposable
  /** The open sandbox, or undefined. */
  sandbox(containerId: string): Sandbox | undefined
  /** Of a container with an open sandbox; for all others see ContainerService.connectNetwork. */
  connect(network: string, containerId: string, endpoint: EndpointSettings): Promise<void>
  disconnect(network: string, containerId: string, force: boolean): Promise<void>
  /** New name after a container was renamed (the DNS zone and inspect follow). */
  renameContainer(containerId: string, name: string): Promise<void>
  /** Re-creates what the kernel lost, takes up what lives, removes what belongs to no container of `live`. */
  recover(live: readonly { readonly containerId: string; readonly pid: number }[]): Promise<void>
  /** Stops resolvers and releases sockets at engine stop; containers go on. */
  shutdown(): Promise<void>
}
