/**
 * Which subnet a network gets and which address an endpoint gets. PURE.
 *
 * Subnets without a wish are /24s, cut from the ranges Docker uses (172.17-31/16, then 192.168/16): 4,096 networks
 * instead of Docker's 31, whose exhaustion is a frequent complaint (moby "non-overlapping IPv4 address pool"). Whoever
 * needs more than 253 containers on a network names a subnet. 192.168/16 comes last: homes and offices live there.
 */
import { ConflictError, InvalidRequestError } from '../errors.ts'
import type { IpamPool } from '../api/types/index.ts'
import {
  contains,
  covers,
  formatAddress,
  formatCidr,
  lastOf,
  overlaps,
  parseAddress,
  parseCidr,
  type Address,
  type Cidr,
  type Family,
} from './address.ts'

/** A subnet of a network with its parts, as kept in state.db. All text. */
export interface Pool {
  /** "172.18.4.0/24" */
  readonly subnet: string
  readonly gateway: string
  /** Where addresses without a wish come from; absent: the whole subnet. */
  readonly range?: string
  /** Name -> address that is never given out. */
  readonly auxiliary: Readonly<Record<string, string>>
  /** True when the user chose the subnet: only then may endpoints name addresses. */
  readonly chosen: boolean
}

/** A network that must not be touched, and whose it is: 'network "a_default"', 'device "eth0"'. */
export interface Taken {
  readonly cidr: Cidr
  readonly owner: string
}

const AUTOMATIC_PREFIX = 24
const FIRST_CHOICE = cidrOf('172.16.0.0/12')
const FIRST_SUBNET = cidrOf('172.17.0.0/24').first
const SECOND_CHOICE = cidrOf('192.168.0.0/16')
const STEP = 256n

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text)
  if (cidr === undefined) throw new Error(`bad network ${text}`)
  return cidr
}

/** Ranges of addresses, apart and in order, so that a look-up is a binary search: there may be thousands of networks. */
function rangesOf(taken: readonly Taken[], family: Family): { first: bigint; last: bigint }[] {
  const ranges: { first: bigint; last: bigint }[] = []
  const sorted = taken
    .filter(({ cidr }) => cidr.family === family)
    .map(({ cidr }) => ({ first: cidr.first, last: lastOf(cidr) }))
    .toSorted((one, other) => (one.first < other.first ? -1 : 1))
  for (const range of sorted) {
    const before = ranges.at(-1)
    if (before === undefined || range.first > before.last) ranges.push(range)
    else if (range.last > before.last) before.last = range.last
  }
  return ranges
}

function isFree(candidate: Cidr, ranges: readonly { first: bigint; last: bigint }[]): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    const range = ranges[middle]
    if (range !== undefined && range.last < candidate.first) low = middle + 1
    else high = middle
  }
  // the first range that does not end before the candidate begins
  const range = ranges[low]
  return range === undefined || range.first > lastOf(candidate)
}

/** Every automatic IPv4 subnet once, beginning at `offset` (0..1) of the first choice. */
function* candidates(offset: number): Generator<Cidr> {
  const count = (lastOf(FIRST_CHOICE) + 1n - FIRST_SUBNET) / STEP
  const start = BigInt(Math.floor(offset * Number(count)))
  for (let index = 0n; index < count; index += 1n)
    yield { family: 4, first: FIRST_SUBNET + ((start + index) % count) * STEP, prefix: AUTOMATIC_PREFIX }
  for (let first = SECOND_CHOICE.first; first <= lastOf(SECOND_CHOICE); first += STEP)
    yield { family: 4, first, prefix: AUTOMATIC_PREFIX }
}

/** @throws ConflictError ADDRESS_POOLS_EXHAUSTED when all are taken. */
export function chooseSubnet4(taken: readonly Taken[], offset: number): Cidr {
  const ranges = rangesOf(taken, 4)
  for (const candidate of candidates(offset)) if (isFree(candidate, ranges)) return candidate
  throw new ConflictError('all predefined address pools have been fully subnetted', {
    code: 'ADDRESS_POOLS_EXHAUSTED',
    hint: 'remove unused networks (mycompose network ls), or give the network a subnet under ipam.config',
  })
}

/** How many networks without a subnet of their own can still be made. */
export function countFreeSubnets4(taken: readonly Taken[]): number {
  const ranges = rangesOf(taken, 4)
  return candidates(0).reduce((count, candidate) => (isFree(candidate, ranges) ? count + 1 : count), 0)
}

/** A /64 of the unique local prefix that `seedHex` (10 hex digits) makes; RFC 4193 section 3.2. */
export function chooseSubnet6(taken: readonly Taken[], seedHex: string): Cidr {
  const prefix = BigInt(`0xfd${seedHex.padStart(10, '0').slice(0, 10)}`) << 80n
  const ranges = rangesOf(taken, 6)
  for (let subnet = 0n; subnet < 0x10000n; subnet += 1n) {
    const candidate: Cidr = { family: 6, first: prefix | (subnet << 64n), prefix: 64 }
    if (isFree(candidate, ranges)) return candidate
  }
  throw new ConflictError(`all /64 networks of ${formatAddress({ family: 6, value: prefix })}/48 are in use`, {
    code: 'ADDRESS_POOLS_EXHAUSTED',
  })
}

function invalid(message: string, hint?: string): InvalidRequestError {
  return new InvalidRequestError(message, { code: 'INVALID_IPAM', hint })
}

function addressIn(subnet: Cidr, text: string, what: string): Address {
  const address = parseAddress(text)
  if (address === undefined) throw invalid(`invalid ${what} "${text}": not an IP address`)
  if (!contains(subnet, address)) throw invalid(`${what} ${text} is not in the subnet ${formatCidr(subnet)}`)
  return address
}

/** The first usable address: the network's own is left out, but for point-to-point subnets (RFC 3021). */
function firstUsable(subnet: Cidr): bigint {
  return lastOf(subnet) - subnet.first <= 1n ? subnet.first : subnet.first + 1n
}

function parseSubnet(text: string): Cidr {
  const subnet = parseCidr(text)
  if (subnet === undefined || !text.includes('/')) throw invalid(`invalid subnet "${text}": want ADDRESS/PREFIX`)
  const normal = formatCidr(subnet)
  const given = parseAddress(text.split('/')[0] ?? '')
  if (given?.value !== subnet.first) throw invalid(`invalid subnet ${text}: it should be ${normal}`)
  if (lastOf(subnet) - subnet.first < 3n)
    throw invalid(`subnet ${normal} is too small: it has no room for a gateway and a container`)
  return subnet
}

/**
 * Checks one pool as the user wrote it and fills in the gateway. A pool with no subnet is undefined (to be chosen).
 * @throws InvalidRequestError INVALID_IPAM, ConflictError SUBNET_OVERLAPS
 */
export function checkPool(wish: IpamPool, taken: readonly Taken[]): Pool | undefined {
  const { Subnet = '', IPRange = '', Gateway = '', AuxiliaryAddresses = {} } = wish
  if (Subnet === '') {
    if (IPRange !== '' || Gateway !== '') throw invalid('a gateway or ip_range needs a subnet')
    return undefined
  }
  const subnet = parseSubnet(Subnet)
  const clash = taken.find(({ cidr }) => overlaps(cidr, subnet))
  if (clash !== undefined)
    throw new ConflictError(
      `pool overlaps with other one on this address space: ${Subnet} and ${formatCidr(clash.cidr)} of ${clash.owner}`,
      { code: 'SUBNET_OVERLAPS', hint: 'choose another subnet, or leave it out and get a free one' },
    )
  const range = IPRange === '' ? undefined : parseCidr(IPRange)
  if (IPRange !== '' && (range === undefined || !covers(subnet, range)))
    throw invalid(`ip_range ${IPRange} is not inside the subnet ${Subnet}`)
  const gateway =
    Gateway === ''
      ? { family: subnet.family, value: firstUsable(subnet) }
      : addressIn(subnet, Gateway.split('/')[0] ?? '', 'gateway')
  const auxiliary = Object.fromEntries(
    Object.entries(AuxiliaryAddresses).map(([name, text]) => [
      name,
      formatAddress(addressIn(subnet, text, `auxiliary address "${name}"`)),
    ]),
  )
  return {
    subnet: formatCidr(subnet),
    gateway: formatAddress(gateway),
    ...(range === undefined ? {} : { range: formatCidr(range) }),
    auxiliary,
    chosen: true,
  }
}

/** The pool whose subnet holds the address. */
export function poolOf(pools: readonly Pool[], text: string): Pool | undefined {
  const address = parseAddress(text)
  return address && pools.find((pool) => contains(cidrOf(pool.subnet), address))
}

/** A pool around a subnet that we chose. */
export function automaticPool(subnet: Cidr): Pool {
  const gateway = formatAddress({ family: subnet.family, value: firstUsable(subnet) })
  return { subnet: formatCidr(subnet), gateway, auxiliary: {}, chosen: false }
}

/** Addresses of the pool that endpoints never get: network, broadcast, gateway, auxiliary ones. */
function reserved(pool: Pool, subnet: Cidr): Set<bigint> {
  const fixed = [pool.gateway, ...Object.values(pool.auxiliary)].map((text) => parseAddress(text)?.value ?? -1n)
  return new Set([...fixed, subnet.first, ...(subnet.family === 4 ? [lastOf(subnet)] : [])])
}

/**
 * The next free address after `after` (the one handed out last), going round: an address just given back rests as long
 * as possible, so that nobody's cached answer reaches the wrong container. `preferred` is taken when it is free.
 * @returns undefined when the pool is full
 */
export function nextAddress(
  pool: Pool,
  used: ReadonlySet<string>,
  { after, preferred }: { readonly after?: string | undefined; readonly preferred?: string | undefined } = {},
): string | undefined {
  const subnet = cidrOf(pool.subnet)
  const range = cidrOf(pool.range ?? pool.subnet)
  const kept = reserved(pool, subnet)
  const isUsable = (value: bigint): boolean =>
    !kept.has(value) && !used.has(formatAddress({ family: subnet.family, value }))
  const wish = preferred === undefined ? undefined : parseAddress(preferred)
  if (preferred !== undefined && wish !== undefined && contains(range, wish) && isUsable(wish.value)) return preferred
  const last = after === undefined ? undefined : parseAddress(after)
  const size = lastOf(range) - range.first + 1n
  const start = last !== undefined && contains(range, last) ? last.value - range.first + 1n : 0n
  // of `used` and `kept` addresses at most that many can stand in the way
  const tries = BigInt(used.size + kept.size) + 1n
  for (let step = 0n; step < size && step < tries; step += 1n) {
    const value = range.first + ((start + step) % size)
    if (isUsable(value)) return formatAddress({ family: subnet.family, value })
  }
  return undefined
}

/**
 * Checks an address that an endpoint asks for and gives it its subnet's prefix length: "172.28.0.5/16".
 * @throws InvalidRequestError INVALID_ADDRESS
 */
export function checkStaticAddress(pools: readonly Pool[], text: string, family: Family, network: string): string {
  const refuse = (why: string, hint?: string): never => {
    throw new InvalidRequestError(`invalid address ${text} on network "${network}": ${why}`, {
      code: 'INVALID_ADDRESS',
      hint,
    })
  }
  const address = parseAddress(text)
  if (address?.family !== family) return refuse(`not an IPv${family} address`)
  const pool = pools.find((each) => contains(cidrOf(each.subnet), address))
  if (pool === undefined)
    return refuse(`it is in none of the subnets ${pools.map((each) => each.subnet).join(', ') || '(none)'}`)
  if (!pool.chosen)
    return refuse(
      'user specified IP address is supported only when connecting to networks with user configured subnets',
      `give the network the subnet ${pool.subnet} under ipam.config`,
    )
  if (reserved(pool, cidrOf(pool.subnet)).has(address.value))
    return refuse('it is reserved (gateway, network, broadcast)')
  return `${formatAddress(address)}/${cidrOf(pool.subnet).prefix}`
}
