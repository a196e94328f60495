/**
 * Root file systems of containers: a write layer over an image's layers. On disk containers/<id>/{upper,work,merged} and
 * layers.json, the chain ids it stands on, so that a container can be mounted again whatever became of its image's name.
 */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ContainerChange } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import type { LayerService } from '../services/index.ts'
import { diskUsageBytes } from './disk-usage.ts'
import { ensureFloorLayer } from './floor-layer.ts'
import { mountPointsBelow, unmount } from './mount-points.ts'
import { emptyFolder, lowerOf } from './lower.ts'
import { lowerFolders, mountOverlay } from './overlay.ts'
import { recoverLayers } from './recovery.ts'
import { STORE_LOCK, layersOf } from './store.ts'
import { createVfsLayerService } from './vfs.ts'
import { listChanges, packWriteLayer } from './write-layer.ts'
import { NotFoundError } from '../../errors.ts'

interface WriteLayer {
  readonly folder: string
  readonly upper: string
  readonly work: string
  readonly merged: string
  readonly stack: string
}

function writeLayerOf({ config }: EngineBase, containerId: string): WriteLayer {
  const folder = join(config.paths.containers, containerId)
  const inside = (name: string): string => join(folder, name)
  return {
    folder,
    upper: inside('upper'),
    work: inside('work'),
    merged: inside('merged'),
    stack: inside('layers.json'),
  }
}

async function prepare(base: EngineBase, containerId: string, chainIds: readonly string[]): Promise<void> {
  const { host, locks } = base
  const { folder, upper, work, merged, stack } = writeLayerOf(base, containerId)
  await locks.run(STORE_LOCK, async () => {
    if (host.files.existsSync(stack)) return
    const top = (await lowerOf(base, chainIds)).at(-1) ?? ''
    // in the merged tree the root folder is the write layer's: it must look like the image's
    const { mode, uid, gid } = await host.files.stat(top)
    await host.files.mkdir(folder, { recursive: true, mode: 0o700 })
    for (const path of [upper, work, merged]) await host.files.mkdir(path, { recursive: true, mode: 0o700 })
    await host.files.chown(upper, uid, gid)
    await host.files.chmod(upper, mode & 0o7777)
    // not flushed: state.db is not at this point either, and an empty file after a power failure is noticed in `mount`
    await host.files.writeAtomic(stack, JSON.stringify(chainIds), { mode: 0o600, durable: false })
  })
}

function isMounted({ host }: EngineBase, { folder, merged }: WriteLayer): boolean {
  return mountPointsBelow(host, folder).includes(merged)
}

async function mount(base: EngineBase, containerId: string): Promise<string> {
  const layer = writeLayerOf(base, containerId)
  if (isMounted(base, layer)) return layer.merged
  const text = await base.host.files.readTextIfExists(layer.stack)
  if (text === undefined || text === '')
    throw new NotFoundError(`container ${containerId} has no write layer at ${layer.folder}`)
  const { layerLinks } = base.config.paths
  const floor = await ensureFloorLayer(base)
  const lower = [floor, ...lowerFolders(layerLinks, layersOf(base, JSON.parse(text) as string[]))]
  const { upper, work, merged } = layer
  mountOverlay(base.host.mounts, { target: merged, lower, upper: { upper, work } })
  return merged
}

/** Without its stack nobody mounts a write layer that is half removed. */
async function release(base: EngineBase, containerId: string): Promise<void> {
  const { host } = base
  const { folder, stack } = writeLayerOf(base, containerId)
  for (const point of mountPointsBelow(host, folder).toReversed()) await unmount(base, point)
  await host.files.rm(stack, { force: true })
}

async function remove(base: EngineBase, containerId: string): Promise<void> {
  await release(base, containerId)
  await base.host.files.rm(writeLayerOf(base, containerId).folder, { recursive: true, force: true })
}

async function mountImage(base: EngineBase, chainIds: readonly string[], target: string): Promise<void> {
  const { host, config } = base
  await host.files.mkdir(target, { recursive: true, mode: 0o755 })
  const lower = await lowerOf(base, chainIds)
  // without a write layer overlay wants two below
  if (lower.length === 1) lower.unshift(await emptyFolder(base))
  if (mountPointsBelow(host, config.paths.containers).includes(target)) return
  mountOverlay(host.mounts, { target, lower })
}

async function withImageMounted<T>(
  base: EngineBase,
  chainIds: readonly string[],
  work: (root: string) => Promise<T>,
): Promise<T> {
  const { host, config } = base
  const lower = await lowerOf(base, chainIds)
  const [only] = lower
  if (lower.length === 1 && only !== undefined) return work(await host.files.realpath(only))
  const target = await host.files.mkdtemp(join(config.paths.temporary, 'look-'))
  await using undo = new AsyncDisposableStack()
  undo.defer(() => host.files.rmdir(target))
  mountOverlay(host.mounts, { target, lower })
  undo.defer(() => unmount(base, target))
  return await work(target)
}

async function changes(base: EngineBase, containerId: string): Promise<ContainerChange[]> {
  const { upper, stack } = writeLayerOf(base, containerId)
  const chainIds = JSON.parse((await base.host.files.readTextIfExists(stack)) || '[]') as string[]
  const floor = await ensureFloorLayer(base)
  const lower = [floor, ...lowerFolders(base.config.paths.layerLinks, layersOf(base, chainIds))]
  return await listChanges(base.host.at, upper, lower.toReversed())
}

/** The LayerService; see services.ts for what each call promises. */
export function createLayerService(base: EngineBase): LayerService {
  if (base.storageDriver === 'vfs') return createVfsLayerService(base)
  return {
    prepare: (containerId, chainIds) => prepare(base, containerId, chainIds),
    mount: (containerId) => mount(base, containerId),
    unmount: (containerId) => unmount(base, writeLayerOf(base, containerId).merged),
    release: (containerId) => release(base, containerId),
    remove: (containerId) => remove(base, containerId),
    writeLayer: (containerId) =>
      Readable.from(packWriteLayer(base.host.at, writeLayerOf(base, containerId).upper), { objectMode: false }),
    changes: (containerId) => changes(base, containerId),
    sizeBytes: (containerId) => diskUsageBytes(base.host.at, writeLayerOf(base, containerId).upper),
    mountImage: (chainIds, target) => mountImage(base, chainIds, target),
    withImageMounted: (chainIds, work) => withImageMounted(base, chainIds, work),
    recover: () => recoverLayers(base),
  }
}
