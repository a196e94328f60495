/**
 * Images as one tar that docker, podman, skopeo and containerd read: an OCI layout with docker's manifest.json beside it.
 * All blobs are made and checked for before the first byte goes out; the tar itself is read from the disk as the client
 * takes it. The same images give the same bytes. Source: docker image save; OCI image-spec image-layout.md.
 */
import { Readable } from 'node:stream'
import type { EngineBase } from '../../context.ts'
import { blobMember, blobsOfSaved, toDocuments, type SavedImage, type SavedIndex } from './documents.ts'
import { ensureDistribution } from '../layer-blobs.ts'
import { planPush } from '../push-plan.ts'
import { findImageByText, tagsOfRepository } from '../store.ts'
import { sha256, toDigest } from '../../layers/chain.ts'
import { fileChunks } from '../../layers/file-chunks.ts'
import { TAR_END, formatTarHeader, paddingBytes } from '../../layers/tar-writer.ts'
import { blobPath } from '../../registry/download.ts'
import type { Platform } from '../../registry/manifest.ts'
import { InvalidRequestError, MycomposeError } from '../../../errors.ts'
import type { BlobRecord, ImageRecord } from '../../../state/images.ts'

export interface SaveWish {
  readonly names: readonly string[]
  /** Only the images for this one. */
  readonly platform: Platform | undefined
  readonly signal: AbortSignal
}

interface Chosen {
  readonly image: ImageRecord
  readonly tags: Set<string>
  readonly partOf: Set<string>
}

interface Choice {
  /** By id. */
  readonly images: ReadonlyMap<string, Chosen>
  readonly indexes: readonly SavedIndex[]
}

/**
 * "web" means all tags of web; an id means the image without any name. A name with several platforms brings all that are
 * here, unless one is asked for.
 */
async function choose(base: EngineBase, { names, platform, signal }: SaveWish): Promise<Choice> {
  const images = new Map<string, Chosen>()
  const indexes = new Map<string, SavedIndex>()
  const take = (image: ImageRecord): Chosen => {
    const known = images.get(image.id) ?? { image, tags: new Set(), partOf: new Set() }
    images.set(image.id, known)
    return known
  }
  for (const name of names) {
    const inRepository = tagsOfRepository(base, name)
    for (const text of inRepository.length === 0 ? [name] : inRepository) {
      const found = findImageByText(base, text)
      const { tag } = found
      const plan = await planPush(base, found, { signal, platform, onLayer: () => {} })
      for (const { image } of plan.images) {
        const chosen = take(image)
        if (tag !== undefined && plan.index !== undefined) chosen.partOf.add(tag)
      }
      const main = platform === undefined ? found.image : plan.images[0]?.image
      if (main === undefined || tag === undefined) continue
      take(main).tags.add(tag)
      if (plan.index !== undefined) indexes.set(tag, { document: plan.index, tag })
    }
  }
  return { images, indexes: [...indexes.values()].toSorted((a, b) => (a.tag < b.tag ? -1 : 1)) }
}

function header(path: string, sizeBytes: number): Buffer {
  const isFolder = path.endsWith('/')
  return formatTarHeader({
    kind: isFolder ? 'folder' : 'file',
    path,
    mode: isFolder ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    sizeBytes,
    mtimeNs: 0n,
    target: '',
    major: 0,
    minor: 0,
    xattrs: new Map(),
  })
}

/** Throws BLOB_DAMAGED: an archive that is not whole must not look as if it were. */
async function* blobEntry(base: EngineBase, { digest, size }: BlobRecord): AsyncGenerator<Buffer> {
  yield header(blobMember(digest), size)
  const hash = sha256()
  let bytes = 0
  for await (const chunk of fileChunks(base.host, blobPath(base, digest))) {
    hash.update(chunk)
    bytes += chunk.length
    if (bytes > size) break
    yield chunk
  }
  if (bytes !== size || toDigest(hash) !== digest)
    throw new MycomposeError(`the blob ${digest.slice(0, 19)} on the disk is damaged`, {
      code: 'BLOB_DAMAGED',
      hint: 'remove the image and pull or load it again',
    })
  yield paddingBytes(size)
}

async function* tarOf(
  base: EngineBase,
  images: readonly (SavedImage & { readonly configBytes: number })[],
  indexes: readonly SavedIndex[],
): AsyncGenerator<Buffer> {
  yield Buffer.concat([header('blobs/', 0), header('blobs/sha256/', 0)])
  for (const blob of blobsOfSaved(images)) yield* blobEntry(base, blob)
  for (const [name, bytes] of toDocuments(images, indexes))
    yield Buffer.concat([header(name, bytes.length), bytes, paddingBytes(bytes.length)])
  yield TAR_END
}

/** Throws NotFoundError before anything is written. The tar must be read or destroyed. */
export async function saveImages(base: EngineBase, wish: SaveWish): Promise<Readable> {
  if (wish.names.length === 0) throw new InvalidRequestError('no image was named')
  const { images: chosen, indexes } = await choose(base, wish)
  const images: (SavedImage & { readonly configBytes: number })[] = []
  for (const { image, tags, partOf } of [...chosen.values()].toSorted((a, b) => (a.image.id < b.image.id ? -1 : 1))) {
    const distribution = await ensureDistribution(base, image, { signal: wish.signal, onLayer: () => {} })
    const { size: configBytes } = await base.host.files.stat(blobPath(base, image.id))
    const names = { tags: [...tags].toSorted(), partOf: [...partOf].toSorted() }
    images.push({ id: image.id, configBytes, distribution, ...names })
  }
  for (const { id } of images)
    base.events.publish({ Type: 'image', Action: 'save', Actor: { ID: id, Attributes: { name: id } } })
  return Readable.from(tarOf(base, images, indexes), { objectMode: false })
}
