/**
 * Removing images that nothing needs: untagged ones, or all that no container uses; and what is left in the blob store of
 * pulls that were broken off. Source: Docker Engine API v1.51 ImagePrune.
 */
import type { ImageDeleteResponse, ImageSummary } from '../../api/types/index.ts'
import { checkFilterNames, hasLabel, isTrue, parseTimeMs } from '../../api/filters.ts'
import type { EngineBase } from '../context.ts'
import type { Filters } from '../services/index.ts'
import type { BlobKeeper } from './blob-keeper.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { listLayers } from '../../state/layers.ts'

export interface PruneContext {
  readonly base: EngineBase
  readonly blobs: BlobKeeper
  readonly list: () => Promise<ImageSummary[]>
  /** `force` takes several names off at once; users were looked at before. */
  readonly remove: (reference: string) => Promise<ImageDeleteResponse>
}

export interface PruneResult {
  readonly ImagesDeleted: ImageDeleteResponse
  readonly SpaceReclaimed: number
}

function isDoomed(image: ImageSummary, filters: Filters, nowMs: number): boolean {
  const danglingOnly = !(filters['dangling'] ?? []).some((value) => !isTrue(value))
  const labels = image.Labels ?? {}
  const isNamed = image.RepoTags.length > 0 || image.PlatformOf !== undefined
  if (image.Containers > 0 || (danglingOnly && isNamed)) return false
  return (
    (filters['until'] ?? []).every((text) => image.Created * 1000 < parseTimeMs(text, nowMs)) &&
    (filters['label'] ?? []).every((wanted) => hasLabel(labels, wanted)) &&
    !(filters['label!'] ?? []).some((unwanted) => hasLabel(labels, unwanted))
  )
}

/** Throws InvalidRequestError for a filter that it does not know. */
export async function pruneImages({ base, blobs, list, remove }: PruneContext, filters: Filters): Promise<PruneResult> {
  checkFilterNames(filters, ['dangling', 'label', 'label!', 'until'])
  const nowMs = base.host.clock.nowMs()
  const sizes = new Map(listLayers(base.state).map(({ chainId, sizeBytes }) => [chainId, sizeBytes]))
  const before = await blobs.usage()
  const deleted: ImageDeleteResponse[number][] = []
  for (const image of await list()) {
    if (!isDoomed(image, filters, nowMs)) continue
    for (const target of image.RepoTags.length === 0 ? [image.Id] : image.RepoTags)
      try {
        deleted.push(...(await remove(target)))
      } catch (error) {
        if (error instanceof ConflictError || error instanceof NotFoundError) continue // taken into use, or gone, since
        throw error
      }
  }
  await blobs.free({ kind: 'all' })
  const after = await blobs.usage()
  const layerBytes = deleted.reduce(
    (total, step) => total + ('Deleted' in step ? (sizes.get(step.Deleted) ?? 0) : 0),
    0,
  )
  return { ImagesDeleted: deleted, SpaceReclaimed: layerBytes + Math.max(0, before.sizeBytes - after.sizeBytes) }
}
