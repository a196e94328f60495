/**
 * The embedded resolver of one container: its sockets and its redirect are made inside the container's namespace, its
 * thinking is done here. Port 53 itself stays free for the container's own processes (they may be DNS servers): a rule
 * inside the namespace redirects 127.0.0.11:53 to where we listen.
 */
import { createSocket } from 'node:dgram'
import { Socket } from 'node:net'
import type { EngineBase } from '../../engine/context.ts'
import { KernelError } from '../../errors.ts'
import type { SandboxRecord } from '../../state/networks.ts'
import type { Forwarder, Route } from './forward.ts'
import { EMBEDDED_RESOLVER } from '../../engine/resolv-conf.ts'
import { createResolver } from './resolver.ts'
import { serveDns, type DnsServer } from './server.ts'
import type { Asker, Zone } from './zone.ts'

const TABLE = 'mycompose_dns'
const ANY = { 4: '0.0.0.0', 6: '::' } as const

/** The table inside the container's namespace. PURE. */
export function dnsRules({ udp, tcp }: SandboxRecord['dnsPorts']): string {
  return `table ip ${TABLE} {
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr ${EMBEDDED_RESOLVER} udp dport 53 dnat to ${EMBEDDED_RESOLVER}:${udp}
    ip daddr ${EMBEDDED_RESOLVER} tcp dport 53 dnat to ${EMBEDDED_RESOLVER}:${tcp}
  }
}
`
}

/** Two ports that are free in a fresh namespace. */
export function chooseDnsPorts(base: EngineBase): SandboxRecord['dnsPorts'] {
  const random = (): number => 32_768 + (Number.parseInt(base.host.randomHex(2), 16) % 28_000)
  return { udp: random(), tcp: random() }
}

export interface DnsSockets {
  readonly udpFd: number
  readonly tcpFd: number
}

/** Call it inside the namespace. With `fresh` the redirect is made too; after an engine's restart it stands. */
export function openDnsSockets(base: EngineBase, ports: SandboxRecord['dnsPorts'], fresh: boolean): DnsSockets {
  const { netns, nft } = base.host
  const udpFd = netns.bindUdp(EMBEDDED_RESOLVER, ports.udp)
  let tcpFd: number | undefined
  try {
    tcpFd = netns.listenTcp(EMBEDDED_RESOLVER, ports.tcp)
    if (fresh) nft.applySync(dnsRules(ports))
    return { udpFd, tcpFd }
  } catch (error) {
    netns.close(udpFd)
    if (tcpFd !== undefined) netns.close(tcpFd)
    throw error
  }
}

export interface EmbeddedOptions {
  readonly record: SandboxRecord
  readonly sockets: DnsSockets
  readonly zone: Zone
  readonly forwarder: Forwarder
  readonly asker: () => Asker
  /** Servers to ask from the host's namespace; undefined: the container has no way out. */
  readonly hostServers: () => readonly string[] | undefined
}

export function serveEmbedded(base: EngineBase, options: EmbeddedOptions): DnsServer {
  const { record, sockets, zone, forwarder, asker, hostServers } = options
  const { netns } = base.host

  /** The user's own servers are asked from where the container stands: what it cannot reach, its resolver cannot. */
  const inside: Route = {
    servers: record.dns,
    inside: {
      openDatagrams(family) {
        const socket = createSocket(family === 6 ? 'udp6' : 'udp4')
        socket.bind({ fd: netns.inside(record.netnsPath, () => netns.bindUdp(ANY[family], 0)) })
        return socket
      },
      openStream: (family) => new Socket({ fd: netns.inside(record.netnsPath, () => netns.bindTcp(ANY[family], 0)) }),
    },
  }

  function route(): Route | undefined {
    if (record.dns.length > 0) return inside
    const servers = hostServers()
    return servers === undefined ? undefined : { servers }
  }

  const log = (error: unknown): void =>
    base.log('warn', 'the embedded resolver had an error', { container: record.containerName, error: String(error) })
  return serveDns({
    ...sockets,
    resolve: createResolver({ zone, forwarder, asker, route, random: Math.random }),
    onError: log,
  })
}

/** True for the error of a port that a process of the container has taken since. */
export function isPortTaken(error: unknown): boolean {
  return error instanceof KernelError && error.errno === 'EADDRINUSE'
}
