/**
 * Networks of the driver macvlan: containers stand on the host's own LAN, each with a MAC of its own, by a link below a
 * parent interface. No bridge, no rules, no published ports; the host itself does not reach them (the kernel's doing).
 * Source: docs.docker.com/engine/network/drivers/macvlan, include/uapi/linux/if_link.h.
 */
import type { EngineBase } from '../engine/context.ts'
import { InvalidRequestError } from '../errors.ts'
import type { NetworkRecord } from '../state/networks.ts'
import { ensureBridge, linkAlias } from './bridge.ts'
import type { Attachment } from './endpoints.ts'
import { isInterfaceName } from './options.ts'

const MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const
const KNOWN: ReadonlySet<string> = new Set(['parent', 'macvlan_mode', 'com.docker.network.driver.mtu'])

export interface MacvlanOptions {
  /** "eth0", or "eth0.50" for VLAN 50 of it; undefined: a dummy, so that containers reach each other alone. */
  readonly parent: string | undefined
  readonly mode: keyof typeof MODES
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError(message, { code: 'INVALID_NETWORK_OPTION' })
}

/** @throws InvalidRequestError INVALID_NETWORK_OPTION */
export function parseMacvlanOptions(options: Readonly<Record<string, string>>): MacvlanOptions {
  const { parent = '', macvlan_mode: mode = 'bridge' } = options
  if (parent !== '' && !isInterfaceName(parent)) throw invalid(`invalid parent "${parent}": want an interface name`)
  if (!Object.hasOwn(MODES, mode))
    throw invalid(`invalid value "${mode}" for macvlan_mode: want bridge, private, vepa or passthru`)
  return { parent: parent === '' ? undefined : parent, mode: mode as keyof typeof MODES }
}

/** Options that will have no effect, for a warning by name. */
export function unknownMacvlanOptions(options: Readonly<Record<string, string>>): string[] {
  return Object.keys(options)
    .filter((key) => !KNOWN.has(key))
    .toSorted()
}

/** [interface, VLAN id] of "eth0.50". */
function vlanOf(name: string): readonly [string, number] | undefined {
  const match = /^(.+)\.(\d{1,4})$/.exec(name)
  const id = Number(match?.[2])
  return match?.[1] !== undefined && id >= 1 && id <= 4094 ? [match[1], id] : undefined
}

/** The parent is the host's; a VLAN of it and a dummy are made where they lack, and are ours. Idempotent. */
function ensureParent(base: EngineBase, network: NetworkRecord): void {
  const { links } = base.host
  if (links.find(network.bridge) !== undefined) return
  const alias = linkAlias(base)
  const { parent } = parseMacvlanOptions(network.options)
  const [device, id] = parent === undefined ? [] : (vlanOf(parent) ?? [])
  if (parent === undefined) links.createDummy(network.bridge, { alias })
  else if (device !== undefined && id !== undefined && links.find(device) !== undefined)
    links.createVlan(network.bridge, { parent: device, id, alias })
  else
    throw new InvalidRequestError(`network "${network.name}": there is no interface "${parent}" on this host`, {
      code: 'PARENT_NOT_FOUND',
      hint: 'see `ip link` for the interfaces; driver_opts.parent names one, "eth0.50" VLAN 50 of eth0',
    })
}

/** What the network's containers hang on: its bridge, or the parent of a macvlan. Idempotent. */
export function ensureLink(base: EngineBase, network: NetworkRecord): void {
  if (network.driver === 'macvlan') ensureParent(base, network)
  else ensureBridge(base, network)
}

/** Makes the container's link in its namespace, down and without address. */
export function createMacvlan(base: EngineBase, { endpoint, network }: Attachment, netnsPath: string): void {
  const mtu = network.options['com.docker.network.driver.mtu']
  base.host.links.createMacvlan({
    name: endpoint.interfaceName,
    netns: netnsPath,
    parent: network.bridge,
    mode: MODES[parseMacvlanOptions(network.options).mode],
    mac: endpoint.mac,
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
  })
}
