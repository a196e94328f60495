/** The real Host, for the engine: loads libc and the rest of the native side. The CLI uses cli-host.ts instead. */
import { randomBytes } from 'node:crypto'
import type { Host } from './host.ts'
import { createAt } from './at.ts'
import { createClock } from './clock.ts'
import { createExec } from './exec.ts'
import { createFiles } from './files.ts'
import { loadLibc } from './libc.ts'
import { createLinks } from './links.ts'
import { createMountNamespaces } from './mount-namespaces.ts'
import { createMounts } from './mounts.ts'
import { createNetns } from './netns.ts'
import { createNft } from './nft.ts'
import { createPacketSockets } from './packet-socket.ts'
import { createPosixSpawn } from './posix-spawn.ts'
import { createProcesses } from './processes.ts'
import { createPty } from './pty.ts'
import { createTerminalInput } from './terminal-input.ts'
import { createThreads } from './threads.ts'
import { createUnixDatagrams } from './unix-datagrams.ts'
import { createRooted } from './rooted.ts'
import { createSeccomp } from './seccomp.ts'
import { createStatx } from './statx.ts'
import { createWeb, type ProxyEnvironment } from './web.ts'
import { createXattrs } from './xattrs.ts'

/** Opens nothing yet; each part opens what it needs when it is called. `environment` is for proxies only. */
export function createNodeHost(environment: ProxyEnvironment = {}): Host {
  const libc = loadLibc()
  const exec = createExec(createPosixSpawn(libc))
  const netns = createNetns(libc)
  return {
    files: createFiles(),
    exec,
    clock: createClock(),
    processes: createProcesses(),
    mounts: createMounts(libc),
    mountNamespaces: createMountNamespaces(libc),
    rooted: createRooted(libc),
    at: createAt(libc),
    statx: createStatx(libc),
    seccomp: createSeccomp(libc),
    xattrs: createXattrs(libc),
    netns,
    links: createLinks(libc),
    nft: createNft(exec),
    pty: createPty(libc),
    terminalInput: createTerminalInput(libc),
    packetSockets: createPacketSockets(libc),
    unixDatagrams: createUnixDatagrams(libc),
    web: createWeb(environment),
    threads: createThreads(),
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  }
}
