/**
 * Names of images in state.db. A name means one image; when it came with an index (a list of platforms), the index and the
 * images that are here for other platforms are kept with the name, so that push and save can send all of them. That table is
 * added where it is missing and has no part in the schema's version: an engine that does not know it moves names without
 * it, and rows that do not fit their name any more are not believed.
 */
import type { StateDatabase } from './database.ts'

/** Run at every start. `tag_platforms` has a row for each image of a name that stands for an index. */
export const TAG_SCHEMA = `
CREATE TABLE IF NOT EXISTS tag_platforms (reference TEXT NOT NULL, image_id TEXT NOT NULL, index_digest TEXT NOT NULL,
  PRIMARY KEY (reference, image_id)) WITHOUT ROWID;
`

export interface TagRecord {
  /** In full: "docker.io/library/debian:bookworm". */
  readonly reference: string
  readonly imageId: string
  /** Digest of the index that the name stands for. */
  readonly index?: string
}

const SELECT = `SELECT t.reference, t.image_id, p.index_digest FROM tags t
  LEFT JOIN tag_platforms p ON p.reference = t.reference AND p.image_id = t.image_id`
/** Images of a name's index beside the one that it means. */
const SELECT_OTHERS = `SELECT o.reference, o.image_id, o.index_digest FROM tags t
  JOIN tag_platforms p ON p.reference = t.reference AND p.image_id = t.image_id
  JOIN tag_platforms o ON o.reference = t.reference AND o.index_digest = p.index_digest AND o.image_id <> t.image_id`

function toTag(row: Record<string, unknown>): TagRecord {
  const { reference, image_id: imageId, index_digest: index } = row
  const tag = { reference: String(reference), imageId: String(imageId) }
  return typeof index === 'string' ? { ...tag, index } : tag
}

export function findTag(state: StateDatabase, reference: string): TagRecord | undefined {
  const row = state.prepare(`${SELECT} WHERE t.reference = ?`).get(reference)
  return row === undefined ? undefined : toTag(row)
}

/** Sorted by reference. */
export function listTags(state: StateDatabase): TagRecord[] {
  return state.prepare(`${SELECT} ORDER BY t.reference`).all().map(toTag)
}

/** Names that mean the image, sorted. */
export function tagsOf(state: StateDatabase, imageId: string): string[] {
  const rows = state.prepare('SELECT reference FROM tags WHERE image_id = ? ORDER BY reference').all(imageId)
  return rows.map((row) => String(row['reference']))
}

/** Names that mean another image, each with one that is here for another platform. Sorted by reference. */
export function listOtherPlatforms(state: StateDatabase): TagRecord[] {
  return state.prepare(`${SELECT_OTHERS} ORDER BY o.reference, o.image_id`).all().map(toTag)
}

/** Ids of the images that the name has for other platforms, sorted. */
export function otherPlatformsOf(state: StateDatabase, reference: string): string[] {
  const rows = state.prepare(`${SELECT_OTHERS} WHERE t.reference = ? ORDER BY o.image_id`).all(reference)
  return rows.map((row) => toTag(row).imageId)
}

/** Names that have the image for another platform than the one they mean, sorted. */
export function tagsAsPlatform(state: StateDatabase, imageId: string): string[] {
  const rows = state.prepare(`${SELECT_OTHERS} WHERE o.image_id = ? ORDER BY o.reference`).all(imageId)
  return rows.map((row) => toTag(row).reference)
}

/** Moves the tag when another image has it; that one is kept with the name if the index is the same. */
export function saveTag(state: StateDatabase, { reference, imageId, index }: TagRecord): void {
  state.transaction(() => {
    state.prepare('INSERT OR REPLACE INTO tags (reference, image_id) VALUES (?, ?)').run(reference, imageId)
    state
      .prepare('DELETE FROM tag_platforms WHERE reference = ? AND index_digest IS NOT ?')
      .run(reference, index ?? null)
    if (index !== undefined) addPlatform(state, { reference, imageId, index })
  })
}

/** The name has this image, too, and goes on to mean the one that it means. */
export function addPlatform(state: StateDatabase, { reference, imageId, index }: Required<TagRecord>): void {
  state
    .prepare('INSERT OR REPLACE INTO tag_platforms (reference, image_id, index_digest) VALUES (?, ?, ?)')
    .run(reference, imageId, index)
}

/** Takes the image from the name, which then means the next one of its index, or goes with its last one. */
export function untag(state: StateDatabase, reference: string, imageId: string): void {
  state.transaction(() => {
    const tag = findTag(state, reference)
    const [next] = otherPlatformsOf(state, reference)
    state.prepare('DELETE FROM tag_platforms WHERE reference = ? AND image_id = ?').run(reference, imageId)
    if (tag?.imageId !== imageId) return
    if (next !== undefined) saveTag(state, { ...tag, imageId: next })
    else {
      state.prepare('DELETE FROM tags WHERE reference = ?').run(reference)
      state.prepare('DELETE FROM tag_platforms WHERE reference = ?').run(reference)
    }
  })
}
