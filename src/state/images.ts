/** Images in state.db; their names: tags.ts. The configuration itself is the file blobs/sha256/<hex of the id>. */
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
  /** "linux/arm64/v8"; absent in rows of the first versions. */
  readonly platform?: string
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

function toRecord(row: Record<string, unknown>): ImageRecord {
  return JSON.parse(String(row['doc'])) as ImageRecord
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
