/**
 * The Linux bridge of a network: made with its gateway addresses and the kernel settings that a published port at
 * 127.0.0.1 and safe IPv6 need; made again when it is gone. Source: Documentation/networking/ip-sysctl.rst, bridge.rst.
 */
import type { EngineBase } from '../engine/context.ts'
import { ConflictError, errnoOf } from '../errors.ts'
import type { NetworkRecord } from '../state/networks.ts'
import { enableForwarding, restoreForwarding } from './forwarding.ts'
import { hasGatewayAddress, parseBridgeOptions } from './options.ts'

/** The kernel keeps this text with each of our links: whose it is, whatever its name. */
export function linkAlias(base: EngineBase): string {
  return `mycompose ${base.config.id} ${base.config.paths.root}`.slice(0, 255)
}

/** Writes a setting below /proc/sys/net; a kernel without it (no IPv6) is fine. */
export function setSysctl(base: EngineBase, name: string, value: string): void {
  const path = `/proc/sys/net/${name}`
  if (base.host.files.existsSync(path)) base.host.files.writeTextSync(path, value)
}

/** Settings and gateway addresses; what is there already stays. Idempotent. */
export function configureBridge(base: EngineBase, network: NetworkRecord): void {
  setSysctl(base, `ipv6/conf/${network.bridge}/accept_ra`, '0') // CVE-2020-13401
  // its link-local address is ours alone: until duplicate detection ended, no neighbour would be asked for
  setSysctl(base, `ipv6/conf/${network.bridge}/accept_dad`, '0')
  setSysctl(base, `ipv6/conf/${network.bridge}/disable_ipv6`, network.ipv6 ? '0' : '1')
  setSysctl(base, `ipv4/conf/${network.bridge}/route_localnet`, '1')
  // no packets from addresses that do not belong here: a container cannot speak in the name of a neighbour of ours
  setSysctl(base, `ipv4/conf/${network.bridge}/rp_filter`, '1')
  const options = parseBridgeOptions(network.options)
  for (const pool of network.pools) {
    if (!hasGatewayAddress(options, pool.subnet.includes(':') ? 6 : 4)) continue
    try {
      base.host.links.addAddress(network.bridge, `${pool.gateway}/${pool.subnet.split('/')[1] ?? ''}`)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
  }
  enableForwarding(base, network.ipv6)
}

/**
 * Makes the bridge when it is not there. Idempotent.
 * @throws ConflictError LINK_NAME_TAKEN when a link of that name is not ours: two owners would undo each other's work
 */
export function ensureBridge(base: EngineBase, network: NetworkRecord): void {
  const { links } = base.host
  const existing = links.find(network.bridge)
  if (existing !== undefined) {
    if (existing.alias === linkAlias(base)) return
    throw new ConflictError(
      `cannot make the bridge "${network.bridge}" of network "${network.name}": the name is taken`,
      {
        code: 'LINK_NAME_TAKEN',
        hint: `see it with: ip -d link show ${network.bridge}; choose another name or delete it`,
      },
    )
  }
  const { mtu } = parseBridgeOptions(network.options)
  // a MAC of its own: else the bridge takes its lowest port's and changes it as containers come and go
  const mac = `02:42:${network.id.slice(0, 8).replaceAll(/(..)(?=.)/g, '$1:')}`
  links.createBridge(network.bridge, { mac, alias: linkAlias(base), ...(mtu === undefined ? {} : { mtu }) })
  try {
    configureBridge(base, network)
  } catch (error) {
    links.remove(network.bridge)
    throw error
  }
}

/** True when the bridge is there and ours to delete. */
export function hasOwnBridge(base: EngineBase, network: NetworkRecord): boolean {
  return network.bridge !== '' && base.host.links.find(network.bridge)?.alias === linkAlias(base)
}

/** Deletes the bridge if it is ours; nothing happens when it is gone. */
export async function removeBridge(base: EngineBase, network: NetworkRecord): Promise<void> {
  if (!hasOwnBridge(base, network)) return
  await base.host.links.removeAsync(network.bridge)
  restoreForwarding(base)
}

/** As removeBridge at one stroke, for a network that stays and may be joined at any moment. Takes some 30 ms. */
export function removeBridgeSync(base: EngineBase, network: NetworkRecord): void {
  if (!hasOwnBridge(base, network)) return
  base.host.links.remove(network.bridge)
  restoreForwarding(base)
}
