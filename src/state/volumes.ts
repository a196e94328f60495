/** Volumes in state.db. A row is written before the folder is made and removed after the folder is gone. */
import type { StateDatabase } from './database.ts'

export interface VolumeRecord {
  readonly name: string
  /** RFC 3339. */
  readonly created: string
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  /** No name was asked for: `prune` and `rm -v` may take it. */
  readonly anonymous: boolean
  /** The container that it was made for without a name: goes with it when its creation is undone. */
  readonly madeFor?: string
  /** Begun and not ended: recovery empties a volume that was being filled, and finishes a removal. */
  readonly unfinished?: 'fill' | 'remove'
}

export interface VolumeRows {
  all(): VolumeRecord[]
  get(name: string): VolumeRecord | undefined
  insert(volume: VolumeRecord): void
  replace(volume: VolumeRecord): void
  delete(name: string): void
}

export function volumeRows(state: StateDatabase): VolumeRows {
  const parse = (row: Record<string, unknown>): VolumeRecord => JSON.parse(String(row['doc'])) as VolumeRecord
  return {
    all: () => state.prepare('SELECT doc FROM volumes ORDER BY name').all().map(parse),
    get(name) {
      const row = state.prepare('SELECT doc FROM volumes WHERE name = ?').get(name)
      return row === undefined ? undefined : parse(row)
    },
    insert: (volume) =>
      state.prepare('INSERT INTO volumes (name, doc) VALUES (?, ?)').run(volume.name, JSON.stringify(volume)),
    replace: (volume) =>
      state.prepare('UPDATE volumes SET doc = ? WHERE name = ?').run(JSON.stringify(volume), volume.name),
    delete: (name) => state.prepare('DELETE FROM volumes WHERE name = ?').run(name),
  }
}
