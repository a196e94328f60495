/**
 * A container service on the real kernel with small stand-ins for its neighbours: one overlay layer of a static
 * busybox, plain folders as volumes, bare network namespaces. For tests of containers alone.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createContainerService } from '../../src/engine/containers/service.ts'
import type { EngineBase } from '../../src/engine/context.ts'
import { engineConfig } from '../../src/engine/config.ts'
import { createEvents } from '../../src/engine/events.ts'
import { prepareFolders } from '../../src/engine/folders.ts'
import { createUnpacker } from '../../src/engine/layers/unpack-pool.ts'
import { createKeyedMutex } from '../../src/engine/locks.ts'
import { createPlatform } from '../../src/engine/platform.ts'
import type {
  ContainerService,
  ImageService,
  LayerService,
  NetworkService,
  VolumeService,
} from '../../src/engine/services/index.ts'
import type { ContainerConfig, EventMessage } from '../../src/api/types/index.ts'
import type { Host } from '../../src/host/host.ts'
import { MNT_DETACH } from '../../src/host/mounts.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { openStateDatabase } from '../../src/state/database.ts'

const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path)) ?? 'busybox'
const APPLETS = ['sh', 'sleep', 'true', 'false', 'cat', 'id', 'ls', 'grep', 'echo', 'env', 'hostname', 'unshare', 'tty']

function makeRootfs(folder: string): void {
  for (const name of ['bin', 'etc', 'root', 'tmp', 'proc', 'dev', 'sys', 'data'])
    mkdirSync(join(folder, name), { recursive: true })
  copyFileSync(BUSYBOX, join(folder, 'bin/busybox'))
  for (const name of [...APPLETS, 'stty', 'seq', 'awk', 'kill', 'mount', 'touch', 'pwd', 'yes', 'head', 'stat', 'wc'])
    symlinkSync('busybox', join(folder, 'bin', name))
  writeFileSync(join(folder, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nworker:x:1234:1235::/tmp:/bin/sh\n')
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\nworker:x:1235:\nextra:x:2000:worker\n')
  writeFileSync(join(folder, 'data/from-image'), 'from the image\n')
}

const unused = (): never => {
  throw new Error('not part of this stand-in')
}

function fakeLayers(host: Host, containers: string, lower: string): LayerService {
  const of = (id: string, name: string): string => join(containers, id, name)
  const mounted = new Set<string>()
  async function unmount(id: string): Promise<void> {
    host.mounts.umount(of(id, 'merged'), MNT_DETACH)
    mounted.delete(id)
  }
  return {
    async prepare(id) {
      for (const name of ['upper', 'work', 'merged']) mkdirSync(of(id, name), { recursive: true })
    },
    async mount(id) {
      const data = `lowerdir=${lower},upperdir=${of(id, 'upper')},workdir=${of(id, 'work')}`
      if (!mounted.has(id)) host.mounts.mount({ source: 'overlay', target: of(id, 'merged'), type: 'overlay', data })
      mounted.add(id)
      return of(id, 'merged')
    },
    unmount,
    release: unmount,
    async remove(id) {
      await unmount(id)
      for (const name of ['upper', 'work', 'merged']) rmSync(of(id, name), { recursive: true, force: true })
    },
    writeLayer: unused,
    changes: unused,
    sizeBytes: async () => 0,
    mountImage: unused,
    withImageMounted: (_chainIds, work) => work(lower),
    recover: async () => {},
  }
}

function fakeNetworks(host: Host, folder: string): NetworkService {
  const open = new Map<string, ReturnType<NetworkService['sandbox']>>()
  return {
    list: unused,
    inspect: unused,
    create: unused,
    remove: unused,
    validate: async () => {},
    async openSandbox({ containerId, endpoints }) {
      const netnsPath = join(folder, containerId)
      host.netns.create(netnsPath)
      const sandbox = { netnsPath, endpoints, ports: {}, embeddedDns: false, ipv6: false }
      open.set(containerId, sandbox)
      return sandbox
    },
    async closeSandbox(id) {
      await host.netns.remove(join(folder, id))
      open.delete(id)
    },
    keepBridges: () => ({ [Symbol.asyncDispose]: async () => {} }),
    sandbox: (id) => open.get(id),
    connect: unused,
    disconnect: unused,
    renameContainer: async () => {},
    recover: async () => {},
    shutdown: async () => {},
  }
}

function fakeVolumes(folder: string): VolumeService {
  let count = 0
  return {
    list: unused,
    inspect: unused,
    async create({ Name }) {
      count += 1
      const name = Name ?? `anonymous${count}`
      const path = join(folder, name)
      mkdirSync(path, { recursive: true })
      return {
        Name: name,
        Driver: 'local',
        Mountpoint: path,
        CreatedAt: '',
        Labels: null,
        Options: null,
        Scope: 'local' as const,
      }
    },
    async remove(name) {
      rmSync(join(folder, name), { recursive: true, force: true })
    },
    diskUsage: unused,
    prune: unused,
    copyUp: async () => {},
    mount: async (name) => ({ path: join(folder, name), isMounted: false, readOnly: false }),
    release: async () => {},
    removeMadeFor: async () => {},
    recover: async () => {},
  }
}

function fakeImages(config: ContainerConfig): ImageService {
  return {
    list: unused,
    inspect: unused,
    remove: unused,
    tag: unused,
    pull: unused,
    push: unused,
    addBuilt: unused,
    holdBlobs: unused,
    distribution: unused,
    login: unused,
    import: unused,
    bootstrap: unused,
    history: unused,
    commit: unused,
    diskUsage: unused,
    prune: unused,
    save: unused,
    load: unused,
    recover: async () => {},
    resolve: async () => ({
      id: `sha256:${'1'.repeat(64)}`,
      digest: `sha256:${'1'.repeat(64)}`,
      chainIds: [],
      config: { architecture: 'amd64', os: 'linux', config, rootfs: { type: 'layers' as const, diff_ids: [] } },
    }),
  }
}

export interface TestEngine extends AsyncDisposable {
  readonly base: EngineBase
  readonly containers: ContainerService
  readonly events: EventMessage[]
  /** Errors and warnings that the engine wrote to its log. */
  readonly log: string[]
  /** A second service on the same state, as after a crash of the engine. The first one only stops watching. */
  restart(): Promise<ContainerService>
}

/** Everything is removed at disposal. `image`: configuration of the only image there is. */
export async function openTestEngine(image: ContainerConfig = {}): Promise<TestEngine> {
  const root = mkdtempSync(join(tmpdir(), 'mycompose-containers-'))
  const config = engineConfig(join(root, 'root'), '0.0.0')
  const host = createNodeHost()
  await prepareFolders(host.files, config)
  makeRootfs(join(root, 'rootfs'))
  const state = openStateDatabase(config.paths.database)
  const log: string[] = []
  const base: EngineBase = {
    config,
    host,
    state,
    events: createEvents(host.clock, (error) => log.push(String(error))),
    locks: createKeyedMutex(),
    storageDriver: 'overlay',
    unpacker: createUnpacker(host.threads),
    log: (level, message, fields) => {
      if (level === 'error' || level === 'warn') log.push(`${message} ${JSON.stringify(fields)}`)
    },
  }
  const events: EventMessage[] = []
  base.events.subscribe((event) => events.push(event))
  const dependencies = {
    images: fakeImages(image),
    layers: fakeLayers(host, config.paths.containers, join(root, 'rootfs')),
    volumes: fakeVolumes(config.paths.volumes),
    networks: fakeNetworks(host, config.paths.netns),
  }
  // each engine finds the machine anew
  const open = (): ContainerService => createContainerService(base, { ...dependencies, platform: createPlatform(base) })
  let containers = open()
  await containers.recover()
  return {
    base,
    get containers() {
      return containers
    },
    events,
    log,
    async restart() {
      await containers.shutdown()
      containers = open()
      await containers.recover()
      return containers
    },
    async [Symbol.asyncDispose]() {
      for (const { Id } of await containers.list({ all: true, size: false, filters: {} }))
        await containers.remove(Id, { force: true, volumes: true })
      await containers.shutdown()
      state.close()
      rmSync(root, { recursive: true, force: true })
      rmSync(config.paths.run, { recursive: true, force: true })
    },
  }
}
