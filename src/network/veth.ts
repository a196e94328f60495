/**
 * The interfaces of one container: a veth pair per endpoint, addresses, routes. All synchronous system calls; the far
 * ends are set up inside the container's namespace. Source: man 4 veth, man 7 rtnetlink.
 */
import type { EngineBase } from '../engine/context.ts'
import { InvalidRequestError } from '../errors.ts'
import { linkAlias, setSysctl } from './bridge.ts'
import {
  SYSCTLS_OPTION,
  electGateway,
  gatewayOf,
  linkLocalCidr,
  parseEndpointSysctls,
  type Attachment,
} from './endpoints.ts'
import { createMacvlan } from './macvlan.ts'
import { parseBridgeOptions } from './options.ts'

/** With br_netfilter a container's connection to its own published port leaves by the bridge port it came in. */
function needsHairpin(base: EngineBase): boolean {
  return base.host.files.readTextSync('/proc/sys/net/bridge/bridge-nf-call-iptables')?.trim() === '1'
}

/** Makes the pair, or the macvlan; the inner end waits, down and without address. */
export function createPair(base: EngineBase, { endpoint, network }: Attachment, netnsPath: string): void {
  if (network.driver === 'macvlan') {
    createMacvlan(base, { endpoint, network }, netnsPath)
    return
  }
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
  const { interfaceName, ipv4, ipv6, settings } = endpoint
  const linkLocal = (settings.IPAMConfig?.LinkLocalIPs ?? []).map(linkLocalCidr)
  const usesIpv6 = ipv6 !== undefined || linkLocal.some((address) => address.includes(':'))
  // before it comes up: no link-local address and no routers on a network that is IPv4 only (CVE-2024-32473)
  setSysctl(base, `ipv6/conf/${interfaceName}/disable_ipv6`, usesIpv6 ? '0' : '1')
  if (usesIpv6) {
    setSysctl(base, `ipv6/conf/${interfaceName}/accept_ra`, '0')
    setSysctl(base, `ipv6/conf/${interfaceName}/accept_dad`, '0')
  }
  base.host.links.configure(
    interfaceName,
    [ipv4, ipv6, ...linkLocal].filter((address) => address !== undefined),
  )
  for (const [name, value] of parseEndpointSysctls(settings.DriverOpts?.[SYSCTLS_OPTION] ?? ''))
    setEndpointSysctl(base, name.replace('IFNAME', interfaceName), value)
}

function setEndpointSysctl(base: EngineBase, name: string, value: string): void {
  try {
    base.host.files.writeTextSync(`/proc/sys/net/${name}`, value)
  } catch (error) {
    throw new InvalidRequestError(`cannot set net.${name.replaceAll('/', '.')}=${value} in the container`, {
      code: 'INVALID_SYSCTL',
      cause: error,
    })
  }
}

/** Inside the namespace: the default routes, one per family, by the endpoints that lead outwards. */
export function addDefaultRoutes(base: EngineBase, attachments: readonly Attachment[]): void {
  for (const family of [4, 6] as const) {
    const elected = electGateway(attachments, family)
    if (elected === undefined) continue
    const gateway = gatewayOf(elected, family)
    if (gateway !== undefined) base.host.links.addRoute({ gateway, device: elected.endpoint.interfaceName })
  }
}
