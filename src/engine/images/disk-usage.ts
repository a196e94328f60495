/** What images take on the disk: layers once each, what images share, and the blobs kept for push and save. */
import type { ImageSummary } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import type { ImagesUsage } from '../services/index.ts'
import type { BlobKeeper } from './blob-keeper.ts'
import { findImage } from '../../state/images.ts'
import { listLayers } from '../../state/layers.ts'

/** `images`: all of them; the result has their SharedSize. */
export async function imagesUsage(
  { state }: EngineBase,
  blobs: BlobKeeper,
  images: readonly ImageSummary[],
): Promise<ImagesUsage> {
  const sizes = new Map(listLayers(state).map(({ chainId, sizeBytes }) => [chainId, sizeBytes]))
  const stacks = images.map(({ Id }) => findImage(state, Id)?.chainIds ?? [])
  const users = new Map<string, number>()
  for (const chainId of stacks.flat()) users.set(chainId, (users.get(chainId) ?? 0) + 1)
  const shared = (stack: readonly string[]): number =>
    stack.reduce((total, id) => total + ((users.get(id) ?? 0) > 1 ? (sizes.get(id) ?? 0) : 0), 0)
  return {
    layerBytes: [...sizes.values()].reduce((total, size) => total + size, 0),
    images: images.map((image, index) => ({ ...image, SharedSize: shared(stacks[index] ?? []) })),
    blobs: await blobs.usage(),
  }
}
