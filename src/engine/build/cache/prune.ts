/** The cache as a whole: what is in it, and how it is kept small, by hand and by itself. */
import type { BuildCacheRecord, BuildPruneResponse } from '../../../api/types/build.ts'
import type { EngineBase } from '../../context.ts'
import type { BuildPruneOptions } from '../../services/index.ts'
import { freeLayers } from '../../layers/store.ts'
import type { CacheMountRecord, CacheMounts } from '../run/cache-mounts.ts'
import { selectForPrune, type CacheItem } from './selection.ts'
import {
  deleteBuildRecord,
  deleteStrayChecksums,
  heldLayers,
  listBuildRecords,
  type BuildRecord,
} from '../../../state/builds.ts'
import { listImages } from '../../../state/images.ts'
import { findLayer } from '../../../state/layers.ts'

function toItem(record: BuildRecord, held: ReadonlySet<string>, ofImages: ReadonlySet<string>): CacheItem {
  const { key, description, layer, sizeBytes, created, usedAtMs, usageCount } = record
  const shown: BuildCacheRecord = {
    ID: key.replace('sha256:', '').slice(0, 25),
    Type: 'regular',
    Description: description,
    InUse: layer !== undefined && held.has(layer),
    Shared: layer !== undefined && ofImages.has(layer),
    Size: sizeBytes,
    CreatedAt: created,
    LastUsedAt: new Date(usedAtMs).toISOString(),
    UsageCount: usageCount,
  }
  return { record: shown, usedAtMs }
}

function toMountItem({ key, id, createdAt, lastUsedAt, sizeBytes, inUse }: CacheMountRecord): CacheItem {
  const record: BuildCacheRecord = {
    ID: key,
    Type: 'exec.cachemount',
    Description: `cache mount ${id}`,
    InUse: inUse,
    Shared: false,
    Size: sizeBytes,
    CreatedAt: createdAt,
    LastUsedAt: lastUsedAt,
    UsageCount: 1,
  }
  return { record, usedAtMs: Date.parse(lastUsedAt) }
}

/** A step's record, or (undefined) the folder of a cache mount, whose ID names it. */
type Source = BuildRecord | undefined

export interface CacheContext {
  readonly base: EngineBase
  readonly cacheMounts: CacheMounts
}

/** Newest use first. */
async function listItems({ base: { state }, cacheMounts }: CacheContext): Promise<ReadonlyMap<CacheItem, Source>> {
  const held = heldLayers(state)
  const ofImages = new Set(listImages(state).flatMap(({ chainIds }) => chainIds))
  const steps = listBuildRecords(state).map((source): [CacheItem, Source] => [toItem(source, held, ofImages), source])
  const mounts = (await cacheMounts.list()).map((mount): [CacheItem, Source] => [toMountItem(mount), undefined])
  return new Map([...steps, ...mounts].toSorted(([a], [b]) => b.usedAtMs - a.usedAtMs))
}

export async function listCache(context: CacheContext): Promise<BuildCacheRecord[]> {
  return [...(await listItems(context)).keys()].map(({ record }) => record)
}

/** Returns the bytes that this freed: a layer that an image stands on stays. */
async function removeSteps(base: EngineBase, records: readonly BuildRecord[]): Promise<number> {
  const { state } = base
  if (records.length === 0) return 0
  const sizes = new Map(records.map(({ layer, sizeBytes }) => [layer, sizeBytes]))
  const layers = records.flatMap(({ layer }) => layer ?? [])
  const freed = await freeLayers(base, layers, () => {
    for (const { key } of records) deleteBuildRecord(state, key)
  })
  state.transaction(() => deleteStrayChecksums(state))
  return freed.reduce((total, chainId) => total + (sizes.get(chainId) ?? 0), 0)
}

/** Throws InvalidRequestError for a filter that it does not know. */
export async function pruneCache(context: CacheContext, options: BuildPruneOptions): Promise<BuildPruneResponse> {
  const { base, cacheMounts } = context
  const items = await listItems(context)
  const doomed = selectForPrune([...items.keys()], { ...options, nowMs: base.host.clock.nowMs() })
  const deleted: string[] = []
  let bytes = await removeSteps(
    base,
    doomed.flatMap((item) => items.get(item) ?? []),
  )
  for (const item of doomed) {
    const { ID: id, Size: size } = item.record
    const isMount = items.get(item) === undefined
    if (isMount && !(await cacheMounts.remove(id))) continue // in use since
    if (isMount) bytes += size
    deleted.push(id)
  }
  return { CachesDeleted: deleted, SpaceReclaimed: bytes }
}

/** Records of layers that are not there any more, as after a crash or an older engine's clean-up. */
export function dropLostRecords({ state }: Pick<EngineBase, 'state'>): void {
  state.transaction(() => {
    for (const { key, layer } of listBuildRecords(state))
      if (layer !== undefined && findLayer(state, layer) === undefined) deleteBuildRecord(state, key)
    deleteStrayChecksums(state)
  })
}
