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
 * It is locked for as long as it is open: nobody else reads it meanwhile.
 *
 * A newer schema than ours, a damaged file and a full disk are errors that change nothing: the file stays as it is, and
 * the message says where it lies and what to do.
 */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
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

function isBegun(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'").get() !== undefined
}

function migrate(database: DatabaseSync, path: string): void {
  if (isBegun(database)) return checkVersion(database, path)
  database.exec(`BEGIN; ${SCHEMA} INSERT INTO meta VALUES ('schema_version', '${SCHEMA_VERSION}'); COMMIT;`)
}

function checkVersion(database: DatabaseSync, path: string): void {
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
const SQLITE_BUSY = 5
const SQLITE_IOERR = 10
const SQLITE_FULL = 13
const SQLITE_CANTOPEN = 14
/** A write that failed with anything but ENOSPC: for a quota that is used up (EDQUOT) SQLite has no code of its own. */
const SQLITE_IOERR_WRITE = SQLITE_IOERR | (3 << 8)
/** Others must have let go by then. */
const BUSY_TIMEOUT_MS = 5000

function resultCode(error: unknown): number {
  const code = (error as { readonly errcode?: unknown } | undefined)?.errcode
  return typeof code === 'number' ? code : 0
}

/** SQLite's errors in our words; what is none of SQLite's stays as it is. */
function explain(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || (error as { readonly code?: unknown }).code !== 'ERR_SQLITE_ERROR') return error
  const extended = resultCode(error)
  const code = extended & 0xff
  if (code === SQLITE_FULL || extended === SQLITE_IOERR_WRITE)
    return new MycomposeError(
      code === SQLITE_FULL
        ? `cannot write the state ${path}: no space is left on its disk`
        : `cannot write the state ${path}: its disk quota is used up, or the disk fails`,
      {
        code: 'DISK_FULL',
        hint: `nothing was lost; make room (df -h ${path}; mycompose image rm, mycompose volume rm) and try again${code === SQLITE_FULL ? '' : '; dmesg tells of a disk that fails'}`,
        cause: error,
      },
    )
  if (code === SQLITE_IOERR || code === SQLITE_CANTOPEN)
    return new MycomposeError(`cannot read or write the state ${path}: ${error.message}`, {
      code: 'STATE_UNUSABLE',
      hint: `nothing was lost; see df -h ${path}, and dmesg for a disk that fails`,
      cause: error,
    })
  if (code === SQLITE_BUSY)
    return new MycomposeError(`cannot open the state ${path}: another program has it open`, {
      code: 'STATE_UNUSABLE',
      hint: `end that program: fuser -v ${path}`,
      cause: error,
    })
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
  return wrap(
    open(path, (database) => {
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;')
      migrate(database, path)
      database.exec(BUILD_SCHEMA + TAG_SCHEMA)
    }),
    path,
  )
}

/**
 * Opens it for looking while no engine has it; undefined when nothing was recorded yet. Without `hasJournal` (PATH-wal is
 * there) nothing is made beside the file either; with it, give a copy of both. Throws as openStateDatabase.
 */
export function readStateDatabase(
  path: string,
  { hasJournal }: { readonly hasJournal: boolean },
): StateDatabase | undefined {
  const url = pathToFileURL(path)
  if (!hasJournal) url.searchParams.set('immutable', '1')
  const database = open(path, () => {}, { url, readOnly: true })
  try {
    if (isBegun(database)) {
      checkVersion(database, path)
      return wrap(database, path)
    }
  } catch (error) {
    database.close()
    throw error
  }
  database.close()
  return undefined
}

/** Whole, and prepared by `prepare`; or closed again. */
function open(
  path: string,
  prepare: (database: DatabaseSync) => void,
  { url = path, readOnly = false }: { readonly url?: string | URL; readonly readOnly?: boolean } = {},
): DatabaseSync {
  let opened: DatabaseSync | undefined
  try {
    opened = new DatabaseSync(url, { readOnly, timeout: BUSY_TIMEOUT_MS })
    // before anything is read: then the index of the journal is our own memory. Mapped from PATH-shm it would end the
    // process with SIGBUS where a file system that copies on write (btrfs) has no room for a page (sqlite.org/wal.html)
    if (!readOnly) opened.exec('PRAGMA locking_mode = EXCLUSIVE')
    check(opened)
    prepare(opened)
    return opened
  } catch (error) {
    opened?.close()
    throw explain(error, path)
  }
}

function wrap(database: DatabaseSync, path: string): StateDatabase {
  const wrapped = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw explain(error, path)
    }
  }
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
