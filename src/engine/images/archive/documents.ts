/**
 * The documents in an archive of images: docker's manifest.json and the index.json of an OCI layout, both in one tar as
 * docker has written them since 25. PURE. What is read is hostile: names of members are looked up, never opened.
 * Sources: moby image/spec v1.2 "Combined Image JSON + Filesystem Changeset Format", OCI image-spec image-layout.md.
 */
import { familiarRepository, parseReference, toCanonicalTag, toFamiliar } from '../../../api/reference.ts'
import { hexOf } from '../../layers/chain.ts'
import { OCI_INDEX } from '../../registry/media-types.ts'
import type { Descriptor } from '../../registry/manifest.ts'
import { InvalidRequestError } from '../../../errors.ts'
import type { Document } from '../store.ts'
import type { BlobRecord, Distribution } from '../../../state/images.ts'

const MAX_IMAGES = 1_000
const MAX_TAGS = 1_000
/** As in registry/manifest.ts: overlayfs stops at 500. */
const MAX_LAYERS = 500
const IMAGE_NAME = 'io.containerd.image.name'
const REF_NAME = 'org.opencontainers.image.ref.name'

/** ARCHIVE_INVALID. */
export function archiveError(message: string, hint?: string): InvalidRequestError {
  return new InvalidRequestError(`invalid image archive: ${message}`, {
    code: 'ARCHIVE_INVALID',
    hint: hint ?? 'write it again with "docker save", "skopeo copy" or "mycompose image save"; nothing of it was kept',
  })
}

export interface SavedImage {
  readonly id: string
  readonly distribution: Distribution
  /** In full, sorted. */
  readonly tags: readonly string[]
  /** Names of which it is one platform among several: an index stands for those. */
  readonly partOf: readonly string[]
}

/** Stands for several of the images. */
export interface SavedIndex {
  readonly document: Document
  /** In full. */
  readonly tag: string
}

/** Where a blob lies in the archive. */
export function blobMember(digest: string): string {
  return `blobs/sha256/${hexOf(digest)}`
}

function namedEntry({ mediaType, digest, size }: BlobRecord, name: string): object {
  const annotations = { [IMAGE_NAME]: name, [REF_NAME]: name.slice(name.lastIndexOf(':') + 1) }
  return { mediaType, digest, size, annotations }
}

function toIndexEntries({ distribution, tags, partOf }: SavedImage): object[] {
  const { mediaType, digest, size } = distribution.manifest
  if (tags.length === 0 && partOf.length === 0) return [{ mediaType, digest, size }]
  return tags.filter((name) => !partOf.includes(name)).map((name) => namedEntry(distribution.manifest, name))
}

const sizeOf = ({ mediaType, digest, bytes }: Document): BlobRecord => ({ mediaType, digest, size: bytes.length })

/** For readers from before manifest.json: repository -> tag -> uppermost layer. */
function toRepositories(images: readonly SavedImage[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {}
  for (const { distribution, tags } of images)
    for (const name of tags) {
      const top = distribution.layers.at(-1)
      if (top === undefined) continue
      const repository = familiarRepository(toFamiliar(name))
      repositories[repository] = {
        ...repositories[repository],
        [name.slice(name.lastIndexOf(':') + 1)]: hexOf(top.digest),
      }
    }
  return repositories
}

/**
 * Member name -> content, of all that is not a file in the store. The same images give the same bytes. manifest.json knows
 * no platforms: there a name has the image that it means here.
 */
export function toDocuments(
  images: readonly SavedImage[],
  indexes: readonly SavedIndex[],
): ReadonlyMap<string, Uint8Array> {
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  const manifests = [
    ...images.flatMap((image) => toIndexEntries(image)),
    ...indexes.map(({ document, tag }) => namedEntry(sizeOf(document), tag)),
  ]
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests }
  const own = images.filter(({ tags, partOf }) => tags.length > 0 || partOf.length === 0)
  const manifest = own.map(({ id, distribution, tags }) => ({
    Config: blobMember(id),
    RepoTags: tags.length === 0 ? null : tags.map((name) => toFamiliar(name)),
    Layers: distribution.layers.map(({ digest }) => blobMember(digest)),
  }))
  return new Map([
    ...indexes.map(({ document }): [string, Uint8Array] => [blobMember(document.digest), document.bytes]),
    ['index.json', json(index)],
    ['manifest.json', json(manifest)],
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
    ['repositories', json(toRepositories(images))],
  ])
}

/** All blobs of the images, each once, sorted by digest. */
export function blobsOfSaved(images: readonly (SavedImage & { readonly configBytes: number })[]): BlobRecord[] {
  const all = images.flatMap(({ id, configBytes, distribution }) => [
    { mediaType: '', digest: id, size: configBytes },
    distribution.manifest,
    ...distribution.layers,
  ])
  return [...new Map(all.map((blob) => [blob.digest, blob])).values()].toSorted((a, b) =>
    a.digest < b.digest ? -1 : 1,
  )
}

/** One entry of manifest.json. */
export interface DockerEntry {
  /** Name of a member. */
  readonly config: string
  /** In full. */
  readonly tags: readonly string[]
  /** Names of members, lowest layer first. */
  readonly layers: readonly string[]
}

function textsOf(value: unknown, where: string, limit: number): string[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.length > limit || !value.every((item) => typeof item === 'string'))
    throw archiveError(`${where} in manifest.json is no list of at most ${limit} texts`)
  return value
}

/** Throws ARCHIVE_INVALID for what is no name with a tag. */
function canonicalTag(text: string): string {
  let reference: ReturnType<typeof parseReference>
  try {
    reference = parseReference(text)
  } catch {
    throw archiveError(`${JSON.stringify(text.slice(0, 200))} is no name of an image`)
  }
  if (reference.digest !== undefined) throw archiveError(`${JSON.stringify(text)} is a digest, not a tag`)
  return toCanonicalTag(reference)
}

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw archiveError(`${name} is no JSON`)
  }
}

/** manifest.json. Throws ARCHIVE_INVALID. */
export function parseDockerManifest(bytes: Uint8Array): DockerEntry[] {
  const list = parseJson(bytes, 'manifest.json')
  if (!Array.isArray(list)) throw archiveError('manifest.json is no list')
  if (list.length > MAX_IMAGES) throw archiveError(`manifest.json names ${list.length} images, more than ${MAX_IMAGES}`)
  return list.map((item: unknown, index) => {
    if (typeof item !== 'object' || item === null) throw archiveError(`entry ${index} of manifest.json is no object`)
    const { Config, RepoTags, Layers } = item as Readonly<Record<string, unknown>>
    if (typeof Config !== 'string') throw archiveError(`entry ${index} of manifest.json has no Config`)
    return {
      config: Config,
      tags: textsOf(RepoTags, 'RepoTags', MAX_TAGS).map((text) => canonicalTag(text)),
      layers: textsOf(Layers, 'Layers', MAX_LAYERS),
    }
  })
}

/** The file oci-layout. Throws ARCHIVE_INVALID. */
export function checkLayoutVersion(bytes: Uint8Array): void {
  const layout = parseJson(bytes, 'oci-layout') as { readonly imageLayoutVersion?: unknown } | null
  const version = layout?.imageLayoutVersion
  if (typeof version !== 'string' || !version.startsWith('1.'))
    throw archiveError(`its OCI layout has the version ${JSON.stringify(version)}, not 1.x`)
}

/**
 * What an entry of index.json is called, in full; undefined for none. containerd and docker write the whole name, skopeo and
 * podman put it where the specification wants a tag; a tag alone says nothing of the repository.
 */
export function nameOfEntry({ annotations }: Pick<Descriptor, 'annotations'>): string | undefined {
  const name = annotations?.[IMAGE_NAME]
  if (name !== undefined) return canonicalTag(name)
  const reference = annotations?.[REF_NAME]
  return reference !== undefined && /[:/]/.test(reference) ? canonicalTag(reference) : undefined
}
