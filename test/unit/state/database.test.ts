/** state.db that is newer, damaged or without room: clear errors that leave the file as it is. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, test } from 'node:test'
import { openStateDatabase, readStateDatabase } from '../../../src/state/database.ts'
import { volumeRows } from '../../../src/state/volumes.ts'
import { openCopy } from '../../support/state-copy.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mycompose-state-'))
  path = join(folder, 'state.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const volume = (name: string) => ({
  name,
  created: '',
  labels: { filler: 'x'.repeat(500) },
  options: {},
  anonymous: false,
})

function fill(count: number): void {
  const state = openStateDatabase(path)
  for (let number = 0; number < count; number += 1) volumeRows(state).insert(volume(`v${number}`))
  state.close()
}

test('a newer schema is refused, and nothing is changed', () => {
  fill(1)
  const database = new DatabaseSync(path)
  database.exec("UPDATE meta SET value = '99' WHERE key = 'schema_version'; PRAGMA journal_mode = DELETE")
  database.close()
  const before = readFileSync(path)
  assert.throws(() => openStateDatabase(path), { code: 'STATE_VERSION' })
  assert.throws(() => openStateDatabase(path), /99/)
  const again = new DatabaseSync(path, { readOnly: true })
  assert.equal(again.prepare('SELECT count(*) AS n FROM volumes').get()?.['n'], 1)
  again.close()
  assert.equal(readFileSync(path).length, before.length)
})

test('a file that is no database, and one with a damaged page, are told and kept', () => {
  writeFileSync(path, 'not a database at all, but long enough to look at'.repeat(50))
  const before = readFileSync(path)
  assert.throws(() => openStateDatabase(path), { code: 'STATE_CORRUPT' })
  assert.deepEqual(readFileSync(path), before)

  rmSync(path)
  fill(200)
  const bytes = readFileSync(path)
  assert.ok(bytes.length > 40_000)
  const damaged = Buffer.from(bytes)
  damaged.fill(0xa5, bytes.length - 20_000, bytes.length - 4096)
  writeFileSync(path, damaged)
  assert.throws(
    () => openStateDatabase(path),
    (error: { code?: string; hint?: string; message: string }) => {
      assert.equal(error.code, 'STATE_CORRUPT')
      assert.ok(error.message.includes(path), 'says where')
      assert.match(error.hint ?? '', /move it away/, 'and what to do')
      return true
    },
  )
  assert.deepEqual(readFileSync(path), damaged)
})

test('no room is DISK_FULL, the transaction is undone, and the next write succeeds', () => {
  fill(1)
  const state = openStateDatabase(path)
  const pages = Number(state.prepare('PRAGMA page_count').get()?.['page_count'])
  state.prepare(`PRAGMA max_page_count = ${pages}`).get()
  const rows = volumeRows(state)
  const insertMany = (): void => {
    for (let number = 0; number < 200; number += 1) rows.insert(volume(`more${number}`))
  }
  assert.throws(() => state.transaction(insertMany), { code: 'DISK_FULL' })
  assert.deepEqual(
    rows.all().map(({ name }) => name),
    ['v0'],
  )
  state.prepare('PRAGMA max_page_count = 100000').get()
  state.transaction(insertMany)
  assert.equal(rows.all().length, 201)
  state.close()
})

test('nobody else opens it meanwhile, and no memory is shared by a file', () => {
  const state = openStateDatabase(path)
  volumeRows(state).insert(volume('v'))
  assert.deepEqual(readdirSync(folder).toSorted(), ['state.db', 'state.db-wal'])
  const other = new DatabaseSync(path, { timeout: 0 })
  assert.throws(() => other.exec('SELECT * FROM volumes'), { errcode: 5 })
  other.close()
  state.close()
  assert.deepEqual(readdirSync(folder), ['state.db'])
})

test('one that is only read stays as it is; a copy has what is in the journal', () => {
  writeFileSync(path, '')
  assert.equal(countRead(), undefined)
  fill(3)
  assert.equal(countRead(), 3)
  assert.deepEqual(readdirSync(folder), ['state.db'])
  const state = openStateDatabase(path)
  volumeRows(state).insert(volume('more'))
  using copy = openCopy(path)
  state.close()
  assert.equal(copy.database.prepare('SELECT count(*) AS n FROM volumes').get()?.['n'], 4)
})

/** How many volumes a reader finds. */
function countRead(): number | undefined {
  const state = readStateDatabase(path, { hasJournal: false })
  if (state === undefined) return undefined
  const { length } = volumeRows(state).all()
  assert.throws(() => volumeRows(state).insert(volume('x')))
  state.close()
  return length
}
