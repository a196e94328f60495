/** The ImageService: finding, listing, naming, removing and making images. See services.ts for what each call promises. */
import { join } from 'node:path'
import type { ImageInspect, ImageSummary } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import type { ContainerService, Filters, ImageService, LayerService, ResolvedImage } from '../services.ts'
import { bootstrapImage } from './bootstrap.ts'
import { createdMs, toInspect, toSummary, type DescribedImage } from './describe.ts'
import { matchesImage } from './filters.ts'
import { ociArchitecture } from './image-config.ts'
import { importImage } from './import.ts'
import { pullImage } from './pull.ts'
import { pushImage, pushReference } from './push.ts'
import { parseReference, toCanonicalTag, toFamiliar } from './reference.ts'
import { removeImage } from './remove.ts'
import { findImageByText, readConfig } from './store.ts'
import { layersOf } from '../layers/store.ts'
import { hexOf } from '../layers/chain.ts'
import { parsePlatform } from '../registry/platform.ts'
import { createSharedDownloads } from '../registry/shared-downloads.ts'
import { InvalidRequestError } from '../../errors.ts'
import { listImages, listTags, saveImage, saveTag, tagsOf, type ImageRecord } from '../../state/images.ts'

export interface ImageDependencies {
  readonly layers: LayerService
  readonly usersOf: ContainerService['usersOf']
}

/** Images that a bootstrap builds on: they lose their names at most while it does. */
interface Holds {
  readonly isHeld: (imageId: string) => boolean
  readonly holding: <T>(imageId: string, work: () => Promise<T>) => Promise<T>
}

function createHolds(): Holds {
  const counts = new Map<string, number>()
  return {
    isHeld: (imageId) => counts.has(imageId),
    async holding(imageId, work) {
      counts.set(imageId, (counts.get(imageId) ?? 0) + 1)
      try {
        return await work()
      } finally {
        const left = (counts.get(imageId) ?? 1) - 1
        if (left === 0) counts.delete(imageId)
        else counts.set(imageId, left)
      }
    },
  }
}

async function describe(base: EngineBase, image: ImageRecord, tags: readonly string[]): Promise<DescribedImage> {
  return { image, tags, config: await readConfig(base, image.id) }
}

/** All images that are whole; a damaged one is logged, not a reason to list none. */
async function describeAll(base: EngineBase): Promise<DescribedImage[]> {
  const tags = Map.groupBy(listTags(base.state), (tag) => tag.imageId)
  const described: DescribedImage[] = []
  for (const image of listImages(base.state)) {
    const names = (tags.get(image.id) ?? []).map((tag) => tag.reference)
    try {
      described.push(await describe(base, image, names))
    } catch (error) {
      base.log('error', 'an image is damaged', { image: image.id, error: String(error) })
    }
  }
  return described
}

async function list(base: EngineBase, { usersOf }: ImageDependencies, filters: Filters): Promise<ImageSummary[]> {
  const all = await describeAll(base)
  const created = new Map(all.map((one) => [one.image.id, createdMs(one)]))
  const context = {
    nowMs: base.host.clock.nowMs(),
    createdMsOf: (text: string) => created.get(findImageByText(base, text).image.id) ?? 0,
  }
  return all
    .filter((image) => matchesImage(image, filters, context))
    .map((image) => toSummary(image, usersOf({ imageId: image.image.id }).length))
    .toSorted((a, b) => b.Created - a.Created || (a.Id < b.Id ? -1 : 1))
}

async function inspect(base: EngineBase, text: string): Promise<ImageInspect> {
  const { image } = findImageByText(base, text)
  const top = image.chainIds.at(-1)
  const folder = top === undefined ? '' : join(base.config.paths.layers, hexOf(top), 'diff')
  return toInspect(await describe(base, image, tagsOf(base.state, image.id)), folder)
}

async function resolve(base: EngineBase, text: string): Promise<ResolvedImage> {
  const { image } = findImageByText(base, text)
  layersOf(base, image.chainIds) // an image whose layers were lost must not get as far as a mount
  return { id: image.id, config: await readConfig(base, image.id), chainIds: image.chainIds, digest: image.id }
}

function tagImage(base: EngineBase, text: string, repository: string, tag: string): void {
  const { image } = findImageByText(base, text)
  const reference = parseReference(`${repository}:${tag}`)
  if (reference.digest !== undefined) throw new InvalidRequestError('a tag cannot hold a digest')
  const canonical = toCanonicalTag(reference)
  base.state.transaction(() => {
    saveTag(base.state, { reference: canonical, imageId: image.id })
    saveImage(base.state, { ...image, taggedAt: base.host.clock.nowRfc3339() })
  })
  const name = toFamiliar(canonical)
  base.events.publish({ Type: 'image', Action: 'tag', Actor: { ID: image.id, Attributes: { name } } })
}

/** `layers` belongs to the signature that all services are joined by; the store is used directly. */
export function createImageService(base: EngineBase, dependencies: ImageDependencies): ImageService {
  const holds = createHolds()
  const downloads = createSharedDownloads(base)
  return {
    list: ({ filters }) => list(base, dependencies, filters),
    inspect: (text) => inspect(base, text),
    resolve: (text) => resolve(base, text),
    remove: (text, { force }) =>
      removeImage(base, text, force, { usersOf: dependencies.usersOf, isHeld: holds.isHeld }),
    async tag(text, repository, tag) {
      tagImage(base, text, repository, tag)
    },
    async import(source, { reference, changes, message }, progress) {
      const tag = reference === undefined ? undefined : parseReference(reference)
      const id = await importImage(base, source, { tag, changes, message }, progress)
      const name = tag === undefined ? id : toFamiliar(toCanonicalTag(tag))
      base.events.publish({ Type: 'image', Action: 'import', Actor: { ID: id, Attributes: { name } } })
      return id
    },
    async pull(text, { platform, credentials, signal }, progress) {
      const wish = {
        reference: parseReference(text),
        platform: parsePlatform(platform ?? `linux/${ociArchitecture(process.arch)}`),
        isPlatformAsked: platform !== undefined,
        credentials,
        signal,
      }
      return await pullImage({ base, downloads, progress }, wish)
    },
    push: (name, { tag, credentials, signal }, progress) =>
      pushImage({ base, progress }, { reference: pushReference(name, tag), credentials, signal }),
    bootstrap: (request, progress, signal) =>
      bootstrapImage({ base, holding: holds.holding, progress, signal }, request),
  }
}
