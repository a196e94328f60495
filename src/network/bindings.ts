/**
 * Which ports a container wants published, from HostConfig.PortBindings and ExposedPorts. PURE; ports.ts finds out
 * what is free. Source: Docker Engine API, PortMap; docker run --publish.
 */
import { isIP } from 'node:net'
import { InvalidRequestError } from '../errors.ts'
import type { PublishedBinding } from '../state/networks.ts'

export type Protocol = PublishedBinding['protocol']

/** One wish: a container port at a host address, at one of the ports `first` to `last` (0 to 0: any free one). */
export interface PortWish {
  readonly protocol: Protocol
  readonly containerPort: number
  /** "" means every address. */
  readonly hostIp: string
  readonly first: number
  readonly last: number
}

function invalid(message: string): InvalidRequestError {
  return new InvalidRequestError(message, { code: 'INVALID_PORT' })
}

function portNumber(text: string, minimum: number): number | undefined {
  const port = Number(text)
  return /^\d{1,5}$/.test(text) && port >= minimum && port <= 65_535 ? port : undefined
}

/** @example parseContainerPort("80/tcp"); parseContainerPort("53/udp"); parseContainerPort("80") is tcp */
export function parseContainerPort(text: string): { readonly port: number; readonly protocol: Protocol } {
  const [number = '', protocol = 'tcp', ...rest] = text.split('/')
  const port = portNumber(number, 1)
  if (port === undefined || rest.length > 0) throw invalid(`invalid container port "${text}"`)
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
    throw invalid(`invalid container port "${text}": the protocol must be tcp, udp or sctp`)
  return { port, protocol }
}

/** @example parseHostPort("") any; parseHostPort("8080"); parseHostPort("8000-8010") the first free */
export function parseHostPort(text: string): { readonly first: number; readonly last: number } {
  if (text === '' || text === '0') return { first: 0, last: 0 }
  const [from = '', to = from, ...rest] = text.split('-')
  const first = portNumber(from, 1)
  const last = portNumber(to, 1)
  if (first === undefined || last === undefined || last < first || rest.length > 0)
    throw invalid(`invalid host port "${text}": want a port or a range like 8000-8010`)
  return { first, last }
}

export interface PortRequest {
  readonly portBindings: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[]>>
  readonly publishAll: boolean
  readonly exposedPorts: readonly string[]
}

/**
 * In the order of the request; with `publishAll` the exposed ports without a binding follow, at any free port.
 * @throws InvalidRequestError INVALID_PORT
 */
export function parsePortWishes({ portBindings, publishAll, exposedPorts }: PortRequest): PortWish[] {
  const wishes: PortWish[] = []
  const bound = new Set<string>()
  const isBound = ({ port, protocol }: ReturnType<typeof parseContainerPort>): string => `${port}/${protocol}`
  for (const [key, bindings] of Object.entries(portBindings)) {
    const target = parseContainerPort(key)
    for (const { HostIp = '', HostPort = '' } of bindings.length === 0 && !publishAll ? [{}] : bindings) {
      if (HostIp !== '' && isIP(HostIp) === 0) throw invalid(`invalid host address "${HostIp}" for port ${key}`)
      bound.add(isBound(target))
      const range = parseHostPort(HostPort)
      wishes.push({ protocol: target.protocol, containerPort: target.port, hostIp: HostIp, ...range })
    }
  }
  if (!publishAll) return wishes
  for (const key of exposedPorts) {
    const target = parseContainerPort(key)
    if (bound.has(isBound(target))) continue
    wishes.push({ protocol: target.protocol, containerPort: target.port, hostIp: '', first: 0, last: 0 })
  }
  return wishes
}

/** A port of a routed network: no port of the host stands for it. */
export const isRouted = ({ hostPort }: Pick<PublishedBinding, 'hostPort'>): boolean => hostPort === 0

/** An IPv6 address of the host for a container that has none: the kernel translates within a family only. */
export const isRelayed = ({ hostIp, containerIp }: Pick<PublishedBinding, 'hostIp' | 'containerIp'>): boolean =>
  hostIp.includes(':') && !containerIp.includes(':')

const isWildcard = (ip: string): boolean => ip === '0.0.0.0' || ip === '::'
const isV6 = (ip: string): boolean => ip.includes(':')

/** True when the two cannot be published at once. */
export function conflicts(
  one: Pick<PublishedBinding, 'protocol' | 'hostIp' | 'hostPort'>,
  other: Pick<PublishedBinding, 'protocol' | 'hostIp' | 'hostPort'>,
): boolean {
  return (
    one.protocol === other.protocol &&
    one.hostPort === other.hostPort &&
    !isRouted(one) &&
    isV6(one.hostIp) === isV6(other.hostIp) &&
    (one.hostIp === other.hostIp || isWildcard(one.hostIp) || isWildcard(other.hostIp))
  )
}

/** "80/tcp" -> bindings, null for what is exposed only; sorted by port, as docker prints it. */
export function toPortMap(
  published: readonly PublishedBinding[],
  exposedPorts: readonly string[],
): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const map = new Map<string, { HostIp: string; HostPort: string }[] | null>()
  for (const key of exposedPorts) {
    const { port, protocol } = parseContainerPort(key)
    map.set(`${port}/${protocol}`, null)
  }
  for (const { protocol, containerPort, hostIp, hostPort } of published) {
    const key = `${containerPort}/${protocol}`
    map.set(key, [...(map.get(key) ?? []), { HostIp: hostIp, HostPort: hostPort === 0 ? '' : String(hostPort) }])
  }
  const byPort = (one: string, other: string): number => Number.parseInt(one, 10) - Number.parseInt(other, 10)
  return Object.fromEntries([...map].toSorted(([one], [other]) => byPort(one, other) || (one < other ? -1 : 1)))
}
