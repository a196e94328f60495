/**
 * Links, addresses and routes by rtnetlink, in-process. A socket works in the namespace it was opened in, so each
 * call opens its own in the present one (see Netns.inside). Source: man 7 rtnetlink, include/uapi/linux/if_link.h.
 */
import { closeSync, openSync } from 'node:fs'
import { KernelError, errnoOf } from '../errors.ts'
import type { Libc } from './libc.ts'
import { NLM_F_CREATE, NLM_F_EXCL, decodeAttributes } from './netlink.ts'
import * as conntrack from './netlink-conntrack.ts'
import * as route from './netlink-route.ts'
import { NETLINK_NETFILTER, NETLINK_ROUTE, createNetlink, type NetlinkRequest } from './netlink-socket.ts'

export interface LinkInfo {
  readonly index: number
  readonly name: string
  readonly mac: string
  readonly up: boolean
  readonly mtu: number
  readonly kind: string | undefined
  readonly masterIndex: number | undefined
  /** Free text kept by the kernel; ours names the engine that made the link. */
  readonly alias: string | undefined
}

export interface RouteInfo {
  /** "10.0.0.0/8", "0.0.0.0/0", "fd00::/64". */
  readonly destination: string
  readonly device: string | undefined
  readonly gateway: string | undefined
  readonly metric: number | undefined
}

export interface Links {
  list(): LinkInfo[]
  /** Undefined when there is no such link. */
  find(name: string): LinkInfo | undefined
  /** Comes up at once. */
  createBridge(name: string, options: { readonly mac?: string; readonly mtu?: number; readonly alias?: string }): void
  /** A pair; `peer` ends (down) in the namespace of the file `peerNetns`, the near end is up. */
  createVeth(options: {
    readonly name: string
    readonly peer: string
    readonly peerNetns: string
    readonly mtu?: number
    readonly peerMac?: string
    readonly master?: string
    readonly alias?: string
    /** As a port of `master`: no traffic to other isolated ports; frames may leave where they came in. */
    readonly port?: { readonly isolated: boolean; readonly hairpin: boolean }
  }): void
  /** A link to nowhere; comes up at once. */
  createDummy(name: string, options: { readonly alias: string }): void
  /** VLAN `id` of the link `parent`; comes up at once. */
  createVlan(name: string, options: { readonly parent: string; readonly id: number; readonly alias: string }): void
  /** Another MAC on the link `parent`; ends (down) in the namespace of the file `netns`. `mode`: MACVLAN_MODE_*. */
  createMacvlan(options: {
    readonly name: string
    readonly netns: string
    readonly parent: string
    readonly mode: number
    readonly mac: string
    readonly mtu?: number
  }): void
  /** True when it was there. */
  remove(name: string): boolean
  /** As remove, on a worker thread: the kernel takes 20 to 50 ms to let go of a link. */
  removeAsync(name: string): Promise<boolean>
  setUp(name: string): void
  /** Makes it a port of the bridge. */
  setMaster(name: string, master: string): void
  rename(name: string, newName: string): void
  /** `address` with prefix: "172.18.0.1/16". */
  addAddress(name: string, address: string): void
  /** What a fresh interface needs, in one exchange: addresses, then up. */
  configure(name: string, addresses: readonly string[]): void
  addresses(): { readonly device: string; readonly address: string }[]
  /** `destination` undefined: the default route. */
  addRoute(route: { readonly destination?: string; readonly gateway?: string; readonly device: string }): void
  /** Of both families; nothing happens when there is none. */
  removeDefaultRoute(): void
  /** All routes of the main table. */
  routes(): RouteInfo[]
  /** Makes connection tracking forget the UDP flows to these ports, so that new rules hold for their next datagram. */
  forgetUdpFlows(ports: ReadonlySet<number>): void
  /** A number that changes with every nftables transaction, whoever makes it. Costs some 20 µs. */
  rulesetGeneration(): number
}

const NEW = NLM_F_CREATE | NLM_F_EXCL
// include/uapi/linux/netfilter/nf_tables.h, in the subsystem NFNL_SUBSYS_NFTABLES
const NFT_MSG_GETGEN = (10 << 8) | 16
const NFTA_GEN_ID = 1

export function createLinks(libc: Libc): Links {
  const netlink = createNetlink(libc)
  const nameToIndex = libc.func('uint32_t if_nametoindex(const char *name)')

  const send = (...requests: NetlinkRequest[]): void => {
    netlink.use(NETLINK_ROUTE, (socket) => socket.request(requests))
  }

  function indexOf(name: string, action: string): number {
    const index = Number(nameToIndex(name))
    if (index === 0) throw new KernelError(`${action}: no link "${name}"`, { errno: 'ENODEV' })
    return index
  }

  function list(): LinkInfo[] {
    const request = { type: route.RTM_GETLINK, body: route.dumpBody(), action: 'cannot list the links' }
    return netlink.use(NETLINK_ROUTE, (socket) => socket.dump(request)).map(route.decodeLink)
  }

  function find(name: string): LinkInfo | undefined {
    const request = { type: route.RTM_GETLINK, body: route.linkBody(0, { name }), action: `cannot look up "${name}"` }
    try {
      const [answer] = netlink.use(NETLINK_ROUTE, (socket) => socket.request([request]))
      return answer === undefined ? undefined : route.decodeLink(answer)
    } catch (error) {
      if (errnoOf(error) === 'ENODEV') return undefined
      throw error
    }
  }

  const addressRequest = (name: string, index: number, address: string): NetlinkRequest => ({
    type: route.RTM_NEWADDR,
    flags: NEW,
    body: route.addressBody(index, address),
    action: `cannot give "${name}" the address ${address}`,
  })

  const upRequest = (name: string, index: number): NetlinkRequest => ({
    type: route.RTM_NEWLINK,
    body: route.linkBody(index, { up: true }),
    action: `cannot bring up "${name}"`,
  })

  return {
    list,
    find,
    createBridge(name, { alias, ...options }) {
      send(
        {
          type: route.RTM_NEWLINK,
          flags: NEW,
          body: route.bridgeBody({ name, ...options }),
          action: `cannot create the bridge "${name}"`,
        },
        ...aliasRequests(name, alias),
      )
    },
    createVeth({ name, peer, peerNetns, mtu, peerMac, master, alias, port }) {
      const action = `cannot create the veth pair "${name}"`
      const masterIndex = master === undefined ? undefined : indexOf(master, `cannot attach "${name}" to "${master}"`)
      const netnsFd = openSync(peerNetns, 'r')
      try {
        send(
          {
            type: route.RTM_NEWLINK,
            flags: NEW,
            body: route.vethBody({ name, mtu, master: masterIndex }, { name: peer, mac: peerMac, mtu, netnsFd }),
            action,
          },
          ...aliasRequests(name, alias),
          ...(port === undefined || (!port.isolated && !port.hairpin) ? [] : [portRequest(name, port)]),
        )
      } finally {
        closeSync(netnsFd)
      }
    },
    createDummy(name, { alias }) {
      const action = `cannot create the dummy link "${name}"`
      send({ type: route.RTM_NEWLINK, flags: NEW, body: route.dummyBody(name), action }, ...aliasRequests(name, alias))
    },
    createVlan(name, { parent, id, alias }) {
      const action = `cannot create the VLAN "${name}" of "${parent}"`
      const body = route.vlanBody(name, indexOf(parent, action), id)
      send({ type: route.RTM_NEWLINK, flags: NEW, body, action }, ...aliasRequests(name, alias))
    },
    createMacvlan({ name, netns, parent, mode, mac, mtu }) {
      const action = `cannot create a macvlan link on "${parent}"`
      const parentIndex = indexOf(parent, action)
      const netnsFd = openSync(netns, 'r')
      try {
        const body = route.macvlanBody({ name, mac, mtu }, parentIndex, mode, netnsFd)
        send({ type: route.RTM_NEWLINK, flags: NEW, body, action })
      } finally {
        closeSync(netnsFd)
      }
    },
    remove(name) {
      try {
        send(removeRequest(name))
        return true
      } catch (error) {
        return absent(error)
      }
    },
    async removeAsync(name) {
      try {
        await netlink.requestAsync(NETLINK_ROUTE, [removeRequest(name)])
        return true
      } catch (error) {
        return absent(error)
      }
    },
    setUp: (name) => send(upRequest(name, indexOf(name, `cannot bring up "${name}"`))),
    setMaster(name, master) {
      const action = `cannot attach "${name}" to "${master}"`
      const body = route.linkBody(indexOf(name, action), { master: indexOf(master, action) })
      send({ type: route.RTM_SETLINK, body, action })
    },
    rename(name, newName) {
      const action = `cannot rename the link "${name}" to "${newName}"`
      send({ type: route.RTM_SETLINK, body: route.linkBody(indexOf(name, action), { name: newName }), action })
    },
    addAddress: (name, address) =>
      send(addressRequest(name, indexOf(name, `cannot give "${name}" the address ${address}`), address)),
    configure(name, addresses) {
      const index = indexOf(name, `cannot configure "${name}"`)
      send(...addresses.map((address) => addressRequest(name, index, address)), upRequest(name, index))
    },
    addresses() {
      const names = new Map(list().map((link) => [link.index, link.name]))
      const request = { type: route.RTM_GETADDR, body: route.dumpBody(), action: 'cannot list the addresses' }
      return netlink
        .use(NETLINK_ROUTE, (socket) => socket.dump(request))
        .map(route.decodeAddress)
        .filter((entry) => entry !== undefined)
        .map(({ index, address }) => ({ device: names.get(index) ?? '', address }))
    },
    addRoute({ destination, gateway, device }) {
      const action = `cannot add the route to ${destination ?? 'default'} by "${device}"`
      const body = route.routeBody({ destination, gateway, index: indexOf(device, action) })
      send({ type: route.RTM_NEWROUTE, flags: NEW, body, action })
    },
    removeDefaultRoute() {
      for (const family of [route.AF_INET, route.AF_INET6]) {
        const action = 'cannot delete the default route'
        try {
          send({ type: route.RTM_DELROUTE, body: route.deleteDefaultRouteBody(family), action })
        } catch (error) {
          if (errnoOf(error) !== 'ESRCH' && errnoOf(error) !== 'ENOENT') throw error
        }
      }
    },
    forgetUdpFlows(ports) {
      const action = 'cannot clear the connection tracking'
      netlink.use(NETLINK_NETFILTER, (socket) => {
        for (const family of [route.AF_INET, route.AF_INET6]) {
          const flows = socket.dump({ type: conntrack.CT_GET, body: conntrack.conntrackBody(family), action })
          for (const flow of flows) {
            const tuple = conntrack.udpTuple(flow, ports)
            if (tuple === undefined) continue
            try {
              const body = conntrack.conntrackBody(family, tuple)
              socket.request([{ type: conntrack.CT_DELETE, body, action }])
            } catch (error) {
              if (errnoOf(error) !== 'ENOENT') throw error // it has just expired
            }
          }
        }
      })
    },
    rulesetGeneration() {
      const request = { type: NFT_MSG_GETGEN, body: Buffer.alloc(4), action: 'cannot read the generation of the rules' }
      const [answer] = netlink.use(NETLINK_NETFILTER, (socket) => socket.request([request]))
      const attributes = decodeAttributes(answer?.body.subarray(4) ?? Buffer.alloc(0))
      return attributes.get(NFTA_GEN_ID)?.readUInt32BE(0) ?? 0
    },
    routes() {
      const names = new Map(list().map((link) => [link.index, link.name]))
      const request = { type: route.RTM_GETROUTE, body: route.dumpBody(), action: 'cannot list the routes' }
      return netlink
        .use(NETLINK_ROUTE, (socket) => socket.dump(request))
        .map((message) => route.decodeRoute(message, (index) => names.get(index)))
        .filter((entry) => entry !== undefined)
    },
  }
}

function removeRequest(name: string): NetlinkRequest {
  return { type: route.RTM_DELLINK, body: route.linkBody(0, { name }), action: `cannot delete the link "${name}"` }
}

/** False for "no such link"; anything else is thrown on. */
function absent(error: unknown): false {
  if (errnoOf(error) === 'ENODEV') return false
  throw error
}

// the kernel takes an alias only for a link that exists
function aliasRequests(name: string, alias: string | undefined): NetlinkRequest[] {
  if (alias === undefined) return []
  const body = route.linkBody(0, { name, alias })
  return [{ type: route.RTM_SETLINK, body, action: `cannot label the link "${name}"` }]
}

function portRequest(name: string, port: { isolated: boolean; hairpin: boolean }): NetlinkRequest {
  return {
    type: route.RTM_NEWLINK,
    body: route.bridgePortBody(name, port),
    action: `cannot set the bridge port "${name}"`,
  }
}
