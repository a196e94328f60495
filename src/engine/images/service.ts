/** The ImageService: finding, listing, naming, removing and making images. See services.ts for what each call promises. */
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { EngineBase } from '../context.ts'
import type { ContainerService, ImageService, LayerService, ResolvedImage } from '../services/index.ts'
import { bootstrapImage } from './bootstrap.ts'
import type { ReadOptions } from './archive/contents.ts'
import { loadImages } from './archive/load.ts'
import { saveImages, type SaveWish } from './archive/save.ts'
import { addBuilt } from './built.ts'
import { createBlobKeeper, type BlobKeeper } from './blob-keeper.ts'
import { inspectDistribution, logIn } from './distribution.ts'
import { commitLayer } from './commit.ts'
import { imagesUsage } from './disk-usage.ts'
import { importImage } from './import.ts'
import { history, inspect, list } from './listing.ts'
import { imageFor, machinePlatform } from './platforms.ts'
import { pruneImages } from './prune.ts'
import { pullImage } from './pull.ts'
import { pushImage, pushReferences } from './push.ts'
import { parseReference, toCanonicalTag, toFamiliar } from '../../api/reference.ts'
import { removeImage } from './remove.ts'
import { createSharedLayers } from './shared-layers.ts'
import { findImageByText, readConfig } from './store.ts'
import { layersOf } from '../layers/store.ts'
import type { Platform } from '../registry/manifest.ts'
import { parsePlatform } from '../registry/platform.ts'
import { createSharedDownloads } from '../registry/shared-downloads.ts'
import { InvalidRequestError, NotFoundError } from '../../errors.ts'
import { saveImage, type ImageRecord } from '../../state/images.ts'
import { addPlatform, findTag, otherPlatformsOf, saveTag } from '../../state/tags.ts'

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

/** Of a name that has several platforms the one that is asked for; what it means when none fits. */
async function chooseResolved(base: EngineBase, text: string, platform: string | undefined): Promise<ImageRecord> {
  const found = findImageByText(base, text)
  if (platform === undefined || platform === '') return found.image
  try {
    return await imageFor(base, found, parsePlatform(platform))
  } catch (error) {
    if (error instanceof NotFoundError) return found.image
    throw error
  }
}

async function resolve(base: EngineBase, text: string, platform?: string): Promise<ResolvedImage> {
  const image = await chooseResolved(base, text, platform)
  layersOf(base, image.chainIds) // an image whose layers were lost must not get as far as a mount
  return { id: image.id, config: await readConfig(base, image.id), chainIds: image.chainIds, digest: image.id }
}

function tagImage(base: EngineBase, text: string, repository: string, tag: string): void {
  const { image, tag: before } = findImageByText(base, text)
  const reference = parseReference(`${repository}:${tag}`)
  if (reference.digest !== undefined) throw new InvalidRequestError('a tag cannot hold a digest')
  const canonical = toCanonicalTag(reference)
  base.state.transaction(() => {
    const index = before === undefined ? undefined : findTag(base.state, before)?.index
    const others = before === undefined || index === undefined ? [] : otherPlatformsOf(base.state, before)
    saveTag(base.state, { reference: canonical, imageId: image.id, ...(index === undefined ? {} : { index }) })
    for (const imageId of others) addPlatform(base.state, { reference: canonical, imageId, index: index ?? '' })
    saveImage(base.state, { ...image, taggedAt: base.host.clock.nowRfc3339() })
  })
  const name = toFamiliar(canonical)
  base.events.publish({ Type: 'image', Action: 'tag', Actor: { ID: image.id, Attributes: { name } } })
}

/** Blobs stay until the tar has been read or given up. */
async function save(base: EngineBase, blobs: BlobKeeper, wish: SaveWish): Promise<Readable> {
  const { promise, resolve, reject } = Promise.withResolvers<Readable>()
  const work = async (): Promise<void> => {
    const tar = await saveImages(base, wish)
    const closed = once(tar, 'close')
    resolve(tar)
    await closed
  }
  blobs.using(work).catch(reject) // an error of the tar itself reaches its reader
  return await promise
}

/** `layers` belongs to the signature that all services are joined by; the store is used directly. */
export function createImageService(base: EngineBase, dependencies: ImageDependencies): ImageService {
  const holds = createHolds()
  const blobs = createBlobKeeper(base)
  const layers = createSharedLayers({ base, blobs, downloads: createSharedDownloads(base) })
  const platformOf = (text: string | undefined): ReadOptions => ({
    platform: text === undefined ? machinePlatform() : parsePlatform(text),
    isPlatformAsked: text !== undefined,
  })
  const asked = (text: string | undefined): Platform | undefined =>
    text === undefined ? undefined : parsePlatform(text)
  const remove = (text: string, force: boolean): ReturnType<typeof removeImage> =>
    removeImage(base, text, force, { usersOf: dependencies.usersOf, isHeld: holds.isHeld, blobs })
  return {
    list: ({ filters }) => list(base, dependencies, filters),
    inspect: (text, platform) => inspect(base, text, asked(platform)),
    history: (text, platform) => history(base, text, asked(platform)),
    resolve: (text, platform) => resolve(base, text, platform),
    remove: (text, { force }) => remove(text, force),
    diskUsage: async () => imagesUsage(base, blobs, await list(base, dependencies, {})),
    prune: (filters) =>
      pruneImages(
        { base, blobs, list: () => list(base, dependencies, {}), remove: (text) => remove(text, false) },
        filters,
      ),
    async tag(text, repository, tag) {
      tagImage(base, text, repository, tag)
    },
    async import(source, { reference, changes, message }, progress) {
      const tag = reference === undefined ? undefined : parseReference(reference)
      const id = await blobs.using(() => importImage(base, source, { tag, changes, message }, progress))
      const name = tag === undefined ? id : toFamiliar(toCanonicalTag(tag))
      base.events.publish({ Type: 'image', Action: 'import', Actor: { ID: id, Attributes: { name } } })
      return id
    },
    pull: async (text, { platform, credentials, signal }, progress) => {
      const wish = { ...platformOf(platform), reference: parseReference(text), credentials, signal }
      return await blobs.using(() => pullImage({ base, layers, progress }, wish))
    },
    push: async (name, { tag, platform, allPlatforms = false, credentials, signal }, progress) => {
      const wish = { credentials, signal, platform: asked(platform), isWhole: allPlatforms }
      await blobs.using(async () => {
        for (const reference of pushReferences(base, name, tag))
          await pushImage({ base, progress }, { ...wish, reference })
      })
    },
    save: (names, { platform, signal }) =>
      save(base, blobs, { names, signal, platform: platform === undefined ? undefined : parsePlatform(platform) }),
    load: (source, { platform, quiet, signal }, progress) =>
      blobs.using(() => loadImages({ base, progress }, source, { ...platformOf(platform), quiet, signal })),
    async commit(layer, request) {
      const id = await blobs.using(() => commitLayer(base, layer, request))
      const name = request.reference ?? id
      base.events.publish({ Type: 'image', Action: 'create', Actor: { ID: id, Attributes: { name } } })
      return id
    },
    holdBlobs: (work) => blobs.using(work),
    addBuilt: (image) => blobs.using(() => addBuilt(base, image)),
    distribution: (text, { credentials, signal }) =>
      inspectDistribution(base, parseReference(text), credentials, signal),
    login: (registry, credentials, signal) => logIn(base, registry, credentials, signal),
    bootstrap: (request, progress, signal) =>
      blobs.using(() => bootstrapImage({ base, holding: holds.holding, progress, signal }, request)),
    async recover() {
      await blobs.free({ kind: 'old' })
    },
  }
}
