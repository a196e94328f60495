/**
 * Images as one tar that docker, podman, skopeo and containerd read: an OCI layout with docker's manifest.json beside it.
 * All blobs are made and checked for before the first byte goes out; the tar itself is read from the disk as the client
 * takes it. The same images give the same bytes. Source: docker image save; OCI image-spec image-layout.md.
 */
import { Readable } from 'node:stream'
import type { EngineBase } from '../../context.ts'
import { blobMember, blobsOfSaved, toDocuments, type SavedImage } from './documents.ts'
import { ensureDistribution } from '../layer-blobs.ts'
import { parseReference } from '../../../api/reference.ts'
import { findImageByText, readConfig } from '../store.ts'
import { sha256, toDigest } from '../../layers/chain.ts'
import { fileChunks } from '../../layers/file-chunks.ts'
import { TAR_END, formatTarHeader, paddingBytes } from '../../layers/tar-writer.ts'
import { blobPath } from '../../registry/download.ts'
import type { Platform } from '../../registry/manifest.ts'
import { formatPlatform, matchesPlatform } from '../../registry/platform.ts'
import { InvalidRequestError, MycomposeError, NotFoundError } from '../../../errors.ts'
import { listTags, type BlobRecord, type ImageRecord } from '../../../state/images.ts'

export interface SaveWish {
  readonly names: readonly string[]
  /** Refuse images of another platform. */
  readonly platform: Platform | undefined
  readonly signal: AbortSignal
}

interface Chosen {
  readonly image: ImageRecord
  readonly tags: Set<string>
}

/** Tags of a repository that was named without one. */
function tagsOfRepository({ state }: EngineBase, name: string): string[] {
  if (name.includes('@') || name.lastIndexOf(':') > name.lastIndexOf('/') || /^[0-9a-f]{64}$/.test(name)) return []
  const { domain, path } = parseReference(name)
  const prefix = `${domain}/${path}:`
  return listTags(state).flatMap(({ reference }) => (reference.startsWith(prefix) ? [reference] : []))
}

/** "web" means all tags of web; an id means the image without any name. */
function choose(base: EngineBase, names: readonly string[]): Chosen[] {
  const chosen = new Map<string, Chosen>()
  for (const name of names) {
    const inRepository = tagsOfRepository(base, name)
    for (const text of inRepository.length === 0 ? [name] : inRepository) {
      const { image, tag } = findImageByText(base, text)
      const known = chosen.get(image.id) ?? { image, tags: new Set() }
      if (tag !== undefined) known.tags.add(tag)
      chosen.set(image.id, known)
    }
  }
  return [...chosen.values()].toSorted((a, b) => (a.image.id < b.image.id ? -1 : 1))
}

async function checkPlatform(base: EngineBase, { id }: ImageRecord, wanted: Platform | undefined): Promise<void> {
  if (wanted === undefined) return
  const { os, architecture, variant } = await readConfig(base, id)
  const own = { os, architecture, ...(variant === undefined ? {} : { variant }) }
  if (!matchesPlatform(own, wanted))
    throw new NotFoundError(
      `image ${id.slice(7, 19)} is for ${formatPlatform(own)}, not for ${formatPlatform(wanted)}`,
      {
        code: 'PLATFORM_MISSING',
      },
    )
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
): AsyncGenerator<Buffer> {
  yield Buffer.concat([header('blobs/', 0), header('blobs/sha256/', 0)])
  for (const blob of blobsOfSaved(images)) yield* blobEntry(base, blob)
  for (const [name, bytes] of toDocuments(images))
    yield Buffer.concat([header(name, bytes.length), bytes, paddingBytes(bytes.length)])
  yield TAR_END
}

/** Throws NotFoundError before anything is written. The tar must be read or destroyed. */
export async function saveImages(base: EngineBase, { names, platform, signal }: SaveWish): Promise<Readable> {
  if (names.length === 0) throw new InvalidRequestError('no image was named')
  const chosen = choose(base, names)
  const images: (SavedImage & { readonly configBytes: number })[] = []
  for (const { image, tags } of chosen) {
    await checkPlatform(base, image, platform)
    const distribution = await ensureDistribution(base, image, { signal, onLayer: () => {} })
    const { size: configBytes } = await base.host.files.stat(blobPath(base, image.id))
    images.push({ id: image.id, configBytes, distribution, tags: [...tags].toSorted() })
  }
  for (const { id } of images)
    base.events.publish({ Type: 'image', Action: 'save', Actor: { ID: id, Attributes: { name: id } } })
  return Readable.from(tarOf(base, images), { objectMode: false })
}
