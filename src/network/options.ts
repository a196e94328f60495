/**
 * The driver options of a bridge network that mean something here; names and defaults are Docker's. PURE.
 * Source: docs.docker.com/engine/network/drivers/bridge, "Options".
 */
import { isIPv4 } from 'node:net'
import { InvalidRequestError } from '../errors.ts'

/**
 * Per family. nat: containers hide behind the host. open (nat-unprotected): the same, but whoever has a route may use
 * their addresses. routed: no translation; published ports are reached at the container's own address. isolated: an
 * internal network on which the host itself has no address.
 */
export type GatewayMode = 'nat' | 'open' | 'routed' | 'isolated'

export interface BridgeOptions {
  /** Undefined: a name of ours. */
  readonly bridgeName: string | undefined
  readonly mtu: number | undefined
  readonly icc: boolean
  readonly masquerade: boolean
  /** Where ports without a host address are published. */
  readonly hostBindingIpv4: string
  readonly mode4: GatewayMode
  readonly mode6: GatewayMode
  /** Interfaces of the host whose neighbours may use published ports at the container's own address. */
  readonly trusted: readonly string[]
  /** The bridge gets no IPv4 address. */
  readonly inhibitIpv4: boolean
}

const PREFIX = 'com.docker.network.'
const NAME = `${PREFIX}bridge.name`
const MTU = `${PREFIX}driver.mtu`
const ICC = `${PREFIX}bridge.enable_icc`
const MASQUERADE = `${PREFIX}bridge.enable_ip_masquerade`
const HOST_BINDING = `${PREFIX}bridge.host_binding_ipv4`
const GATEWAY_MODE = `${PREFIX}bridge.gateway_mode_ipv4`
const GATEWAY_MODE_V6 = `${PREFIX}bridge.gateway_mode_ipv6`
const TRUSTED = `${PREFIX}bridge.trusted_host_interfaces`
const INHIBIT_IPV4 = `${PREFIX}bridge.inhibit_ipv4`

const MODES: Readonly<Record<string, GatewayMode>> = {
  nat: 'nat',
  'nat-unprotected': 'open',
  routed: 'routed',
  isolated: 'isolated',
}

const KNOWN: ReadonlySet<string> = new Set([
  NAME,
  MTU,
  ICC,
  MASQUERADE,
  HOST_BINDING,
  GATEWAY_MODE,
  GATEWAY_MODE_V6,
  TRUSTED,
  INHIBIT_IPV4,
  `${PREFIX}bridge.default_bridge`,
  `${PREFIX}enable_ipv4`,
  `${PREFIX}enable_ipv6`,
])

function invalid(key: string, value: string, want: string): InvalidRequestError {
  return new InvalidRequestError(`invalid value "${value}" for ${key}: want ${want}`, {
    code: 'INVALID_NETWORK_OPTION',
  })
}

function flag(options: Readonly<Record<string, string>>, key: string, fallback: boolean): boolean {
  const value = options[key]
  if (value === undefined) return fallback
  if (/^(1|t|true)$/i.test(value)) return true
  if (/^(0|f|false)$/i.test(value)) return false
  throw invalid(key, value, 'true or false')
}

/** A name that the kernel takes for a link: 1 to 15 bytes, no slash, colon or space. */
export function isInterfaceName(name: string): boolean {
  return /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 15
}

function gatewayMode(options: Readonly<Record<string, string>>, key: string): GatewayMode {
  const text = options[key] ?? 'nat'
  const mode = Object.hasOwn(MODES, text) ? MODES[text] : undefined
  if (mode === undefined) throw invalid(key, text, 'nat, nat-unprotected, routed or isolated')
  return mode
}

function trustedInterfaces(text: string | undefined): string[] {
  const names = (text ?? '').split(':').filter((name) => name !== '')
  const bad = names.find((name) => !isInterfaceName(name))
  if (bad !== undefined) throw invalid(TRUSTED, text ?? '', `names of interfaces joined by ":", which "${bad}" is not`)
  return names
}

/** @throws InvalidRequestError INVALID_NETWORK_OPTION */
export function parseBridgeOptions(options: Readonly<Record<string, string>>): BridgeOptions {
  const { [NAME]: bridgeName, [MTU]: mtuText, [HOST_BINDING]: hostBindingIpv4 = '0.0.0.0' } = options
  if (bridgeName !== undefined && !isInterfaceName(bridgeName))
    throw invalid(NAME, bridgeName, 'an interface name of at most 15 bytes')
  const mtu = mtuText === undefined ? undefined : Number(mtuText)
  if (mtu !== undefined && !(Number.isInteger(mtu) && mtu >= 68 && mtu <= 65_535))
    throw invalid(MTU, mtuText ?? '', 'a number from 68 to 65535')
  if (!isIPv4(hostBindingIpv4)) throw invalid(HOST_BINDING, hostBindingIpv4, 'an IPv4 address')
  return {
    bridgeName,
    mtu,
    icc: flag(options, ICC, true),
    masquerade: flag(options, MASQUERADE, true),
    hostBindingIpv4,
    mode4: gatewayMode(options, GATEWAY_MODE),
    mode6: gatewayMode(options, GATEWAY_MODE_V6),
    trusted: trustedInterfaces(options[TRUSTED]),
    inhibitIpv4: flag(options, INHIBIT_IPV4, false),
  }
}

/** Whether the bridge itself has an address of the family. */
export function hasGatewayAddress({ mode4, mode6, inhibitIpv4 }: BridgeOptions, family: 4 | 6): boolean {
  return family === 4 ? mode4 !== 'isolated' && !inhibitIpv4 : mode6 !== 'isolated'
}

/** Options that will have no effect, for a warning by name. */
export function unknownOptions(options: Readonly<Record<string, string>>): string[] {
  return Object.keys(options)
    .filter((key) => !KNOWN.has(key))
    .toSorted()
}
