/**
 * Images, layers and volumes of a private engine without its process: real files, real mounts, a root of its own that
 * is removed, with all that is mounted below it, when the test ends.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { engineConfig } from '../../src/engine/config.ts'
import type { EngineBase, StorageDriver } from '../../src/engine/context.ts'
import { createEvents } from '../../src/engine/events.ts'
import { prepareFolders } from '../../src/engine/folders.ts'
import { createImageService } from '../../src/engine/images/service.ts'
import { createLayerService } from '../../src/engine/layers/service.ts'
import { createUnpacker } from '../../src/engine/layers/unpack-pool.ts'
import { createKeyedMutex } from '../../src/engine/locks.ts'
import type { ContainerService, ImageService, LayerService, VolumeService } from '../../src/engine/services/index.ts'
import { createVolumeService } from '../../src/engine/volumes/service.ts'
import type { Host } from '../../src/host/host.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { openStateDatabase } from '../../src/state/database.ts'

type Users = ReturnType<ContainerService['usersOf']>

export interface PrivateStore {
  readonly base: EngineBase
  readonly root: string
  readonly images: ImageService
  readonly layers: LayerService
  readonly volumes: VolumeService
  /** What usersOf answers from now on. */
  setUsers(users: Users): void
  /** Messages of the log so far. */
  readonly logged: string[]
}

/** Mount points below `folder`, read from the kernel. */
export function mountsBelow(folder: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  return lines.map((line) => line.split(' ')[4] ?? '').filter((point) => point.startsWith(`${folder}/`))
}

/** Fails the test when a mount is left. */
export async function openPrivateStore(
  t: Pick<TestContext, 'after'>,
  storageDriver: StorageDriver = 'overlay',
  /** Replaces parts of the host, its clock say. */
  change: (host: Host) => Host = (own) => own,
): Promise<PrivateStore> {
  const host = change(createNodeHost())
  const root = mkdtempSync(join(tmpdir(), 'mycompose-store-'))
  const config = engineConfig(root, 'test')
  await prepareFolders(host.files, config)
  const state = openStateDatabase(config.paths.database)
  const logged: string[] = []
  const base: EngineBase = {
    config,
    host,
    state,
    events: createEvents(host.clock, () => {}),
    locks: createKeyedMutex(),
    storageDriver,
    unpacker: createUnpacker(host.threads),
    log: (_, message) => void logged.push(message),
  }
  let users: Users = []
  const layers = createLayerService(base)
  const images = createImageService(base, { layers, usersOf: () => users })
  const volumes = createVolumeService(base, { usersOf: () => users })
  t.after(async () => {
    await base.unpacker.close()
    const left = mountsBelow(root)
    for (const point of left.toReversed()) host.mounts.umount(point)
    state.close()
    rmSync(root, { recursive: true, force: true })
    rmSync(config.paths.run, { recursive: true, force: true })
    if (left.length > 0) throw new Error(`mounts were left behind: ${left.join(', ')}`)
  })
  return { base, root, images, layers, volumes, logged, setUsers: (next) => void (users = next) }
}
