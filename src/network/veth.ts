/**
 * The interfaces of one container: a veth pair per endpoint, addresses, routes. All synchronous system calls; the far
 * ends are set up inside the container's namespace. Source: man 4 veth, man 7 rtnetlink.
 */
import type { EngineBase } from '../engine/context.ts'
import { linkAlias, setSysctl } from './bridge.ts'
import { electGateway, gatewayOf, type Attachment } from './endpoints.ts'
import { parseBridgeOptions } from './options.ts'

/** With br_netfilter a container's connection to its own published port leaves by the bridge port it came in. */
function needsHairpin(base: EngineBase): boolean {
  return base.host.files.readTextSync('/proc/sys/net/bridge/bridge-nf-call-iptables')?.trim() === '1'
}

/** Makes the pair; the far end waits, down and without address. */
export function createPair(base: EngineBase, { endpoint, network }: Attachment, netnsPath: string): void {
  const { mtu, icc } = parseBridgeOptions(network.options)
  base.host.links.createVeth({
    name: endpoint.hostInterface,
    peer: endpoint.interfaceName,
    peerNetns: netnsPath,
    peerMac: endpoint.mac,
    master: network.bridge,
    alias: linkAlias(base),
    port: { isolated: !icc, hairpin: needsHairpin(base) },
    ...(mtu === undefined ? {} : { mtu }),
  })
}

/** Inside the namespace: address and up. */
export function configureInterface(base: EngineBase, { endpoint }: Attachment): void {
  const { interfaceName, ipv4, ipv6 } = endpoint
  // before it comes up: no link-local address and no routers on a network that is IPv4 only (CVE-2024-32473)
  setSysctl(base, `ipv6/conf/${interfaceName}/disable_ipv6`, ipv6 === undefined ? '1' : '0')
  if (ipv6 !== undefined) {
    setSysctl(base, `ipv6/conf/${interfaceName}/accept_ra`, '0')
    setSysctl(base, `ipv6/conf/${interfaceName}/accept_dad`, '0')
  }
  base.host.links.configure(
    interfaceName,
    [ipv4, ipv6].filter((address) => address !== undefined),
  )
}

/** Inside the namespace: the default routes, one per family, by the endpoints that lead outwards. */
export function addDefaultRoutes(base: EngineBase, attachments: readonly Attachment[]): void {
  for (const family of [4, 6] as const) {
    const elected = electGateway(attachments, family)
    if (elected === undefined) continue
    const gateway = gatewayOf(elected.network, family)
    if (gateway !== undefined) base.host.links.addRoute({ gateway, device: elected.endpoint.interfaceName })
  }
}
