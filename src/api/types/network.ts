/** Networks and endpoints in the Docker Engine API (v1.51). Types only. */

export interface IpamPool {
  readonly Subnet?: string
  readonly IPRange?: string
  readonly Gateway?: string
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>
}

export interface Ipam {
  readonly Driver?: string
  readonly Options?: Readonly<Record<string, string>> | null
  readonly Config?: readonly IpamPool[] | null
}

/** A container's place on one network: in requests (the wish) and in inspect (what is). */
export interface EndpointSettings {
  readonly IPAMConfig?: {
    readonly IPv4Address?: string
    readonly IPv6Address?: string
    readonly LinkLocalIPs?: readonly string[]
  } | null
  readonly Links?: readonly string[] | null
  readonly Aliases?: readonly string[] | null
  readonly MacAddress?: string
  readonly DriverOpts?: Readonly<Record<string, string>> | null
  /** The highest becomes the default gateway. */
  readonly GwPriority?: number
  readonly NetworkID?: string
  readonly EndpointID?: string
  readonly Gateway?: string
  /** "172.18.0.2", empty while the container does not run. */
  readonly IPAddress?: string
  readonly IPPrefixLen?: number
  readonly IPv6Gateway?: string
  readonly GlobalIPv6Address?: string
  readonly GlobalIPv6PrefixLen?: number
  readonly DNSNames?: readonly string[] | null
}

export interface NetworkCreateRequest {
  readonly Name: string
  readonly Driver?: string
  readonly Scope?: string
  readonly EnableIPv4?: boolean
  readonly EnableIPv6?: boolean
  readonly IPAM?: Ipam | null
  readonly Internal?: boolean
  readonly Attachable?: boolean
  readonly Ingress?: boolean
  readonly Options?: Readonly<Record<string, string>> | null
  readonly Labels?: Readonly<Record<string, string>> | null
}

export interface NetworkInspect {
  readonly Name: string
  readonly Id: string
  readonly Created: string
  readonly Scope: 'local'
  readonly Driver: string
  readonly EnableIPv4: boolean
  readonly EnableIPv6: boolean
  readonly IPAM: Ipam
  readonly Internal: boolean
  readonly Attachable: boolean
  readonly Ingress: boolean
  readonly ConfigFrom: { readonly Network: string }
  readonly ConfigOnly: boolean
  /** By container id: running containers that have an endpoint here. */
  readonly Containers: Readonly<
    Record<
      string,
      {
        readonly Name: string
        readonly EndpointID: string
        readonly MacAddress: string
        /** With prefix: "172.18.0.2/16". */
        readonly IPv4Address: string
        readonly IPv6Address: string
      }
    >
  >
  readonly Options: Readonly<Record<string, string>>
  readonly Labels: Readonly<Record<string, string>>
}
