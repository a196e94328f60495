/**
 * Published ports: finds a free host port for each wish and holds it with a socket of our own, so that no other program
 * takes it and a taken one is seen at once. The traffic itself never reaches that socket: nftables redirects it first.
 * TCP sockets listen only once the rules stand; before, a connection is refused instead of hanging. Where the kernel
 * cannot redirect, at ::1 and at IPv6 addresses for a container without one, the socket is served by a relay.
 */
import type { EngineBase } from '../engine/context.ts'
import { ConflictError, InvalidRequestError, KernelError, errnoOf } from '../errors.ts'
import type { PublishedBinding } from '../state/networks.ts'
import { conflicts, isRouted, type PortWish } from './bindings.ts'
import { portOwner } from './port-owner.ts'
import { startRelay, type RelayTarget } from './relay.ts'

/** Sockets that hold the ports of one container. */
export interface HeldPorts {
  readonly published: readonly PublishedBinding[]
  /** Starts listening; call it when the rules are in force. */
  activate(): void
  /** The same bindings after the container's addresses changed: where relays lead from now on. */
  retarget(published: readonly PublishedBinding[]): void
  release(): void
}

export interface PortTargets {
  /** Where published ports lead; undefined: the container has no address of that family that can be reached. */
  readonly ipv4: string | undefined
  readonly ipv6: string | undefined
  /** Address for wishes without one: the network's host_binding_ipv4, else "0.0.0.0". */
  readonly defaultHostIp: string
  /** Families without translation: published ports are opened at the container's own address. */
  readonly routed: readonly (4 | 6)[]
}

/** Who has a binding now: [container name, binding]. */
export type BindingOwners = () => Iterable<readonly [string, PublishedBinding]>

export interface Ports {
  /**
   * Reserves a port for each wish, all or none. `former`: what the container had last, kept where nothing was asked for.
   * @throws ConflictError PORT_ALLOCATED, InvalidRequestError INVALID_PORT
   */
  reserve(
    wishes: readonly PortWish[],
    targets: PortTargets,
    owners: BindingOwners,
    former: readonly PublishedBinding[],
  ): HeldPorts
  /** After a restart of the engine: takes the sockets again; what is lost is logged, the rules still lead there. */
  reclaim(published: readonly PublishedBinding[], container: string): HeldPorts
}

const RANDOM_TRIES = 16

interface Socket {
  readonly fd: number
  readonly listens: boolean
  readonly binding: PublishedBinding
}

const textOf = (ip: string, port: number): string => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`

export function createPorts(base: EngineBase): Ports {
  const { netns, files } = base.host

  function bind(binding: PublishedBinding): Socket | undefined {
    const { protocol, hostIp, hostPort } = binding
    // SCTP: the module need not be there; conflicts among our own containers are seen without
    if (protocol === 'sctp') return undefined
    if (protocol === 'udp') return { fd: netns.bindUdp(hostIp, hostPort), listens: false, binding }
    return { fd: netns.bindTcp(hostIp, hostPort), listens: true, binding }
  }

  function taken(binding: Pick<PublishedBinding, 'protocol' | 'hostIp' | 'hostPort'>, holder: string | undefined) {
    const { hostIp, hostPort, protocol } = binding
    return new ConflictError(`Bind for ${textOf(hostIp, hostPort)} failed: port is already allocated`, {
      code: 'PORT_ALLOCATED',
      hint: `${hostPort}/${protocol} is held by ${holder ?? 'another program'}; stop it or publish another port`,
    })
  }

  /** Why none of the wished ports could be had; `failure` is why the first could not. */
  function rangeTaken({ hostIp, first, last }: PortWish, failure: Error | undefined): Error {
    if (first === last || !(failure instanceof ConflictError)) return failure ?? new Error('no port to try')
    const range = `${textOf(hostIp === '' ? '0.0.0.0' : hostIp, first)}-${last}`
    return new ConflictError(`Bind for ${range} failed: all ports are allocated`, {
      code: 'PORT_ALLOCATED',
      hint: `${failure.hint?.split(';')[0] ?? `${first} is taken`}, and so on; publish a wider range`,
    })
  }

  function refused(binding: Pick<PublishedBinding, 'protocol' | 'hostIp' | 'hostPort'>, error: unknown): Error {
    const { hostIp, hostPort, protocol } = binding
    const errno = errnoOf(error)
    if (errno === 'EADDRINUSE')
      return taken(binding, protocol === 'sctp' ? undefined : portOwner(files, hostPort, protocol))
    if (errno === 'EADDRNOTAVAIL')
      return new InvalidRequestError(`cannot publish at ${textOf(hostIp, hostPort)}: not an address of this host`, {
        code: 'INVALID_PORT',
        hint: 'see `ip address` for the addresses of this host, or leave the address out',
        cause: error,
      })
    return error instanceof Error ? error : new Error(String(error))
  }

  /** The binding at every one of `hostIps` with one port; undefined is "taken", told by `onTaken`. */
  function bindAll(
    candidates: readonly PublishedBinding[],
    owners: BindingOwners,
    onTaken: (error: Error) => void,
  ): { sockets: Socket[]; published: PublishedBinding[] } | undefined {
    const sockets: Socket[] = []
    const published: PublishedBinding[] = []
    try {
      for (const candidate of candidates) {
        // a random port is chosen by the first of the addresses and used for all
        const hostPort = candidate.hostPort === 0 ? (published[0]?.hostPort ?? 0) : candidate.hostPort
        const wanted = { ...candidate, hostPort }
        for (const [name, other] of owners())
          if (hostPort !== 0 && conflicts(wanted, other)) throw taken(wanted, `container "${name}"`)
        const socket = bind(wanted)
        if (socket !== undefined) sockets.push(socket)
        published.push({
          ...wanted,
          hostPort: hostPort === 0 && socket !== undefined ? netns.localPort(socket.fd) : hostPort,
        })
      }
      return { sockets, published }
    } catch (error) {
      for (const { fd } of sockets) netns.close(fd)
      const [failed = candidates[0]] = candidates.slice(published.length)
      if (error instanceof KernelError && failed !== undefined) {
        const told = refused(failed, error)
        if (!(told instanceof ConflictError)) throw told
        onTaken(told)
      } else if (error instanceof ConflictError) onTaken(error)
      else throw error
      return undefined
    }
  }

  /** [host address, container address] of each binding that a wish means. @throws InvalidRequestError INVALID_PORT */
  function addressesFor(wish: PortWish, targets: PortTargets): [string, string][] {
    const { ipv4, ipv6, defaultHostIp } = targets
    const relayed = wish.protocol === 'tcp' ? ipv4 : undefined
    if (wish.hostIp !== '') {
      const target = wish.hostIp.includes(':') ? (ipv6 ?? relayed) : ipv4
      if (target !== undefined) return [[wish.hostIp, target]]
      if (ipv4 === undefined && ipv6 === undefined) return []
      throw new InvalidRequestError(
        `cannot publish ${textOf(wish.hostIp, wish.first)}/${wish.protocol}: the container has no ${wish.hostIp.includes(':') ? 'IPv6' : 'IPv4'} address`,
        { code: 'INVALID_PORT', hint: 'enable the address family on its network (enable_ipv6: true)' },
      )
    }
    const six = ipv6 ?? (hasIpv6() && !targets.routed.includes(4) ? relayed : undefined)
    return [
      ...(ipv4 === undefined ? [] : [[defaultHostIp, ipv4] as [string, string]]),
      ...(six === undefined || defaultHostIp !== '0.0.0.0' ? [] : [['::', six] as [string, string]]),
    ]
  }

  /** False where the host was started without IPv6. */
  const hasIpv6 = (): boolean => files.readTextSync('/proc/sys/net/ipv6/conf/all/disable_ipv6')?.trim() === '0'

  /** Ports of a routed network, at all addresses or none: the host translates nothing and holds nothing. */
  function routedBindings(wish: PortWish, { ipv4, ipv6, routed }: PortTargets): PublishedBinding[] {
    const { protocol, containerPort, hostIp } = wish
    return routed.flatMap((family) => {
      const [any, containerIp] = family === 4 ? ['0.0.0.0', ipv4] : ['::', ipv6]
      if (containerIp === undefined || (hostIp !== '' && hostIp !== any)) return []
      return [{ protocol, hostIp: any, hostPort: 0, containerPort, containerIp }]
    })
  }

  function portsFor(wish: PortWish, former: readonly PublishedBinding[]): number[] {
    if (wish.first !== 0) return Array.from({ length: wish.last - wish.first + 1 }, (_, index) => wish.first + index)
    const before = former.find(
      ({ protocol, containerPort }) => protocol === wish.protocol && containerPort === wish.containerPort,
    )
    // 0 lets the kernel choose; for SCTP no socket asks it
    const choose = (): number => (wish.protocol === 'sctp' ? 32_768 + (Number(`0x${base.host.randomHex(2)}`) >> 2) : 0)
    const random = Array.from({ length: RANDOM_TRIES }, choose)
    return before === undefined ? random : [before.hostPort, ...random]
  }

  function held(sockets: readonly Socket[], published: readonly PublishedBinding[]): HeldPorts {
    const open = new Set(sockets)
    const relays: { close(): void }[] = []
    let current = published
    const targetOf = ({ hostIp, containerPort }: PublishedBinding): RelayTarget => {
      const now = current.find((other) => other.hostIp === hostIp && other.containerPort === containerPort)
      return { address: now?.containerIp ?? '', port: containerPort }
    }
    return {
      published,
      activate() {
        for (const socket of open) {
          const { fd, listens, binding } = socket
          if (listens) netns.listen(fd)
          if (!listens || !binding.hostIp.includes(':')) continue
          open.delete(socket)
          relays.push(startRelay(fd, () => targetOf(binding)))
        }
      },
      retarget(moved) {
        current = moved
      },
      release() {
        for (const relay of relays.splice(0)) relay.close()
        for (const { fd } of open) netns.close(fd)
        open.clear()
      },
    }
  }

  return {
    reserve(wishes, targets, owners, former) {
      const sockets: Socket[] = []
      const published: PublishedBinding[] = []
      const everybody: BindingOwners = function* () {
        yield* owners()
        for (const binding of published) yield ['this container', binding]
      }
      try {
        for (const wish of wishes) {
          published.push(...routedBindings(wish, targets))
          const addresses = addressesFor(wish, targets).filter(
            ([, containerIp]) => !targets.routed.includes(containerIp.includes(':') ? 6 : 4),
          )
          if (addresses.length === 0) continue
          let failure: Error | undefined
          let got: ReturnType<typeof bindAll>
          for (const hostPort of portsFor(wish, former)) {
            const candidates = addresses.map(([hostIp, containerIp]) => ({
              protocol: wish.protocol,
              hostIp,
              hostPort,
              containerPort: wish.containerPort,
              containerIp,
            }))
            got = bindAll(candidates, everybody, (error) => (failure ??= error))
            if (got !== undefined) break
          }
          if (got === undefined) throw rangeTaken(wish, failure)
          sockets.push(...got.sockets)
          published.push(...got.published)
        }
      } catch (error) {
        for (const { fd } of sockets) netns.close(fd)
        throw error
      }
      return held(sockets, published)
    },
    reclaim(published, container) {
      const sockets = published
        .filter((binding) => !isRouted(binding))
        .flatMap((binding) => {
          try {
            return bind(binding) ?? []
          } catch (error) {
            base.log('warn', 'cannot hold a published port again', { container, binding, error: String(error) })
            return []
          }
        })
      return held(sockets, published)
    },
  }
}
