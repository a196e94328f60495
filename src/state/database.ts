/**
 * state.db: the engine's only memory, SQLite in WAL mode, written by the engine alone. One transaction a change.
 *
 *   meta(key, value)                     schema_version, boot_id
 *   containers(id, name, doc)            doc: JSON, see state/containers.ts; name without "/"
 *   networks(id, name, doc)
 *   endpoints(container_id, network_id, doc)   addresses in use and what the kernel was given
 *   sandboxes(container_id, doc)         namespaces, ports
 *   volumes(name, doc)
 *   images(id, doc)   tags(reference, image_id)
 *   layers(chain_id, doc)                a row means: the folder is complete
 *
 * A newer schema than ours is an error that changes nothing; an older one is migrated in one transaction.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { MycomposeError } from '../errors.ts'

export const SCHEMA_VERSION = 1

const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, doc TEXT NOT NULL);
CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL, doc TEXT NOT NULL);
CREATE TABLE endpoints (container_id TEXT NOT NULL, network_id TEXT NOT NULL, doc TEXT NOT NULL,
  PRIMARY KEY (container_id, network_id)) WITHOUT ROWID;
CREATE TABLE sandboxes (container_id TEXT PRIMARY KEY, doc TEXT NOT NULL);
CREATE TABLE volumes (name TEXT PRIMARY KEY, doc TEXT NOT NULL);
CREATE TABLE images (id TEXT PRIMARY KEY, doc TEXT NOT NULL);
CREATE TABLE tags (reference TEXT PRIMARY KEY, image_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layers (chain_id TEXT PRIMARY KEY, doc TEXT NOT NULL);
`

export interface StateDatabase {
  /** The statement, prepared once. */
  prepare(sql: string): StatementSync
  /** All of `work`'s changes or none. Synchronous; do not nest. */
  transaction<T>(work: () => T): T
  close(): void
}

function migrate(database: DatabaseSync, path: string): void {
  const found = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'").get()
  if (found === undefined) {
    database.exec(`BEGIN; ${SCHEMA} INSERT INTO meta VALUES ('schema_version', '${SCHEMA_VERSION}'); COMMIT;`)
    return
  }
  const row = database.prepare("SELECT value FROM meta WHERE key = 'schema_version'").get()
  const version = Number(row?.['value'])
  if (version === SCHEMA_VERSION) return
  throw new MycomposeError(
    `${path} has schema version ${String(row?.['value'])}, this mycompose knows ${SCHEMA_VERSION}`,
    {
      code: 'STATE_VERSION',
      hint: 'it was written by a newer mycompose: install that version again; nothing was changed',
    },
  )
}

/** Opens or makes the database. Throws STATE_VERSION for a newer one, STATE_CORRUPT for one SQLite refuses. */
export function openStateDatabase(path: string): StateDatabase {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(path)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;')
    migrate(database, path)
  } catch (cause) {
    if (cause instanceof MycomposeError) throw cause
    throw new MycomposeError(
      `cannot open the state ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        code: 'STATE_CORRUPT',
        hint: `keep a copy of ${path}*, then move it away to start afresh; containers and volumes on disk are not touched`,
        cause,
      },
    )
  }
  const statements = new Map<string, StatementSync>()
  let inTransaction = false
  return {
    prepare(sql) {
      let statement = statements.get(sql)
      if (statement === undefined) {
        statement = database.prepare(sql)
        statements.set(sql, statement)
      }
      return statement
    },
    transaction(work) {
      if (inTransaction) return work()
      inTransaction = true
      database.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        database.exec('COMMIT')
        return result
      } catch (error) {
        database.exec('ROLLBACK')
        throw error
      } finally {
        inTransaction = false
      }
    },
    close() {
      statements.clear()
      database.close()
    },
  }
}
