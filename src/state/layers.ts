/** Image layers in state.db. A row means: layers/<hex of the chain id>/diff is complete, and on the disk unless `pendingBoot`. */
import type { StateDatabase } from './database.ts'
import type { BlobRecord } from './images.ts'

export interface LayerRecord {
  /** "sha256:..." of this layer and all below it. */
  readonly chainId: string
  /** "sha256:..." of the uncompressed tar. */
  readonly diffId: string
  /** Name in l/: a few characters, as all lower folders of a mount must fit a page. */
  readonly shortName: string
  /** Of the uncompressed tar. */
  readonly sizeBytes: number
  /** The layers below are hidden whole. */
  readonly rootOpaque: boolean
  /** Nanoseconds since 1970, of the newest entry of its tar; absent in rows of the first version. */
  readonly newestMtimeNs?: string
  /** The bytes it came in, or was packed as since: a file in blobs/sha256 that is kept as long as the layer. */
  readonly blob?: BlobRecord
  /** RFC 3339. */
  readonly created: string
  /** Not brought to the disk yet: whole as long as this boot (its id) lasts. No image stands on such a layer. */
  readonly pendingBoot?: string
}

function toRecord(row: Record<string, unknown>): LayerRecord {
  return JSON.parse(String(row['doc'])) as LayerRecord
}

export function findLayer(state: StateDatabase, chainId: string): LayerRecord | undefined {
  const row = state.prepare('SELECT doc FROM layers WHERE chain_id = ?').get(chainId)
  return row === undefined ? undefined : toRecord(row)
}

export function listLayers(state: StateDatabase): LayerRecord[] {
  return state.prepare('SELECT doc FROM layers ORDER BY chain_id').all().map(toRecord)
}

export function insertLayer(state: StateDatabase, layer: LayerRecord): void {
  state.prepare('INSERT INTO layers (chain_id, doc) VALUES (?, ?)').run(layer.chainId, JSON.stringify(layer))
}

/** Changes what is known of it. */
export function updateLayer(state: StateDatabase, layer: LayerRecord): void {
  state.prepare('UPDATE layers SET doc = ? WHERE chain_id = ?').run(JSON.stringify(layer), layer.chainId)
}

export function deleteLayer(state: StateDatabase, chainId: string): void {
  state.prepare('DELETE FROM layers WHERE chain_id = ?').run(chainId)
}
