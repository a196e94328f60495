/** Atomic writes: what is on the disk before, at and after the rename. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createFiles } from '../../../src/host/files.ts'

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-files-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('an atomic write replaces the file and leaves nothing beside it', async (t) => {
  const folder = makeFolder(t)
  const path = join(folder, 'state')
  writeFileSync(path, 'old')
  await createFiles().writeAtomic(path, 'new')
  assert.equal(readFileSync(path, 'utf8'), 'new')
  assert.deepEqual(readdirSync(folder), ['state'])
})

test('with a temporary folder, an unfinished file is never beside the others', async (t) => {
  const folder = makeFolder(t)
  const temporaryFolder = join(folder, 'tmp')
  const blobs = join(folder, 'blobs')
  mkdirSync(temporaryFolder)
  mkdirSync(join(blobs, 'taken'), { recursive: true })
  const files = createFiles()
  await files.writeAtomic(join(blobs, 'a'), 'a', { temporaryFolder })
  // a rename over a folder fails after the file is written
  const seen: string[][] = []
  const failing = files
    .writeAtomic(join(blobs, 'taken'), 'b', { temporaryFolder })
    .finally(() => seen.push(readdirSync(blobs)))
  await assert.rejects(failing, { code: 'EISDIR' })
  assert.deepEqual(seen, [['a', 'taken']])
  assert.deepEqual(readdirSync(temporaryFolder), [])
  await assert.rejects(files.writeAtomic(join(blobs, 'c'), 'c', { temporaryFolder: join(folder, 'none') }), {
    code: 'ENOENT',
  })
  assert.deepEqual(readdirSync(blobs), ['a', 'taken'])
})
