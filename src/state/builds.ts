/**
 * The build cache in state.db: what steps have left (records), what parts of layers contain (checksums), and what builds that
 * are under way stand on (holds). The tables are added where they are missing and have no part in the schema's version: an
 * engine that does not know them loses the cache at most, as a record whose layer is gone is none.
 */
import type { StateDatabase } from './database.ts'

/** Run at every start. */
export const BUILD_SCHEMA = `
CREATE TABLE IF NOT EXISTS build_records (key TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS build_checksums (key TEXT PRIMARY KEY, chain_id TEXT NOT NULL, checksum TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS build_holds (id TEXT PRIMARY KEY, chain_ids TEXT NOT NULL) WITHOUT ROWID;
`

export interface BuildRecord {
  /** "sha256:..." of the step's definition and of all that it reads. */
  readonly key: string
  /** "[web 2/5] RUN npm ci" */
  readonly description: string
  /** Chain id of what the step stands on; undefined: nothing. */
  readonly below: string | undefined
  /** Chain id of the layer that it made; undefined: it changed nothing. */
  readonly layer: string | undefined
  /** Of that layer, uncompressed. */
  readonly sizeBytes: number
  /** RFC 3339: when the step ran. */
  readonly created: string
  readonly usedAtMs: number
  readonly usageCount: number
}

function toRecord(row: Record<string, unknown>): BuildRecord {
  return JSON.parse(String(row['doc'])) as BuildRecord
}

export function findBuildRecord(state: StateDatabase, key: string): BuildRecord | undefined {
  const row = state.prepare('SELECT doc FROM build_records WHERE key = ?').get(key)
  return row === undefined ? undefined : toRecord(row)
}

/** Sorted by key. */
export function listBuildRecords(state: StateDatabase): BuildRecord[] {
  return state.prepare('SELECT doc FROM build_records ORDER BY key').all().map(toRecord)
}

export function saveBuildRecord(state: StateDatabase, record: BuildRecord): void {
  state.prepare('INSERT OR REPLACE INTO build_records (key, doc) VALUES (?, ?)').run(record.key, JSON.stringify(record))
}

export function deleteBuildRecord(state: StateDatabase, key: string): void {
  state.prepare('DELETE FROM build_records WHERE key = ?').run(key)
}

/** The checksum of some files of a stack of layers; `key` says which ones. */
export function findBuildChecksum(state: StateDatabase, key: string): string | undefined {
  const row = state.prepare('SELECT checksum FROM build_checksums WHERE key = ?').get(key)
  return row === undefined ? undefined : String(row['checksum'])
}

export function saveBuildChecksum(state: StateDatabase, key: string, chainId: string, checksum: string): void {
  state
    .prepare('INSERT OR REPLACE INTO build_checksums (key, chain_id, checksum) VALUES (?, ?, ?)')
    .run(key, chainId, checksum)
}

/** Of stacks whose uppermost layer is not there any more. */
export function deleteStrayChecksums(state: StateDatabase): void {
  state.prepare('DELETE FROM build_checksums WHERE chain_id NOT IN (SELECT chain_id FROM layers)').run()
}

/** What the build `id` stands on from now on. */
export function saveBuildHold(state: StateDatabase, id: string, chainIds: readonly string[]): void {
  state.prepare('INSERT OR REPLACE INTO build_holds (id, chain_ids) VALUES (?, ?)').run(id, JSON.stringify(chainIds))
}

export function deleteBuildHold(state: StateDatabase, id: string): void {
  state.prepare('DELETE FROM build_holds WHERE id = ?').run(id)
}

/** At start no build is under way. Without a condition SQLite clears the table, and writes, even when it is empty. */
export function deleteBuildHolds(state: StateDatabase): void {
  state.prepare('DELETE FROM build_holds WHERE true').run()
}

/** Layers that builds stand on just now. */
export function heldLayers(state: StateDatabase): Set<string> {
  const held = new Set<string>()
  for (const row of state.prepare('SELECT chain_ids FROM build_holds').all())
    for (const chainId of JSON.parse(String(row['chain_ids'])) as readonly string[]) held.add(chainId)
  return held
}

/** Those, and the ones that records name. */
export function layersOfBuilds(state: StateDatabase): Set<string> {
  const used = heldLayers(state)
  for (const { layer } of listBuildRecords(state)) if (layer !== undefined) used.add(layer)
  return used
}
