/**
 * Images on disk and in the state: the configuration is blobs/sha256/<hex>, its digest the image's id; rows hold the
 * stack of layers and the tags. Finding an image by anything a user may write.
 */
import { join } from 'node:path'
import type { ImageConfig } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import { decodeConfig, encodeConfig, ociArchitecture, summaryOf } from './image-config.ts'
import { parseReference, toCanonicalTag, type Reference } from '../../api/reference.ts'
import { digestOf } from '../layers/chain.ts'
import { commitLayers, type StagedLayer } from '../layers/store.ts'
import type { Manifest } from '../registry/manifest.ts'
import { blobPath } from '../registry/download.ts'
import { InvalidRequestError, MycomposeError, NotFoundError } from '../../errors.ts'
import {
  findImage,
  findImagesByPrefix,
  listImages,
  saveImage,
  type BlobRecord,
  type ImageRecord,
} from '../../state/images.ts'
import { findTag, listTags, saveTag } from '../../state/tags.ts'

/** The very bytes, as text. Throws IMAGE_DAMAGED when the blob is not what the id says. */
export async function readConfigText(base: EngineBase, id: string): Promise<string> {
  const text = await base.host.files.readTextIfExists(blobPath(base, id))
  if (text !== undefined && digestOf(text) === id) return text
  throw new MycomposeError(
    `the configuration of image ${id.slice(0, 19)} is ${text === undefined ? 'missing' : 'damaged'}`,
    {
      code: 'IMAGE_DAMAGED',
      hint: `remove the image (mycompose image rm ${id.slice(7, 19)}) and make it again`,
    },
  )
}

/** Throws IMAGE_DAMAGED. */
export async function readConfig(base: EngineBase, id: string): Promise<ImageConfig> {
  return decodeConfig(await readConfigText(base, id))
}

export interface CommitRequest {
  /** Chain ids that the new layers stand on. */
  readonly parents: readonly string[]
  readonly staged: readonly StagedLayer[]
  readonly config: ImageConfig
  /** Moved here when another image has it. */
  readonly tag?: Reference
  readonly tags?: readonly Reference[]
}

/** Layers, configuration, image and tag become visible at once. Returns the id. The same content is the same image. */
export async function commitImage(base: EngineBase, request: CommitRequest): Promise<string> {
  const { parents, staged, config, tag, tags = [] } = request
  const { host, state } = base
  const bytes = encodeConfig(config)
  const id = digestOf(bytes)
  await writeBlobs(base, [{ digest: id, bytes }])
  await commitLayers(base, parents, staged, (layers) => {
    const sizeBytes = layers.reduce((total, layer) => total + layer.sizeBytes, 0)
    saveImage(state, {
      id,
      chainIds: layers.map((layer) => layer.chainId),
      sizeBytes,
      taggedAt: host.clock.nowRfc3339(),
      summary: summaryOf(config),
    })
    for (const reference of tag === undefined ? tags : [tag, ...tags])
      saveTag(state, { reference: toCanonicalTag(reference), imageId: id })
  })
  return id
}

export interface Document {
  readonly bytes: Buffer
  readonly mediaType: string
  readonly digest: string
}

export interface PulledRequest {
  readonly manifest: Manifest
  readonly manifestDocument: Document
  /** The index that it was chosen from. */
  readonly indexDocument: Document | undefined
  readonly config: ImageConfig
  readonly configBytes: Buffer
  /** Chain ids of the layers that were there already, lowest first. */
  readonly parents: readonly string[]
  readonly staged: readonly StagedLayer[]
  /** What it was asked for as; a tag moves here. */
  readonly reference: Reference
}

/** Small ones, each by rename out of the folder that recovery empties: the folder of blobs holds blobs only. */
export async function writeBlobs(
  base: EngineBase,
  blobs: readonly { readonly digest: string; readonly bytes: string | Uint8Array }[],
): Promise<void> {
  const { files } = base.host
  await files.mkdir(join(base.config.paths.blobs, 'sha256'), { recursive: true, mode: 0o700 })
  const { temporary } = base.config.paths
  for (const { digest, bytes } of blobs)
    await files.writeAtomic(blobPath(base, digest), bytes, { mode: 0o600, temporaryFolder: temporary })
}

function toBlobRecord({ mediaType, digest, bytes }: Document): BlobRecord {
  return { mediaType, digest, size: bytes.length }
}

function repoDigest({ domain, path }: Reference, digest: string): string {
  return `${domain}/${path}@${digest}`
}

function united<T>(before: readonly T[], more: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map([...before, ...more].map((item) => [keyOf(item), item])).values()]
}

/** An image from a registry, with the very bytes of its documents; its layers' blobs are there already. Returns the id. */
export async function commitPulled(base: EngineBase, request: PulledRequest): Promise<string> {
  const { host, state } = base
  const { manifest, manifestDocument, indexDocument, config, configBytes, parents, staged, reference } = request
  const id = manifest.config.digest
  const documents = [manifestDocument, ...(indexDocument === undefined ? [] : [indexDocument])]
  await writeBlobs(base, [{ digest: id, bytes: configBytes }, ...documents])
  const indexes = indexDocument === undefined ? [] : [toBlobRecord(indexDocument)]
  const repoDigests = [repoDigest(reference, (indexDocument ?? manifestDocument).digest)]
  await commitLayers(base, parents, staged, (layers) => {
    const before = findImage(state, id)?.distribution
    saveImage(state, {
      id,
      chainIds: layers.map((layer) => layer.chainId),
      sizeBytes: layers.reduce((total, layer) => total + layer.sizeBytes, 0),
      taggedAt: host.clock.nowRfc3339(),
      summary: summaryOf(config),
      distribution: {
        manifest: toBlobRecord(manifestDocument),
        layers: manifest.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
        repoDigests: united(before?.repoDigests ?? [], repoDigests, String),
        indexes: united(before?.indexes ?? [], indexes, ({ digest }) => digest),
      },
    })
    if (reference.digest !== undefined) return
    const index = indexDocument === undefined ? {} : { index: indexDocument.digest }
    saveTag(state, { reference: toCanonicalTag(reference), imageId: id, ...index })
  })
  return id
}

/** True when the registry's "name@digest" is (or was chosen from) this image. */
export function isNamed({ distribution }: ImageRecord, reference: Reference, digest: string): boolean {
  return distribution?.repoDigests.includes(repoDigest(reference, digest)) === true
}

/** What "name@digest" means here: of an index's images the one for this machine, when it is there. */
function findImageByDigest({ state }: EngineBase, reference: Reference, digest: string): ImageRecord | undefined {
  const images = listImages(state).filter((image) => isNamed(image, reference, digest))
  const architecture = ociArchitecture(process.arch)
  return images.find(({ summary }) => summary?.platform?.split('/')[1] === architecture) ?? images[0]
}

/** What a user may write for an image, and how it was meant. */
export interface FoundImage {
  readonly image: ImageRecord
  /** The tag in full when it was named by one, undefined when by its id. */
  readonly tag: string | undefined
}

/** Names of a repository that was named without a tag, in full and sorted; empty when `name` is something else. */
export function tagsOfRepository({ state }: EngineBase, name: string): string[] {
  if (name.includes('@') || name.lastIndexOf(':') > name.lastIndexOf('/') || /^[0-9a-f]{64}$/.test(name)) return []
  const { domain, path } = parseReference(name)
  const prefix = `${domain}/${path}:`
  return listTags(state).flatMap(({ reference }) => (reference.startsWith(prefix) ? [reference] : []))
}

function byName(base: EngineBase, text: string): FoundImage | undefined {
  let reference: Reference
  try {
    reference = parseReference(text)
  } catch (error) {
    if (error instanceof InvalidRequestError && /^(sha256:)?[0-9a-f]{64}$/.test(text)) return undefined
    throw error
  }
  if (reference.digest !== undefined) {
    const image = findImageByDigest(base, reference, reference.digest) ?? findImage(base.state, reference.digest)
    return image === undefined ? undefined : { image, tag: undefined }
  }
  const tag = toCanonicalTag(reference)
  const row = findTag(base.state, tag)
  const image = row === undefined ? undefined : findImage(base.state, row.imageId)
  return image === undefined ? undefined : { image, tag }
}

function byId(base: EngineBase, text: string): FoundImage | undefined {
  const prefix = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1]
  if (prefix === undefined) return undefined
  const [image, another] = findImagesByPrefix(base.state, `sha256:${prefix}`)
  if (image === undefined) return undefined
  if (another !== undefined)
    throw new InvalidRequestError(`the image id ${text} is not unique`, { hint: 'give more of its digits' })
  return { image, tag: undefined }
}

function notFound(text: string): NotFoundError {
  const hint = `pull it with "mycompose image pull ${text}"; without a registry: "mycompose image import FILE.tar ${text}" or "mycompose image bootstrap debian:bookworm-slim"`
  return new NotFoundError(`No such image: ${text}`, { code: 'NO_SUCH_IMAGE', hint })
}

/** By full id, by name, by unique prefix of an id. Throws NotFoundError, InvalidRequestError. */
export function findImageByText(base: EngineBase, text: string): FoundImage {
  const isFullId = /^sha256:[0-9a-f]{1,64}$|^[0-9a-f]{64}$/.test(text)
  const found = (isFullId ? byId(base, text) : byName(base, text)) ?? byId(base, text)
  if (found === undefined) throw notFound(text)
  return found
}
