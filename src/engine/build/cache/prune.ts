/** The cache as a whole: what is in it, and how it is kept small, by hand and by itself. */
import type { BuildCacheRecord, BuildPruneResponse } from '../../../api/types/build.ts'
import type { EngineBase } from '../../context.ts'
import type { BuildPruneOptions } from '../../services/index.ts'
import { freeLayers } from '../../layers/store.ts'
import { listDownloads, removeDownload } from '../context/downloads.ts'
import { listDigests, removeDigests } from '../context/file-digests.ts'
import { listMirrors, removeMirror } from '../context/git-mirror.ts'
import type { KeptPlace } from '../context/kept.ts'
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

/** As BuildKit's ids are long. */
const ID_LENGTH = 25

function toItem(record: BuildRecord, held: ReadonlySet<string>, ofImages: ReadonlySet<string>): CacheItem {
  const { key, description, layer, sizeBytes, created, usedAtMs, usageCount } = record
  const shown: BuildCacheRecord = {
    ID: key.replace('sha256:', '').slice(0, ID_LENGTH),
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

type KeptKind = 'digests' | 'download' | 'repository'

/** As BuildKit calls them. */
const KEPT_TYPES: Readonly<Record<KeptKind, BuildCacheRecord['Type']>> = {
  download: 'regular',
  repository: 'source.git.checkout',
  digests: 'source.local',
}

function toKeptItem(
  kind: KeptKind,
  { place, description, sizeBytes, createdAtMs, usedAtMs }: KeptPlace,
): [CacheItem, Source] {
  const record: BuildCacheRecord = {
    ID: place.slice(0, ID_LENGTH),
    Type: KEPT_TYPES[kind],
    Description: description,
    InUse: false,
    Shared: false,
    Size: sizeBytes,
    CreatedAt: new Date(Number.isFinite(createdAtMs) ? createdAtMs : usedAtMs).toISOString(),
    LastUsedAt: new Date(usedAtMs).toISOString(),
    UsageCount: 1,
  }
  return [
    { record, usedAtMs },
    { kind, place },
  ]
}

type Source =
  | { readonly kind: 'step'; readonly record: BuildRecord }
  | { readonly kind: 'mount'; readonly key: string }
  | { readonly kind: KeptKind; readonly place: string }

export interface CacheContext {
  readonly base: EngineBase
  readonly cacheMounts: CacheMounts
}

/** Newest use first. */
async function listItems({ base, cacheMounts }: CacheContext): Promise<ReadonlyMap<CacheItem, Source>> {
  const { state } = base
  const held = heldLayers(state)
  const ofImages = new Set(listImages(state).flatMap(({ chainIds }) => chainIds))
  const items: [CacheItem, Source][] = []
  for (const record of listBuildRecords(state)) items.push([toItem(record, held, ofImages), { kind: 'step', record }])
  for (const mount of await cacheMounts.list()) items.push([toMountItem(mount), { kind: 'mount', key: mount.key }])
  for (const kept of await listDownloads(base)) items.push(toKeptItem('download', kept))
  for (const kept of await listMirrors(base)) items.push(toKeptItem('repository', kept))
  for (const kept of await listDigests(base)) items.push(toKeptItem('digests', kept))
  return new Map(items.toSorted(([a], [b]) => b.usedAtMs - a.usedAtMs))
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

/** False: it is in use since, or gone. Steps are removed all at once. */
async function removeFolder({ base, cacheMounts }: CacheContext, source: Source): Promise<boolean> {
  switch (source.kind) {
    case 'step':
      return true
    case 'mount':
      return await cacheMounts.remove(source.key)
    case 'download':
      return await removeDownload(base, source.place)
    case 'repository':
      return await removeMirror(base, source.place)
    case 'digests':
      return await removeDigests(base, source.place)
    default:
      return source satisfies never
  }
}

/** Throws InvalidRequestError for a filter that it does not know. */
export async function pruneCache(context: CacheContext, options: BuildPruneOptions): Promise<BuildPruneResponse> {
  const { base } = context
  const items = await listItems(context)
  const doomed = selectForPrune([...items.keys()], { ...options, nowMs: base.host.clock.nowMs() })
  const steps = doomed.flatMap((item) => {
    const source = items.get(item)
    return source?.kind === 'step' ? source.record : []
  })
  const deleted: string[] = []
  let bytes = await removeSteps(base, steps)
  for (const item of doomed) {
    const source = items.get(item)
    if (source === undefined || !(await removeFolder(context, source))) continue
    if (source.kind !== 'step') bytes += item.record.Size
    deleted.push(item.record.ID)
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
