import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { runCached } from '../../../src/host/code-cache.ts'

interface Program {
  sum(to: number): number
  readonly url: string
}

const PROGRAM = `
  exports.url = __url
  exports.sum = function sum(to) { let all = 0; for (let each = 1; each <= to; each += 1) all += each; return all }
`

async function program(t: TestContext): Promise<{ file: string; cache: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'mycompose-code-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'a program.js')
  await writeFile(file, PROGRAM)
  return { file, cache: join(folder, 'cache/code/of-program') }
}

test('runs the file, with its own address', async (t) => {
  const { file } = await program(t)
  const { exports } = runCached<Program>(file, undefined)
  assert.equal(exports.sum(4), 10)
  assert.match(exports.url, /^file:\/\/\/.*\/a%20program\.js$/)
})

test('stores compiled code once a use, private to the user, and runs from it', async (t) => {
  const { file, cache } = await program(t)
  const first = runCached<Program>(file, cache)
  first.exports.sum(1)
  first.remember('sum')
  const { mode, size, ino } = await stat(cache)
  assert.equal(mode & 0o077, 0)
  assert.deepEqual(await readdir(join(cache, '..')), ['of-program'])

  const second = runCached<Program>(file, cache)
  assert.equal(second.exports.sum(3), 6)
  second.remember('sum')
  assert.equal((await stat(cache)).ino, ino, 'a known use writes nothing')
  second.remember('other')
  assert.notEqual((await stat(cache)).ino, ino)
  assert.ok((await stat(cache)).size >= size)
  assert.match((await readFile(cache)).toString('latin1'), /\["sum","other"\]/)
})

test('a cut, strange or foreign cache is replaced, not trusted', async (t) => {
  const { file, cache } = await program(t)
  runCached<Program>(file, cache).remember('sum')
  const good = await readFile(cache)
  for (const bad of [Buffer.alloc(0), Buffer.from('abc'), good.subarray(0, 20), Buffer.alloc(good.length, 0xff)]) {
    await writeFile(cache, bad)
    const run = runCached<Program>(file, cache)
    assert.equal(run.exports.sum(2), 3)
    run.remember('sum')
    assert.ok((await stat(cache)).size > 100)
  }
  await writeFile(file, `${PROGRAM}\nexports.sum = () => -1`)
  assert.equal(runCached<Program>(file, cache).exports.sum(2), -1)
})

test('storing forgets what other builds left long ago', async (t) => {
  const { file, cache } = await program(t)
  const folder = join(cache, '..')
  await mkdir(folder, { recursive: true })
  for (const [name, ageDays] of [
    ['old', 8],
    ['young', 6],
  ] as const) {
    await writeFile(join(folder, name), '')
    const when = Date.now() / 1000 - ageDays * 24 * 3600
    await utimes(join(folder, name), when, when)
  }
  runCached<Program>(file, cache).remember('nothing')
  assert.deepEqual((await readdir(folder)).toSorted(), ['of-program', 'young'])
})
