/** Build contexts: read in place, .dockerignore, hostile files and links, tars. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checksumOfCopy, copyInto } from '../../src/engine/build/files/copy.ts'
import { place } from '../support/context-place.ts'
import { copyWork, fromContext, listingOf, makeFiles } from '../support/copy-case.ts'
import type { BuildSource } from '../../src/api/types/build.ts'
import type { OpenSource } from '../../src/engine/build/context/source.ts'

const D = '755 0:0 /'

test('.dockerignore: what it names is not there, its exceptions are', async (t) => {
  const { copyAll } = place(t, {
    '.dockerignore': '# comment\n/docs\n!docs/keep\n**/*.log\n.dockerignore\nempty/*\n',
    a: 'a',
    'a.log': 'l',
    'docs/one': '1',
    'docs/keep': 'k',
    'empty/x': 'x',
    'src/b.log': 'l',
    'src/c': 'c',
  })
  assert.deepEqual(await copyAll(), {
    a: '644 0:0 a',
    docs: D,
    'docs/keep': '644 0:0 k',
    empty: D,
    src: D,
    'src/c': '644 0:0 c',
  })
})

test('<Dockerfile>.dockerignore goes before .dockerignore; both and the Dockerfile are readable though ignored', async (t) => {
  const { copyAll, open } = place(t, {
    '.dockerignore': 'a',
    'web/Dockerfile': 'FROM scratch',
    'web/Dockerfile.dockerignore': 'web\n.dockerignore',
    a: 'a',
    b: 'b',
  })
  assert.deepEqual(await copyAll(undefined, { dockerfile: 'web/Dockerfile' }), { a: '644 0:0 a', b: '644 0:0 b' })
  const source = await open(undefined, { dockerfile: 'web/Dockerfile' })
  assert.equal(source.readText('web/Dockerfile'), 'FROM scratch')
  assert.equal(source.readText('none'), undefined)
  await source.close()
})

test('a source that .dockerignore leaves out is not found, and the hint says why', async (t) => {
  const { open, base, target } = place(t, { '.dockerignore': 'secret', secret: 's', other: 'o' })
  const source = await open()
  t.after(() => source.close())
  const treeOf = (): Promise<OpenSource['tree']> => Promise.resolve(source.tree)
  await assert.rejects(copyInto(base, target, copyWork(['secret', '/']), treeOf), {
    code: 'COPY_SOURCE_MISSING',
    message: '"/secret": not found',
    hint: /\.dockerignore/,
  })
  await assert.rejects(copyInto(base, target, copyWork(['none', '/']), treeOf), { hint: undefined })
  await copyInto(base, target, copyWork(['sec*', '/']), treeOf)
  assert.deepEqual(fs.readdirSync(target), [])
})

test('links that lead out of the context end at its root, whatever they say', async (t) => {
  const { open, base, target, context, folder } = place(t, {
    'inner/etc/passwd': 'ours',
    'etc/passwd': 'ours too',
    up: '-> ../../../../../../../../etc/passwd',
    absolute: '-> /etc/passwd',
    'folder-up': '-> ../outside',
    loop: '-> loop',
  })
  makeFiles(folder, { 'outside/canary': 'host' })
  const source = await open()
  t.after(() => source.close())
  const copy = (...patterns: string[]): Promise<void> =>
    copyInto(base, target, copyWork([...patterns, '/out/']), () => Promise.resolve(source.tree))
  await copy('up', 'absolute')
  assert.deepEqual(listingOf(target), { out: D, 'out/absolute': '644 0:0 ours too', 'out/up': '644 0:0 ours too' })
  for (const pattern of ['folder-up/canary', 'folder-up/*', '../outside/canary', 'folder-up'])
    await assert.rejects(copy(pattern), { code: 'COPY_SOURCE_MISSING' }, pattern).catch(async (error: unknown) => {
      // a wildcard that matches nothing is no error
      if (pattern.includes('*')) return
      throw error
    })
  await assert.rejects(copy('loop'), { code: 'PATH_LOOP' })
  assert.ok(!JSON.stringify(listingOf(target)).includes('host'))
  assert.equal(source.readText('up'), 'ours too')
  assert.equal(fs.readFileSync(join(context, 'inner/etc/passwd'), 'utf8'), 'ours')
})

test('a Dockerfile that is no regular file, or very large, is refused and never waited for', async (t) => {
  const { open, context } = place(t, { good: 'x' })
  execFileSync('mkfifo', [join(context, 'Dockerfile')])
  fs.writeFileSync(join(context, 'giant'), '')
  fs.truncateSync(join(context, 'giant'), 2 ** 40)
  const source = await open()
  t.after(() => source.close())
  assert.throws(() => source.readText('Dockerfile'), { code: 'HOSTILE_FILE' })
  assert.throws(() => source.readText('giant'), { code: 'HOSTILE_FILE' })
  fs.writeFileSync(join(context, '.dockerignore'), '')
  fs.rmSync(join(context, '.dockerignore'))
  execFileSync('mkfifo', [join(context, '.dockerignore')])
  await assert.rejects(open(), { code: 'HOSTILE_FILE' })
})

test('fifos and devices in a context are never opened', async (t) => {
  const { open, base, context, target } = place(t, { a: 'a' })
  execFileSync('mkfifo', [join(context, 'pipe')])
  base.host.mounts.mknod(join(context, 'zero'), 0o020666, 1, 5)
  base.host.mounts.mknod(join(context, 'disk'), 0o060666, 7, 200)
  const source = await open()
  t.after(() => source.close())
  const treeOf = (): Promise<OpenSource['tree']> => Promise.resolve(source.tree)
  assert.match(await checksumOfCopy(copyWork(['', '/']), treeOf), /^sha256:[0-9a-f]{64}$/)
  await copyInto(base, target, copyWork(['', '/']), treeOf)
  const stat = fs.lstatSync(join(target, 'disk'))
  assert.ok(stat.isBlockDevice() && stat.rdev === 7 * 256 + 200)
})

test('the device 0:0 would be a whiteout: refused', async (t) => {
  const { copyAll, base, context } = place(t, { a: 'a' })
  base.host.mounts.mknod(join(context, 'etc'), 0o020666, 0, 0)
  await assert.rejects(copyAll(), { code: 'COPY_WHITEOUT' })
})

for (const [name, flag] of [
  ['plain', ''],
  ['gzip', 'z'],
  ['bzip2', 'j'],
  ['xz', 'J'],
  ['zstd', ''],
] as const)
  test(`a tar as the context: ${name}`, async (t) => {
    const { copyAll, folder } = place(t, {})
    makeFiles(folder, { 'in/a': { text: 'a', uid: 7 }, 'in/d/b': 'b', 'in/l': '-> a', 'in/.dockerignore': 'a' })
    const tar = join(folder, 'context.tar')
    const zstd = name === 'zstd' ? ['--zstd'] : []
    execFileSync('tar', [...zstd, `-c${flag}f`, tar, '-C', join(folder, 'in'), '.'])
    const got = await copyAll({ kind: 'tar', path: tar })
    assert.deepEqual(got, { '.dockerignore': '644 0:0 a', a: '644 0:0 a', d: D, 'd/b': '644 0:0 b', l: '-> a' })
  })

test('contexts that cannot be: missing, no folder, a damaged tar; nothing is left', async (t) => {
  const { open, context, base } = place(t, { file: 'x' })
  const refused = async (source: BuildSource, code: string): Promise<void> => {
    await assert.rejects(open(source), { code })
    assert.deepEqual(fs.readdirSync(base.config.paths.temporary), [])
  }
  await refused({ kind: 'directory', path: join(context, 'none') }, 'CONTEXT_MISSING')
  await refused({ kind: 'directory', path: join(context, 'file') }, 'CONTEXT_MISSING')
  await refused({ kind: 'directory', path: 'relative' }, 'INVALID_REQUEST')
  await refused({ kind: 'tar', path: join(context, 'none') }, 'CONTEXT_MISSING')
  fs.writeFileSync(join(context, 'bad.xz'), Buffer.from('fd377a585a0000ff', 'hex'))
  await refused({ kind: 'tar', path: join(context, 'bad.xz') }, 'TAR_INVALID')
  fs.writeFileSync(join(context, 'bad.tar'), 'x'.repeat(2048))
  await refused({ kind: 'tar', path: join(context, 'bad.tar') }, 'TAR_INVALID')
})

test('a long file is read and copied in turns, and what comes out is the same', async (t) => {
  const { open, base, context, target } = place(t, {})
  const bytes = Buffer.alloc(9 * 2 ** 20, 'pattern!')
  fs.writeFileSync(join(context, 'long'), bytes)
  const source = await open()
  t.after(() => source.close())
  const treeOf = (): Promise<OpenSource['tree']> => Promise.resolve(source.tree)
  await checksumOfCopy({ ...copyWork([]), ...fromContext('long') }, treeOf)
  await copyInto(base, target, copyWork(['long', '/']), treeOf)
  assert.ok(fs.readFileSync(join(target, 'long')).equals(bytes))
  const stop = new AbortController()
  stop.abort()
  await assert.rejects(copyInto(base, target, copyWork(['long', '/']), treeOf, { signal: stop.signal }), {
    code: 'CANCELED',
  })
})

test('100,000 files are walked, kept in mind, and those that are wanted copied, and others get their turn meanwhile', async (t) => {
  // in memory: a disk takes a minute to make and remove them
  const { open, base, context, target } = place(t, {}, (own) => own, '/dev/shm')
  for (let folder = 0; folder < 100; folder += 1) {
    fs.mkdirSync(join(context, `d${folder}`))
    for (let file = 0; file < 1000; file += 1) fs.writeFileSync(join(context, `d${folder}`, `f${file}`), '')
  }
  let turns = 0
  const timer = setInterval(() => (turns += 1), 1)
  t.after(() => clearInterval(timer))
  const source = await open()
  t.after(() => source.close())
  const treeOf = (): Promise<OpenSource['tree']> => Promise.resolve(source.tree)
  const first = await checksumOfCopy(copyWork(['', '/']), treeOf)
  assert.ok(turns > 10, `only ${turns} turns while the checksum was made`)
  assert.equal(await checksumOfCopy(copyWork(['', '/']), treeOf), first)
  turns = 0
  await copyInto(base, target, copyWork(['d*/f99?', '/some/']), treeOf)
  assert.equal(fs.readdirSync(join(target, 'some')).length, 10)
  await copyInto(base, target, copyWork({ ...fromContext('d1*'), parents: true, destination: '/all/' }), treeOf)
  assert.ok(turns > 50, `only ${turns} turns while files were copied`)
  assert.equal(fs.readdirSync(join(target, 'all'), { recursive: true }).length, 11_011)
})
