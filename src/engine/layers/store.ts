/**
 * The store of layers: a tar becomes a folder under its content's name. Unpacked into tmp/, brought to the disk, renamed
 * into place, and only then recorded, together with the image that asked for it; so a row is never a lie, and a crash
 * leaves nothing but rubbish in tmp/.
 */
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { EngineBase } from '../context.ts'
import { chainIdOf, hexOf } from './chain.ts'
import { setRoot } from './layer-sink.ts'
import { readLayerLimits } from './limits.ts'
import { ConflictError } from '../../errors.ts'
import { layersOfBuilds } from '../../state/builds.ts'
import { listImages, type BlobRecord } from '../../state/images.ts'
import { deleteLayer, findLayer, insertLayer, listLayers, updateLayer, type LayerRecord } from '../../state/layers.ts'

/** One for the whole store: whoever adds, removes or begins to use layers. Held for milliseconds. */
export const STORE_LOCK = 'layer:store'

export interface StagedLayer {
  /** Holds diff/. */
  readonly folder: string
  readonly diffId: string
  readonly sizeBytes: number
  readonly rootOpaque: boolean
  readonly entries: number
  readonly newestMtimeNs: bigint
  /** What it came in, when that is kept. */
  readonly blob?: BlobRecord
  /** Leads to its files wherever `folder` is moved: it is shared, and not removed here. */
  readonly path?: string
}

export interface StageOptions {
  /**
   * The stack that it will stand on, lowest first: chain ids, or layers that are staged and not committed yet; those that
   * are being staged must have been begun (`onStart`) before.
   */
  readonly lower: readonly (string | StagedLayer | Promise<StagedLayer>)[]
  readonly signal?: AbortSignal
  /** Unpacking has begun. */
  readonly onStart?: () => void
  /** The diff id is that of the folder packed by ourselves, not of this tar: for layers that are made here. */
  readonly isOurs?: boolean
  /** Bytes of the uncompressed tar so far. */
  readonly onProgress?: (bytes: number) => void
}

/** The records of a stack, lowest first. Throws ConflictError when one is gone. */
export function layersOf({ state }: Pick<EngineBase, 'state'>, chainIds: readonly string[]): LayerRecord[] {
  return chainIds.map((chainId) => {
    const layer = findLayer(state, chainId)
    if (layer === undefined)
      throw new ConflictError(`layer ${chainId.slice(0, 19)} is not in the store`, {
        code: 'LAYER_MISSING',
        hint: 'the image is damaged or was removed: import or bootstrap it again',
      })
    return layer
  })
}

/** Removes a staged layer that is not wanted after all. */
export async function discardLayer({ host }: EngineBase, staged: StagedLayer): Promise<void> {
  await host.files.rm(staged.folder, { recursive: true, force: true })
}

/** Folders of what a layer will stand on, uppermost first; what one with an opaque root hides is left out. */
async function stagedOn(base: EngineBase, lower: StageOptions['lower']): Promise<string[]> {
  const { layerLinks } = base.config.paths
  const layers = (await Promise.all(lower.map((layer) => Promise.resolve(layer)))).flatMap((layer) =>
    typeof layer === 'string'
      ? layersOf(base, [layer]).map(({ shortName, rootOpaque }) => ({ path: join(layerLinks, shortName), rootOpaque }))
      : [{ path: layer.path ?? join(layer.folder, 'diff'), rootOpaque: layer.rootOpaque }],
  )
  const bottom = layers.findLastIndex(({ rootOpaque }) => rootOpaque)
  return layers
    .slice(Math.max(bottom, 0))
    .map(({ path }) => path)
    .toReversed()
}

/** The root of a layer that says nothing of it looks like that of the uppermost layer below. */
function inheritRoot({ host: { at } }: EngineBase, diff: string, [uppermost]: readonly string[]): void {
  using cleanup = new DisposableStack()
  const open = (path: string): number => cleanup.adopt(at.openRoot(path), (fd) => at.close(fd))
  setRoot(at, open(diff), uppermost === undefined ? undefined : at.stat(open(uppermost), '.'))
}

/**
 * Unpacks a tar (plain, gzip, zstd) into tmp/, on a thread. It may begin while the layers below are still on their way,
 * and is complete after them. Throws TAR_INVALID, DISK_FULL, CanceledError, system errors (ENOSPC).
 */
export async function stageLayer(base: EngineBase, tar: Readable, options: StageOptions): Promise<StagedLayer> {
  const { host, config } = base
  const { lower, isOurs = false, signal, onStart, onProgress } = options
  const below = stagedOn(base, lower)
  below.catch(() => {}) // until somebody waits for it
  const limits = await readLayerLimits(host, config.paths.root)
  await using undo = new AsyncDisposableStack()
  const folder = await host.files.mkdtemp(join(config.paths.temporary, 'layer-'))
  undo.defer(() => host.files.rm(folder, { recursive: true, force: true }))
  await host.files.mkdir(join(folder, 'diff'), { mode: 0o755 })
  const whiteouts = base.storageDriver === 'vfs' ? 'marker' : 'device'
  const task = { folder, whiteouts, limits, isOurs } as const
  const { inheritsRoot, ...unpacked } = await base.unpacker.unpack(task, tar, { below, signal, onStart, onProgress })
  if (inheritsRoot && !isOurs) inheritRoot(base, join(folder, 'diff'), await below)
  else await below
  undo.move()
  return { folder, ...unpacked }
}

function freeShortName(taken: ReadonlySet<string>): string {
  for (let number = 0; ; number += 1) {
    const name = number.toString(36)
    if (!taken.has(name)) return name
  }
}

async function syncFolder({ host }: EngineBase, path: string): Promise<void> {
  const folder = await host.files.open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Moves a staged layer to its place. Nothing is there that a row speaks of. */
async function placeLayer(
  base: EngineBase,
  staged: StagedLayer,
  { chainId, shortName }: Pick<LayerRecord, 'chainId' | 'shortName'>,
): Promise<LayerRecord> {
  const { host, config } = base
  const hex = hexOf(chainId)
  const place = join(config.paths.layers, hex)
  const link = join(config.paths.layerLinks, shortName)
  await host.files.rm(place, { recursive: true, force: true })
  await host.files.rm(link, { force: true })
  await host.files.writeFile(join(staged.folder, 'link'), shortName)
  await host.files.chmod(staged.folder, 0o700)
  await host.files.rename(staged.folder, place)
  await host.files.symlink(join('..', 'layers', hex, 'diff'), link)
  const { diffId, sizeBytes, rootOpaque, blob } = staged
  const newestMtimeNs = String(staged.newestMtimeNs)
  const created = host.clock.nowRfc3339()
  const record = { chainId, diffId, shortName, sizeBytes, rootOpaque, newestMtimeNs, created }
  return blob === undefined ? record : { ...record, blob }
}

/** Names this boot: what is not on the disk yet does not outlive it. */
export function currentBoot({ host }: Pick<EngineBase, 'host'>): string {
  return (host.files.readTextSync('/proc/sys/kernel/random/boot_id') ?? '').trim()
}

/** A layer that came to the disk with the others. */
function settled({ pendingBoot: _over, ...layer }: LayerRecord): LayerRecord {
  return layer
}

export interface CommitLayersOptions {
  /**
   * The layers are brought to the disk by a later commit that stands on them: of steps of a build, of which only the last
   * becomes an image. Until then they last as long as this boot.
   */
  readonly isPending?: boolean
}

/**
 * Brings staged layers into the store on top of `parents` and records them in one transaction with what `record` does
 * (the image's rows). Layers that are there already are shared, and the staged ones removed.
 */
export async function commitLayers(
  base: EngineBase,
  parents: readonly string[],
  staged: readonly StagedLayer[],
  record: (layers: readonly LayerRecord[]) => void,
  { isPending = false }: CommitLayersOptions = {},
): Promise<void> {
  const { host, config, locks, state } = base
  const pendingOf = (layers: readonly LayerRecord[]): LayerRecord[] =>
    layers.filter(({ pendingBoot }) => pendingBoot !== undefined)
  const synced = new Set(pendingOf(parents.flatMap((id) => findLayer(state, id) ?? [])).map(({ chainId }) => chainId))
  if (!isPending && (staged.length > 0 || synced.size > 0)) await host.at.syncFileSystem(config.paths.root)
  await locks.run(STORE_LOCK, async () => {
    const layers = layersOf(base, parents)
    const fresh: LayerRecord[] = []
    const names = new Set(listLayers(state).map((layer) => layer.shortName))
    for (const layer of staged) {
      const chainId = chainIdOf(layers.at(-1)?.chainId, layer.diffId)
      const known = findLayer(state, chainId)
      if (known !== undefined) {
        layers.push(known)
        if (layer.path === undefined) await discardLayer(base, layer)
        continue
      }
      const shortName = freeShortName(names)
      names.add(shortName)
      const placed = await placeLayer(base, layer, { chainId, shortName })
      const recorded = isPending ? { ...placed, pendingBoot: currentBoot(base) } : placed
      layers.push(recorded)
      fresh.push(recorded)
    }
    if (fresh.length > 0 && !isPending) {
      await syncFolder(base, config.paths.layers)
      await syncFolder(base, config.paths.layerLinks)
    }
    const pending = isPending ? [] : pendingOf(layers)
    // one that came between the sync and the lock
    if (pending.some(({ chainId }) => !synced.has(chainId))) await host.at.syncFileSystem(config.paths.root)
    state.transaction(() => {
      for (const layer of fresh) insertLayer(state, layer)
      for (const layer of pending) updateLayer(state, settled(layer))
      record(isPending ? layers : layers.map(settled))
    })
  })
}

/** Chain ids that the write layers of containers stand on: their layers.json. */
export async function layersOfContainers({ host, config }: EngineBase): Promise<Set<string>> {
  const used = new Set<string>()
  for (const id of await host.files.readdir(config.paths.containers)) {
    const text = await host.files.readTextIfExists(join(config.paths.containers, id, 'layers.json'))
    if (text === undefined || text === '') continue
    const chainIds = JSON.parse(text) as unknown
    if (Array.isArray(chainIds)) for (const chainId of chainIds) used.add(String(chainId))
  }
  return used
}

async function deleteFolder(base: EngineBase, layer: Pick<LayerRecord, 'chainId' | 'shortName'>): Promise<void> {
  const { host, config } = base
  const hex = hexOf(layer.chainId)
  await host.files.rm(join(config.paths.layerLinks, layer.shortName), { force: true })
  const rubbish = join(config.paths.temporary, `gone-${hex.slice(0, 16)}-${host.randomHex(4)}`)
  await host.files.rename(join(config.paths.layers, hex), rubbish)
  await host.files.rm(rubbish, { recursive: true, force: true })
}

/**
 * Runs `forget` (the image's or record's rows go) and deletes those of `chainIds` that no image, no container and no build
 * stands on any more and that the build cache does not name.
 * Returns their chain ids, uppermost first.
 */
export async function freeLayers(base: EngineBase, chainIds: readonly string[], forget: () => void): Promise<string[]> {
  const { locks, state } = base
  return locks.run(STORE_LOCK, async () => {
    const used = await layersOfContainers(base)
    const freed: LayerRecord[] = []
    state.transaction(() => {
      forget()
      for (const image of listImages(state)) for (const chainId of image.chainIds) used.add(chainId)
      for (const chainId of layersOfBuilds(state)) used.add(chainId)
      for (const chainId of chainIds.toReversed()) {
        const layer = used.has(chainId) ? undefined : findLayer(state, chainId)
        if (layer === undefined) continue
        deleteLayer(state, chainId)
        freed.push(layer)
      }
    })
    for (const layer of freed) await deleteFolder(base, layer)
    return freed.map((layer) => layer.chainId)
  })
}
