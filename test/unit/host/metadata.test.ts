import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createFiles } from '../../../src/host/files.ts'

const files = createFiles()

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'mycompose-metadata-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** `count` files over folders of ten. */
async function tree(path: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const inside = join(path, String(Math.floor(index / 10)))
    await mkdir(inside, { recursive: true })
    await writeFile(join(inside, String(index)), 'x')
  }
}

for (const count of [0, 5, 50, 63, 64, 65, 300])
  test(`rm removes a tree of ${count} files`, async (t) => {
    const path = join(await folder(t), 'tree')
    await mkdir(path)
    await tree(path, count)
    await files.rm(path, { recursive: true })
    assert.equal(existsSync(path), false)
  })

test('rm removes links, not what they lead to', async (t) => {
  const base = await folder(t)
  await tree(join(base, 'kept'), 3)
  await mkdir(join(base, 'gone'))
  await symlink('../kept', join(base, 'gone/to-folder'))
  await symlink('../kept/0/0', join(base, 'gone/to-file'))
  await files.rm(join(base, 'gone'), { recursive: true })
  assert.equal(existsSync(join(base, 'gone')), false)
  assert.equal(await readFile(join(base, 'kept/0/0'), 'utf8'), 'x')
  await symlink('kept', join(base, 'link'))
  await files.rm(join(base, 'link'), { recursive: true, force: true })
  assert.equal(existsSync(join(base, 'link')), false)
  assert.equal(existsSync(join(base, 'kept/0/2')), true)
})

test('rm tells of what is not there, unless forced', async (t) => {
  const path = join(await folder(t), 'absent')
  for (const recursive of [false, true]) {
    await assert.rejects(files.rm(path, { recursive }), { code: 'ENOENT' })
    await files.rm(path, { recursive, force: true })
  }
  await assert.rejects(files.rmdir(path), { code: 'ENOENT' })
})

test('writeFile honours the mode for short and long texts', async (t) => {
  const base = await folder(t)
  for (const length of [10, 200_000]) {
    const path = join(base, String(length))
    await files.writeFile(path, 'a'.repeat(length), { mode: 0o600 })
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal((await stat(path)).size, length)
  }
})
