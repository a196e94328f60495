/**
 * Ports, names and networks of services, and the top-level networks. Source: the Compose Specification. Types only.
 */
import type { Extensions } from './model.ts'

export interface Port {
  /** Container port. */
  readonly target: number
  /** "8080", or "8000-8010" for the first free one; absent: a random host port. */
  readonly published?: string
  /** Absent: all addresses. IPv6 without brackets. */
  readonly hostIp?: string
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly mode: 'ingress' | 'host'
  readonly name?: string
  readonly appProtocol?: string
  readonly extensions?: Extensions
}

export interface ServiceNetwork {
  readonly aliases?: readonly string[]
  readonly interfaceName?: string
  readonly ipv4Address?: string
  readonly ipv6Address?: string
  readonly linkLocalIps?: readonly string[]
  readonly macAddress?: string
  readonly driverOpts?: Readonly<Record<string, string>>
  /** Highest one gives the default gateway. */
  readonly gwPriority?: number
  /** Order of connecting, highest first. */
  readonly priority?: number
  readonly extensions?: Extensions
}

export interface ExtraHost {
  readonly host: string
  /** Without brackets, or "host-gateway". */
  readonly ip: string
}

export interface Link {
  readonly service: string
  readonly alias: string
}

export interface Network {
  /** The real name: `name`, else the key if external, else <project>_<key>. */
  readonly name: string
  readonly external: boolean
  readonly driver?: string
  readonly driverOpts?: Readonly<Record<string, string>>
  readonly enableIpv4?: boolean
  readonly enableIpv6?: boolean
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly ipam?: Ipam
  readonly extensions?: Extensions
}

export interface Ipam {
  readonly driver?: string
  readonly options?: Readonly<Record<string, string>>
  readonly config?: readonly IpamPool[]
  readonly extensions?: Extensions
}

export interface IpamPool {
  /** CIDR. */
  readonly subnet?: string
  readonly ipRange?: string
  readonly gateway?: string
  readonly auxAddresses?: Readonly<Record<string, string>>
  readonly extensions?: Extensions
}
