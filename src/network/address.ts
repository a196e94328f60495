/**
 * Arithmetic on IP addresses and networks of both families: an address is a number and its family. PURE.
 * Source: RFC 4632 (CIDR), RFC 4291 section 2.3.
 */
import { isIP } from 'node:net'
import { addressBytes, addressText } from '../host/ip-address.ts'

export type Family = 4 | 6

export interface Address {
  readonly family: Family
  readonly value: bigint
}

/** A network: `first` is the lowest address, host bits zero. */
export interface Cidr {
  readonly family: Family
  readonly first: bigint
  readonly prefix: number
}

const bitsOf = (family: Family): number => (family === 4 ? 32 : 128)

/** Undefined when the text is no address; zones ("fe80::1%eth0") are refused. */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text)
  if (family === 0 || text.includes('%')) return undefined
  return { family: family === 6 ? 6 : 4, value: BigInt(`0x${addressBytes(text).toString('hex')}`) }
}

export function formatAddress({ family, value }: Address): string {
  return addressText(Buffer.from(value.toString(16).padStart(bitsOf(family) / 4, '0'), 'hex'))
}

/** "172.18.0.5/16" gives the network 172.18.0.0/16; a bare address gives a network of one. Undefined: malformed. */
export function parseCidr(text: string): Cidr | undefined {
  const [head = '', length, ...rest] = text.split('/')
  const address = parseAddress(head)
  if (address === undefined || rest.length > 0) return undefined
  const bits = bitsOf(address.family)
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined
  const prefix = length === undefined ? bits : Number(length)
  if (prefix > bits) return undefined
  const hostBits = BigInt(bits - prefix)
  return { family: address.family, first: (address.value >> hostBits) << hostBits, prefix }
}

export function formatCidr({ family, first, prefix }: Cidr): string {
  return `${formatAddress({ family, value: first })}/${prefix}`
}

/** The highest address. */
export function lastOf({ family, first, prefix }: Cidr): bigint {
  return first + (1n << BigInt(bitsOf(family) - prefix)) - 1n
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  return one.family === other.family && one.first <= lastOf(other) && other.first <= lastOf(one)
}

export function contains(network: Cidr, address: Address): boolean {
  return network.family === address.family && address.value >= network.first && address.value <= lastOf(network)
}

/** True when all of `inner` lies in `outer`. */
export function covers(outer: Cidr, inner: Cidr): boolean {
  return outer.family === inner.family && inner.first >= outer.first && lastOf(inner) <= lastOf(outer)
}
