/** Images and their tags in state.db. The configuration itself is the file blobs/sha256/<hex of the id>. */
import type { StateDatabase } from './database.ts'

export interface ImageRecord {
  /** "sha256:..." of the configuration's bytes. */
  readonly id: string
  /** Lowest layer first. */
  readonly chainIds: readonly string[]
  /** All layers together, uncompressed. */
  readonly sizeBytes: number
  /** RFC 3339: when it was made here or got its latest tag. */
  readonly taggedAt: string
  /** Of the configuration, so that a list reads no files; absent in rows of the first version. */
  readonly summary?: ImageFacts
  /** What it is at registries; absent for images that came from none. */
  readonly distribution?: Distribution
}

export interface ImageFacts {
  /** RFC 3339. */
  readonly created?: string
  readonly labels: Readonly<Record<string, string>> | null
}

/** The bytes of an image as registries hold them: all of these are files in blobs/sha256. */
export interface Distribution {
  /** Its own manifest. */
  readonly manifest: BlobRecord
  /** Compressed layers, lowest first. */
  readonly layers: readonly BlobRecord[]
  /** In full, "docker.io/library/debian@sha256:...": of the manifest, or of the index that it was chosen from. */
  readonly repoDigests: readonly string[]
  /** Indexes that `repoDigests` name. */
  readonly indexes: readonly BlobRecord[]
}

export interface BlobRecord {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

export interface TagRecord {
  /** In full: "docker.io/library/debian:bookworm". */
  readonly reference: string
  readonly imageId: string
}

function toRecord(row: Record<string, unknown>): ImageRecord {
  return JSON.parse(String(row['doc'])) as ImageRecord
}

function toTag(row: Record<string, unknown>): TagRecord {
  return { reference: String(row['reference']), imageId: String(row['image_id']) }
}

export function findImage(state: StateDatabase, id: string): ImageRecord | undefined {
  const row = state.prepare('SELECT doc FROM images WHERE id = ?').get(id)
  return row === undefined ? undefined : toRecord(row)
}

/** Those whose id begins with `prefix` ("sha256:1a2b"), two at most: one, none, or not unique. */
export function findImagesByPrefix(state: StateDatabase, prefix: string): ImageRecord[] {
  // the ids are hex, so "g" is the first text after all that begin with the prefix
  const rows = state.prepare('SELECT doc FROM images WHERE id >= ? AND id < ? LIMIT 2').all(prefix, `${prefix}g`)
  return rows.map(toRecord)
}

export function listImages(state: StateDatabase): ImageRecord[] {
  return state.prepare('SELECT doc FROM images ORDER BY id').all().map(toRecord)
}

export function saveImage(state: StateDatabase, image: ImageRecord): void {
  state.prepare('INSERT OR REPLACE INTO images (id, doc) VALUES (?, ?)').run(image.id, JSON.stringify(image))
}

export function deleteImage(state: StateDatabase, id: string): void {
  state.prepare('DELETE FROM images WHERE id = ?').run(id)
}

export function findTag(state: StateDatabase, reference: string): TagRecord | undefined {
  const row = state.prepare('SELECT reference, image_id FROM tags WHERE reference = ?').get(reference)
  return row === undefined ? undefined : toTag(row)
}

/** Sorted by reference. */
export function listTags(state: StateDatabase): TagRecord[] {
  return state.prepare('SELECT reference, image_id FROM tags ORDER BY reference').all().map(toTag)
}

export function tagsOf(state: StateDatabase, imageId: string): string[] {
  const rows = state.prepare('SELECT reference FROM tags WHERE image_id = ? ORDER BY reference').all(imageId)
  return rows.map((row) => String(row['reference']))
}

/** Moves the tag when another image has it. */
export function saveTag(state: StateDatabase, { reference, imageId }: TagRecord): void {
  state.prepare('INSERT OR REPLACE INTO tags (reference, image_id) VALUES (?, ?)').run(reference, imageId)
}

export function deleteTag(state: StateDatabase, reference: string): void {
  state.prepare('DELETE FROM tags WHERE reference = ?').run(reference)
}
