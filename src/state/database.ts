/**
 * state.db: the engine's only memory, SQLite in WAL mode, written by the engine alone. One transaction a change.
 *
 *   meta(key, value)                     schema_version, boot_id
 *   containers(id, name, doc)            doc: JSON, see state/containers.ts; name without "/"
 *   networks(id, name, doc)
 *   endpoints(container_id, network_id, doc)   addresses in use and what the kernel was given
 *   sandboxes(container_id, doc)         namespaces, ports
 *   volumes(name, doc)
 *   images(id, doc)   tags(reference, image_id)   tag_platforms, see state/tags.ts
 *   layers(chain_id, doc)                a row means: the folder is complete
 *   build_records, build_checksums, build_holds   the build cache, see state/builds.ts
 *
 * A newer schema than ours, a damaged file and a full disk are errors that change nothing: the file stays as it is, and
 * the message says where it lies and what to do.
 */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { MycomposeError } from '../errors.ts'
import { BUILD_SCHEMA } from './builds.ts'
import { TAG_SCHEMA } from './tags.ts'

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

type Row = Readonly<Record<string, SQLOutputValue>>

export interface Statement {
  all(...values: readonly SQLInputValue[]): Row[]
  get(...values: readonly SQLInputValue[]): Row | undefined
  run(...values: readonly SQLInputValue[]): void
}

export interface StateDatabase {
  /** The statement, prepared once. Running it throws DISK_FULL, STATE_UNUSABLE, STATE_CORRUPT. */
  prepare(sql: string): Statement
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

/** What SQLite says of a file that it cannot read or write. Source: sqlite.org/rescode.html */
const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14

function primaryCode(error: unknown): number {
  const code = (error as { readonly errcode?: unknown } | undefined)?.errcode
  return typeof code === 'number' ? code & 0xff : 0
}

/** SQLite's errors in our words; what is none of SQLite's stays as it is. */
function explain(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || (error as { readonly code?: unknown }).code !== 'ERR_SQLITE_ERROR') return error
  const code = primaryCode(error)
  if (code === SQLITE_FULL || code === SQLITE_IOERR || code === SQLITE_CANTOPEN)
    return new MycomposeError(
      code === SQLITE_FULL
        ? `cannot write the state ${path}: no space is left on its disk`
        : `cannot read or write the state ${path}: ${error.message}`,
      {
        code: code === SQLITE_FULL ? 'DISK_FULL' : 'STATE_UNUSABLE',
        hint: `nothing was lost; make room (df -h ${path}; mycompose image rm, mycompose volume rm) and try again`,
        cause: error,
      },
    )
  return new MycomposeError(`the state ${path} is damaged: ${error.message}`, {
    code: 'STATE_CORRUPT',
    hint: `the file is kept as it is; copy ${path}* elsewhere, then either mend it (sqlite3 state.db .recover) or move it away to begin anew: volumes keep their data, files of containers are kept in containers/lost-*, images have to be made again`,
    cause: error,
  })
}

/** Reads every page: a damaged one must be known before anything is concluded from what can be read. */
function check(database: DatabaseSync): void {
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (found === 'ok') return
  throw Object.assign(new Error(String(found)), { code: 'ERR_SQLITE_ERROR', errcode: 11 })
}

/**
 * Opens or makes the database. Throws STATE_VERSION for a newer one, STATE_CORRUPT for one that is damaged, DISK_FULL;
 * later calls too.
 */
export function openStateDatabase(path: string): StateDatabase {
  let opened: DatabaseSync | undefined
  const wrapped = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw explain(error, path)
    }
  }
  try {
    opened = new DatabaseSync(path)
    check(opened)
    opened.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;')
    migrate(opened, path)
    opened.exec(BUILD_SCHEMA + TAG_SCHEMA)
  } catch (error) {
    opened?.close()
    throw explain(error, path)
  }
  const database = opened
  const statements = new Map<string, Statement>()
  /** The three ways in which we run one. */
  const explaining = (statement: StatementSync): Statement => ({
    all: (...values) => wrapped(() => statement.all(...values)),
    get: (...values) => wrapped(() => statement.get(...values)),
    run: (...values) => wrapped(() => void statement.run(...values)),
  })
  let inTransaction = false
  return {
    prepare(sql) {
      let statement = statements.get(sql)
      if (statement === undefined) {
        statement = explaining(wrapped(() => database.prepare(sql)))
        statements.set(sql, statement)
      }
      return statement
    },
    transaction(work) {
      if (inTransaction) return work()
      inTransaction = true
      try {
        wrapped(() => database.exec('BEGIN IMMEDIATE'))
        const result = work()
        wrapped(() => database.exec('COMMIT'))
        return result
      } catch (error) {
        // a full disk may have rolled it back already
        if (database.isTransaction) database.exec('ROLLBACK')
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
