/**
 * Links, addresses and routes by rtnetlink, in-process. A socket works in the namespace it was opened in, so each
 * call opens its own in the present one (see Netns.inside). Source: man 7 rtnetlink, include/uapi/linux/if_link.h.
 */

export interface LinkInfo {
  readonly index: number
  readonly name: string
  readonly mac: string
  readonly up: boolean
  readonly mtu: number
  readonly kind: string | undefined
  readonly masterIndex: number | undefined
}

export interface RouteInfo {
  /** "10.0.0.0/8", "0.0.0.0/0", "fd00::/64". */
  readonly destination: string
  readonly device: string | undefined
  readonly gateway: string | undefined
}

export interface Links {
  list(): LinkInfo[]
  createBridge(name: string, options: { readonly mac?: string; readonly mtu?: number }): void
  /** A pair; `peer` ends in the namespace of the file `peerNetns`. */
  createVeth(options: {
    readonly name: string
    readonly peer: string
    readonly peerNetns: string
    readonly mtu?: number
    readonly peerMac?: string
    readonly master?: string
  }): void
  /** True when it was there. */
  remove(name: string): boolean
  setUp(name: string): void
  rename(name: string, newName: string): void
  /** `address` with prefix: "172.18.0.1/16". */
  addAddress(name: string, address: string): void
  addresses(): { readonly device: string; readonly address: string }[]
  /** `destination` undefined: the default route. */
  addRoute(route: { readonly destination?: string; readonly gateway?: string; readonly device: string }): void
  removeDefaultRoute(): void
  /** All routes of the main table. */
  routes(): RouteInfo[]
}
