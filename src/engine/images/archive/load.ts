/**
 * Images out of a tar: taken apart in tmp/, read and checked whole, then each image's layers are unpacked on top of what
 * is there and become visible with its documents, blobs and names at once. Blobs are kept as they came, as with a pull,
 * so that what was loaded is pushed and saved in the same bytes. Source: docker image load.
 */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ProgressMessage } from '../../../api/types/index.ts'
import type { EngineBase } from '../../context.ts'
import { readContents, type ImageInArchive, type LayerInArchive, type ReadOptions } from './contents.ts'
import { archiveError } from './documents.ts'
import { spoolArchive } from './spool.ts'
import { platformText, summaryOf } from '../image-config.ts'
import { isComplete, makeManifest } from '../layer-blobs.ts'
import { toFamiliar } from '../../../api/reference.ts'
import { writeBlobs, type Document } from '../store.ts'
import { chainIdOf, sha256, toDigest } from '../../layers/chain.ts'
import { decompress } from '../../layers/decompress.ts'
import { fileChunks } from '../../layers/file-chunks.ts'
import { commitLayers, discardLayer, stageLayer, type StagedLayer } from '../../layers/store.ts'
import { blobPath } from '../../registry/download.ts'
import { CanceledError, errnoOf } from '../../../errors.ts'
import { findImage, saveImage, type BlobRecord } from '../../../state/images.ts'
import { findLayer } from '../../../state/layers.ts'
import { addPlatform, findTag, saveTag } from '../../../state/tags.ts'

export interface LoadContext {
  readonly base: EngineBase
  readonly progress: (message: ProgressMessage) => void
}

export interface LoadWish extends ReadOptions {
  /** No progress of layers. */
  readonly quiet: boolean
  readonly signal: AbortSignal
}

const PROGRESS_STEP_MS = 100

interface PlacedLayer extends LayerInArchive {
  readonly chainId: string
}

function placed({ layers }: ImageInArchive): PlacedLayer[] {
  let parent: string | undefined
  return layers.map((layer) => {
    parent = chainIdOf(parent, layer.diffId)
    return { ...layer, chainId: parent }
  })
}

/** Indexes that the image's names stand for. */
function indexesOf({ names }: ImageInArchive): Document[] {
  const all = [...names.values()].flatMap(({ index }) => index ?? [])
  return [...new Map(all.map((index) => [index.digest, index])).values()]
}

const toBlob = ({ mediaType, member }: LayerInArchive): BlobRecord => ({
  mediaType,
  digest: member.digest,
  size: member.sizeBytes,
})

/** Bytes of the member so far, at most every 100 ms, and always the last ones. */
function teller({ base, progress }: LoadContext, { diffId, member }: PlacedLayer, quiet: boolean) {
  let nextMs = 0
  return (current: number): void => {
    const now = base.host.clock.nowMs()
    if (quiet || (now < nextMs && current < member.sizeBytes)) return
    nextMs = now + PROGRESS_STEP_MS
    progress({
      status: 'Loading layer',
      id: diffId.slice(7, 19),
      progressDetail: { current, total: member.sizeBytes },
    })
  }
}

function openMember({ host }: EngineBase, { member }: PlacedLayer, onBytes?: (bytes: number) => void): Readable {
  return Readable.from(fileChunks(host, member.path, onBytes), { objectMode: false })
}

function diffIdError(image: ImageInArchive, layer: PlacedLayer, found: string): Error {
  return archiveError(`a layer of ${image.id.slice(0, 19)} unpacks to ${found}, the configuration says ${layer.diffId}`)
}

/** A layer that is in the store is not unpacked again, but its blob is kept only when it is that layer. */
async function checkPresent(
  base: EngineBase,
  image: ImageInArchive,
  layer: PlacedLayer,
  signal: AbortSignal,
): Promise<void> {
  const hash = sha256()
  for await (const chunk of await decompress(openMember(base, layer))) {
    if (signal.aborted) throw new CanceledError('loading was canceled')
    hash.update(chunk)
  }
  const found = toDigest(hash)
  if (found !== layer.diffId) throw diffIdError(image, layer, found)
}

async function stage(
  context: LoadContext,
  image: ImageInArchive,
  layer: PlacedLayer,
  lower: readonly (StagedLayer | string)[],
  { quiet, signal }: LoadWish,
): Promise<StagedLayer> {
  const { base } = context
  const staged = await stageLayer(base, openMember(base, layer, teller(context, layer, quiet)), { lower, signal })
  if (staged.diffId === layer.diffId) return { ...staged, blob: toBlob(layer) }
  await discardLayer(base, staged)
  throw diffIdError(image, layer, staged.diffId)
}

/** The spooled file gets its second name; tmp/ loses the first one with all the rest. */
async function keepBlob({ host, config }: EngineBase, { member }: LayerInArchive): Promise<void> {
  try {
    await host.files.link(member.path, blobPath({ config }, member.digest))
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

async function bringImage(context: LoadContext, image: ImageInArchive, wish: LoadWish): Promise<void> {
  const { base } = context
  const { host, state, config } = base
  const layers = placed(image)
  const missing = layers.findIndex(({ chainId }) => findLayer(state, chainId) === undefined)
  const presentCount = missing === -1 ? layers.length : missing
  const present = layers.slice(0, presentCount)
  for (const layer of present)
    if (!host.files.existsSync(blobPath({ config }, layer.member.digest)))
      await checkPresent(base, image, layer, wish.signal)
  const parents = present.map(({ chainId }) => chainId)
  const staged: StagedLayer[] = []
  try {
    for (const layer of layers.slice(presentCount))
      staged.push(await stage(context, image, layer, [...parents, ...staged], wish))
    await commitLoaded(base, image, parents, staged)
  } finally {
    for (const layer of staged) await discardLayer(base, layer) // nothing is left of those that went into the store
  }
}

/** Documents and blobs first, then all rows at once. */
async function commitLoaded(
  base: EngineBase,
  image: ImageInArchive,
  parents: readonly string[],
  staged: readonly StagedLayer[],
): Promise<void> {
  const { host, state, config } = base
  const layers = image.layers.map((layer) => toBlob(layer))
  const manifest = image.manifest ?? makeManifest(image.id, image.configBytes.length, layers)
  const indexes = indexesOf(image)
  await writeBlobs(base, [{ digest: image.id, bytes: image.configBytes }, manifest, ...indexes])
  for (const layer of image.layers) await keepBlob(base, layer)
  if (staged.length === 0) await host.at.syncFileSystem(config.paths.root)
  await commitLayers(base, parents, staged, (records) => {
    const before = findImage(state, image.id)?.distribution
    const { mediaType, digest } = manifest
    saveImage(state, {
      id: image.id,
      chainIds: records.map(({ chainId }) => chainId),
      sizeBytes: records.reduce((total, { sizeBytes }) => total + sizeBytes, 0),
      taggedAt: host.clock.nowRfc3339(),
      summary: summaryOf(image.config),
      distribution: {
        manifest: { mediaType, digest, size: manifest.bytes.length },
        layers,
        repoDigests: before?.repoDigests ?? [],
        indexes: [
          ...(before?.indexes ?? []).filter((known) => indexes.every(({ digest }) => digest !== known.digest)),
          ...indexes.map(({ mediaType, digest, bytes }) => ({ mediaType, digest, size: bytes.length })),
        ],
      },
    })
  })
}

/** True when all of it is here: then only names are new. */
function isHere(base: EngineBase, image: ImageInArchive): boolean {
  const found = findImage(base.state, image.id)
  if (found?.distribution === undefined || !isComplete(base, found.distribution)) return false
  const known = new Set(found.distribution.indexes.map(({ digest }) => digest))
  return (
    indexesOf(image).every(({ digest }) => known.has(digest)) &&
    found.chainIds.every((chainId) => findLayer(base.state, chainId) !== undefined)
  )
}

function nameImage({ base, progress }: LoadContext, { id, names, config }: ImageInArchive): void {
  for (const [reference, { index, isMain }] of [...names].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const before = findTag(base.state, reference)
    const name = toFamiliar(reference)
    if (!isMain && index !== undefined) {
      addPlatform(base.state, { reference, imageId: id, index: index.digest })
      progress({ stream: `Loaded image: ${name} for ${platformText(config)}\n` })
      continue
    }
    if (before !== undefined && before.imageId !== id)
      progress({
        stream: `The image ${name} already exists, renaming the old one with ID ${before.imageId} to empty string\n`,
      })
    saveTag(base.state, { reference, imageId: id, ...(index === undefined ? {} : { index: index.digest }) })
    base.events.publish({ Type: 'image', Action: 'tag', Actor: { ID: id, Attributes: { name } } })
    progress({ stream: `Loaded image: ${name}\n` })
  }
  if (names.size === 0) progress({ stream: `Loaded image ID: ${id}\n` })
  base.events.publish({ Type: 'image', Action: 'load', Actor: { ID: id, Attributes: { name: id } } })
}

/** Throws ARCHIVE_INVALID, TAR_INVALID, MANIFEST_*, PLATFORM_MISSING; images before the one that fails stay. */
export async function loadImages(context: LoadContext, source: Readable, wish: LoadWish): Promise<void> {
  const { base } = context
  const { host, config } = base
  await using undo = new AsyncDisposableStack()
  const folder = await host.files.mkdtemp(join(config.paths.temporary, 'load-'))
  undo.defer(() => host.files.rm(folder, { recursive: true, force: true }))
  const members = await spoolArchive(base, source, { folder, signal: wish.signal })
  for (const image of await readContents(base, members, wish)) {
    if (!isHere(base, image)) await bringImage(context, image, wish)
    nameImage(context, image)
  }
}
