/** Images as lists and inspections show them. Lists read the state alone: no file is opened for an image. */
import { join } from 'node:path'
import type { ImageHistoryItem, ImageInspect, ImageSummary } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import type { ContainerService, Filters } from '../services/index.ts'
import { createdMs, toInspect, toSummary, type DescribedImage, type ListedImage } from './describe.ts'
import { matchesImage, shownTags } from './filters.ts'
import { toHistory } from './history.ts'
import { summaryOf } from './image-config.ts'
import { toFamiliar } from '../../api/reference.ts'
import { imageFor } from './platforms.ts'
import { findImageByText, readConfig } from './store.ts'
import { hexOf } from '../layers/chain.ts'
import { layersOf } from '../layers/store.ts'
import type { Platform } from '../registry/manifest.ts'
import { listImages, type ImageFacts, type ImageRecord } from '../../state/images.ts'
import { listOtherPlatforms, listTags, tagsAsPlatform, tagsOf } from '../../state/tags.ts'

async function describe(base: EngineBase, image: ImageRecord, tags: readonly string[]): Promise<DescribedImage> {
  return { image, tags, config: await readConfig(base, image.id) }
}

/** Rows of the first version say nothing of their configuration: it is read, and a damaged one is logged. */
async function factsOf(base: EngineBase, image: ImageRecord): Promise<ImageFacts> {
  if (image.summary !== undefined) return image.summary
  try {
    return summaryOf(await readConfig(base, image.id))
  } catch (error) {
    base.log('error', 'an image is damaged', { image: image.id, error: String(error) })
    return { labels: null }
  }
}

async function listed(base: EngineBase): Promise<ListedImage[]> {
  const tags = Map.groupBy(listTags(base.state), (tag) => tag.imageId)
  const others = Map.groupBy(listOtherPlatforms(base.state), (tag) => tag.imageId)
  const images: ListedImage[] = []
  for (const image of listImages(base.state)) {
    const names = (tags.get(image.id) ?? []).map((tag) => tag.reference)
    const platformOf = (others.get(image.id) ?? []).map((tag) => tag.reference)
    images.push({ image, facts: await factsOf(base, image), tags: names, platformOf })
  }
  return images
}

/** Newest first. Throws InvalidRequestError. */
export async function list(
  base: EngineBase,
  { usersOf }: { readonly usersOf: ContainerService['usersOf'] },
  filters: Filters,
): Promise<ImageSummary[]> {
  const all = await listed(base)
  const created = new Map(all.map((one) => [one.image.id, createdMs(one)]))
  const context = {
    nowMs: base.host.clock.nowMs(),
    createdMsOf: (text: string) => created.get(findImageByText(base, text).image.id) ?? 0,
  }
  return all
    .filter((image) => matchesImage(image, filters, context))
    .map((image) => ({
      ...image,
      tags: shownTags(image.tags, filters),
      platformOf: shownTags(image.platformOf, filters),
    }))
    .map((image) => toSummary(image, usersOf({ imageId: image.image.id }).length))
    .toSorted((a, b) => b.Created - a.Created || (a.Id < b.Id ? -1 : 1))
}

/** Throws NotFoundError, PLATFORM_MISSING. */
export async function history(base: EngineBase, text: string, platform?: Platform): Promise<ImageHistoryItem[]> {
  const found = findImageByText(base, text)
  const image = platform === undefined ? found.image : await imageFor(base, found, platform)
  const tags = tagsOf(base.state, image.id).map((tag) => toFamiliar(tag))
  const layerBytes = layersOf(base, image.chainIds).map(({ sizeBytes }) => sizeBytes)
  return toHistory({ id: image.id, config: await readConfig(base, image.id), tags, layerBytes })
}

/** Throws NotFoundError, IMAGE_DAMAGED; PLATFORM_MISSING when the name has no image for the platform. */
export async function inspect(base: EngineBase, text: string, platform?: Platform): Promise<ImageInspect> {
  const found = findImageByText(base, text)
  const image = platform === undefined ? found.image : await imageFor(base, found, platform)
  const top = image.chainIds.at(-1)
  const folder = top === undefined ? '' : join(base.config.paths.layers, hexOf(top), 'diff')
  const names = [...tagsOf(base.state, image.id), ...tagsAsPlatform(base.state, image.id)].toSorted()
  return toInspect(await describe(base, image, names), folder)
}
