/** The cache as a whole: what is in it, and how it is kept small, by hand and by itself. */
import type { BuildCacheRecord, BuildPruneResponse } from '../../../api/types/build.ts'
import type { EngineBase } from '../../context.ts'
import type { BuildPruneOptions } from '../../services/index.ts'
import { freeLayers } from '../../layers/store.ts'
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

interface KnownItem {
  readonly item: CacheItem
  readonly source: BuildRecord
}

/** Newest use first. */
function listItems({ state }: Pick<EngineBase, 'state'>): readonly KnownItem[] {
  const held = heldLayers(state)
  const ofImages = new Set(listImages(state).flatMap(({ chainIds }) => chainIds))
  return listBuildRecords(state)
    .map((source) => ({ item: toItem(source, held, ofImages), source }))
    .toSorted((a, b) => b.source.usedAtMs - a.source.usedAtMs)
}

export function listCache(base: Pick<EngineBase, 'state'>): BuildCacheRecord[] {
  return listItems(base).map(({ item }) => item.record)
}

/** Throws InvalidRequestError for a filter that it does not know. */
export async function pruneCache(base: EngineBase, options: BuildPruneOptions): Promise<BuildPruneResponse> {
  const { state, host } = base
  const items = new Map(listItems(base).map(({ item, source }) => [item, source]))
  const doomed = selectForPrune([...items.keys()], { ...options, nowMs: host.clock.nowMs() })
  if (doomed.length === 0) return { CachesDeleted: [], SpaceReclaimed: 0 }
  const records = doomed.flatMap((item) => items.get(item) ?? [])
  const sizes = new Map(records.map(({ layer, sizeBytes }) => [layer, sizeBytes]))
  const layers = records.flatMap(({ layer }) => layer ?? [])
  const freed = await freeLayers(base, layers, () => {
    for (const { key } of records) deleteBuildRecord(state, key)
  })
  state.transaction(() => deleteStrayChecksums(state))
  return {
    CachesDeleted: doomed.map(({ record }) => record.ID),
    SpaceReclaimed: freed.reduce((total, chainId) => total + (sizes.get(chainId) ?? 0), 0),
  }
}

/** Records of layers that are not there any more, as after a crash or an older engine's clean-up. */
export function dropLostRecords({ state }: Pick<EngineBase, 'state'>): void {
  state.transaction(() => {
    for (const { key, layer } of listBuildRecords(state))
      if (layer !== undefined && findLayer(state, layer) === undefined) deleteBuildRecord(state, key)
    deleteStrayChecksums(state)
  })
}
