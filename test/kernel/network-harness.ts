/**
 * A network service on a host of its own: importing this file moves the test process into a fresh network namespace,
 * which then plays the host. Nothing outside sees it and it ends with the process. Traffic is made by bash (/dev/tcp)
 * through nsenter; servers are sockets inside the containers' namespaces, adopted by this process.
 */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventMessage } from '../../src/api/types/index.ts'
import { engineConfig } from '../../src/engine/config.ts'
import type { EngineBase } from '../../src/engine/context.ts'
import type { NetworkService, Sandbox, SandboxRequest } from '../../src/engine/services/index.ts'
import { createClock } from '../../src/host/clock.ts'
import { createExec } from '../../src/host/exec.ts'
import { createFiles } from '../../src/host/files.ts'
import type { Host } from '../../src/host/host.ts'
import { loadLibc } from '../../src/host/libc.ts'
import { createLinks } from '../../src/host/links.ts'
import { createNetns } from '../../src/host/netns.ts'
import { createNft } from '../../src/host/nft.ts'
import { createNetworkService } from '../../src/network/service.ts'
import { openStateDatabase } from '../../src/state/database.ts'

const CLONE_NEWNET = 0x40000000
const libc = loadLibc()
if (Number(libc.func('int unshare(int flags)')(CLONE_NEWNET)) !== 0)
  throw libc.error('these tests need root: cannot make a network namespace')

export interface Harness {
  readonly base: EngineBase
  readonly host: Host
  service: NetworkService
  readonly events: Pick<EventMessage, 'Type' | 'Action' | 'Actor'>[]
  /** Text of the host's resolv.conf as the service sees it. */
  resolvConf: string
  /** As if the engine had been killed: a new service on the same state. Nothing is recovered yet. */
  restart(): Promise<void>
  /** A container with its namespace; `n` makes its id. */
  open(n: number, request?: Partial<SandboxRequest>): Promise<Sandbox>
  idOf(n: number): string
  /** A TCP server inside the namespace that says "NAME from CLIENT-ADDRESS" and hangs up. */
  serveTcp(netnsPath: string, port: number, name: string, address?: string): void
  /** A TCP server inside the namespace that sends back what it gets. */
  echoTcp(netnsPath: string, port: number): void
  /** A UDP server that answers "NAME from CLIENT-ADDRESS". */
  serveUdp(netnsPath: string, port: number, name: string): void
  /** What the server said; undefined when there was no connection. Undefined namespace: from the host. */
  connect(netnsPath: string | undefined, address: string, port: number): Promise<string | undefined>
  /** True when a second is not enough to connect: what is open answers in a millisecond. */
  isShut(netnsPath: string | undefined, address: string, port: number): Promise<boolean>
  datagram(netnsPath: string | undefined, address: string, port: number): Promise<string | undefined>
  /** Output of a program as JSON, in the host's namespace. */
  json(...argv: string[]): Promise<unknown>
  run(netnsPath: string | undefined, ...argv: string[]): Promise<string>
  /** Another machine at 10.77.0.2 and fd77::2 whose router is this host at 10.77.0.1 and fd77::1. */
  lan(): string
  close(): Promise<void>
}

function within(netnsPath: string | undefined, argv: readonly string[]): string[] {
  return netnsPath === undefined ? [...argv] : ['nsenter', `--net=${netnsPath}`, ...argv]
}

export async function createHarness(): Promise<Harness> {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-network-'))
  const config = engineConfig(join(folder, 'root'), '0.0.0-test')
  const exec = createExec()
  const files = createFiles()
  const netns = createNetns(libc)
  const links = createLinks(libc)
  const closers: (() => unknown)[] = []
  const events: Harness['events'] = []
  const host = {
    exec,
    files: {
      ...files,
      readTextSync: (path: string) =>
        path === '/etc/resolv.conf'
          ? harness.resolvConf
          : path.startsWith('/run/systemd')
            ? undefined
            : files.readTextSync(path),
    },
    clock: createClock(),
    netns,
    links,
    nft: createNft(exec),
    randomHex: (bytes: number) => randomBytes(bytes).toString('hex'),
  } as unknown as Host
  await files.mkdir(config.paths.root, { recursive: true })
  await files.mkdir(config.paths.netns, { recursive: true })
  const state = openStateDatabase(config.paths.database)
  const base = {
    config,
    host,
    state,
    events: { publish: (event: (typeof events)[number]) => void events.push(event) },
    locks: { run: (_key: string, work: () => Promise<unknown>) => work() },
    log: () => {},
  } as unknown as EngineBase
  const idOf = (n: number): string => n.toString(16).padStart(4, '0').padEnd(64, 'a')

  async function talk(netnsPath: string | undefined, script: string, seconds = 10): Promise<string | undefined> {
    const argv = within(netnsPath, ['timeout', String(seconds), 'bash', '-c', script])
    const { exitCode, stdout } = await exec.run(argv, { okCodes: 'any' })
    return exitCode === 0 ? stdout.trim() : undefined
  }

  links.setUp('lo')
  const harness: Harness = {
    base,
    host,
    service: createNetworkService(base, { usersOf: () => [] }),
    events,
    resolvConf: 'nameserver 192.0.2.53\n',
    async restart() {
      await harness.service.shutdown()
      harness.service = createNetworkService(base, { usersOf: () => [] })
    },
    idOf,
    open: (n, request = {}) =>
      harness.service.openSandbox({
        containerId: idOf(n),
        containerName: `c${n}`,
        hostname: `host${n}`,
        endpoints: {},
        portBindings: {},
        publishAll: false,
        exposedPorts: [],
        dns: [],
        ...request,
      }),
    serveTcp(netnsPath, port, name, address = '0.0.0.0') {
      const server = createServer((socket) => {
        socket.on('error', () => {})
        socket.end(`${name} from ${socket.remoteAddress}\n`)
      })
      server.listen({ fd: netns.inside(netnsPath, () => netns.listenTcp(address, port)) })
      closers.push(() => server.close())
    },
    echoTcp(netnsPath, port) {
      const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
      server.listen({ fd: netns.inside(netnsPath, () => netns.listenTcp('0.0.0.0', port)) })
      closers.push(() => server.close())
    },
    serveUdp(netnsPath, port, name) {
      const socket = createSocket('udp4')
      socket.on('message', (_, from) => socket.send(`${name} from ${from.address}\n`, from.port, from.address))
      socket.bind({ fd: netns.inside(netnsPath, () => netns.bindUdp('0.0.0.0', port)) })
      closers.push(() => socket.close())
    },
    connect: (netnsPath, address, port) => talk(netnsPath, `exec 3<>/dev/tcp/${address}/${port} && cat <&3`),
    isShut: async (netnsPath, address, port) =>
      (await talk(netnsPath, `exec 3<>/dev/tcp/${address}/${port} && cat <&3`, 1)) === undefined,
    datagram: (netnsPath, address, port) =>
      talk(netnsPath, `exec 3<>/dev/udp/${address}/${port} && echo hello >&3 && head -1 <&3`),
    async json(...argv) {
      return JSON.parse((await exec.run(argv)).stdout || '[]') as unknown
    },
    async run(netnsPath, ...argv) {
      return (await exec.run(within(netnsPath, argv))).stdout
    },
    lan() {
      const path = join(folder, 'lan')
      netns.create(path)
      closers.push(() => netns.remove(path))
      links.createVeth({ name: 'wan0', peer: 'eth0', peerNetns: path })
      links.addAddress('wan0', '10.77.0.1/24')
      links.addAddress('wan0', 'fd77::1/64')
      netns.inside(path, () => {
        links.setUp('lo')
        links.configure('eth0', ['10.77.0.2/24', 'fd77::2/64'])
        links.addRoute({ gateway: '10.77.0.1', device: 'eth0' })
        links.addRoute({ gateway: 'fd77::1', device: 'eth0' })
      })
      return path
    },
    async close() {
      for (const close of closers) await close()
      await harness.service.shutdown()
      state.close()
      const folderOfNamespaces = config.paths.netns
      if (files.existsSync(folderOfNamespaces))
        for (const name of files.readdirSync(folderOfNamespaces)) await netns.remove(join(folderOfNamespaces, name))
      rmSync(config.paths.run, { recursive: true, force: true })
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return harness
}
