/** Build contexts: read in place, .dockerignore, hostile files and links, files that change meanwhile, tars. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createDigestKeeper } from '../../src/engine/build/context/file-digests.ts'
import { openSource, type OpenSource, type OpenSourceOptions } from '../../src/engine/build/context/source.ts'
import { checksumOfCopy, copyInto } from '../../src/engine/build/files/copy.ts'
import { engineConfig } from '../../src/engine/config.ts'
import { createKeyedMutex } from '../../src/engine/locks.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import type { Host } from '../../src/host/host.ts'
import { copyWork, fromContext, listingOf, makeFiles, type Files } from '../support/copy-case.ts'
import type { BuildSource } from '../../src/api/types/build.ts'

interface Place {
  /** Done at the end, before the folders go. */
  readonly last: (() => Promise<void>)[]
  readonly folder: string
  readonly context: string
  readonly target: string
  readonly base: Parameters<typeof openSource>[0]
  readonly open: (source?: BuildSource, options?: OpenSourceOptions) => Promise<OpenSource>
  /** Copies all of the context to the empty target and lists it. */
  readonly copyAll: (source?: BuildSource, options?: OpenSourceOptions) => Promise<Record<string, string>>
}

function place(
  t: Pick<TestContext, 'after'>,
  files: Files,
  change: (host: Host) => Host = (own) => own,
  parent = tmpdir(),
): Place {
  const folder = fs.mkdtempSync(join(parent, 'mycompose-context-'))
  const last: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const work of last) await work()
    fs.rmSync(folder, { recursive: true, force: true })
  })
  const [context, target] = [join(folder, 'context'), join(folder, 'target')]
  for (const path of [context, target]) fs.mkdirSync(path)
  makeFiles(context, files)
  const base = {
    host: change(createNodeHost()),
    config: engineConfig(join(folder, 'root'), 'test'),
    log: () => {},
    locks: createKeyedMutex(),
  }
  fs.mkdirSync(base.config.paths.temporary, { recursive: true })
  const open: Place['open'] = async (source = { kind: 'directory', path: context }, options = {}) => {
    const open = await openSource(base, source, options)
    // later it would write its digests into a folder that is gone
    last.push(() => open.close())
    return open
  }
  return {
    last,
    folder,
    context,
    target,
    base,
    open,
    async copyAll(source, options) {
      const opened = await open(source, options)
      try {
        await copyInto(base, target, copyWork(['', '/']), () => Promise.resolve(opened.tree))
      } finally {
        await opened.close()
      }
      assert.deepEqual(fs.readdirSync(base.config.paths.temporary), [])
      return listingOf(target)
    },
  }
}

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

test('a file that changes between its checksum and its copy is an error, not a wrong layer', async (t) => {
  const { open, base, context, target } = place(t, { a: 'first', b: 'b' })
  const source = await open()
  t.after(() => source.close())
  const treeOf = (): Promise<OpenSource['tree']> => Promise.resolve(source.tree)
  await checksumOfCopy(copyWork(['a', '/']), treeOf)
  fs.writeFileSync(join(context, 'a'), 'other')
  await assert.rejects(copyInto(base, target, copyWork(['a', '/']), treeOf), { code: 'CONTEXT_CHANGED' })
  await checksumOfCopy(copyWork(['b', '/']), treeOf)
  fs.rmSync(join(context, 'b'))
  fs.symlinkSync('/etc/passwd', join(context, 'b'))
  await assert.rejects(copyInto(base, target, copyWork(['b', '/']), treeOf), { code: 'CONTEXT_CHANGED' })
})

test('files that change or go meanwhile are copied as they are, and the caller hears of each', async (t) => {
  const { open, base, context, target } = place(t, { a: 'first', b: 'b', 'c/d': 'd', same: 's', l: '-> a' })
  const source = await open()
  t.after(() => source.close())
  const treeOf = (): Promise<OpenSource['tree']> => Promise.resolve(source.tree)
  const before = await checksumOfCopy(copyWork(['', '/']), treeOf)
  fs.writeFileSync(join(context, 'a'), 'second, and longer')
  fs.chmodSync(join(context, 'a'), 0o600)
  fs.rmSync(join(context, 'b'))
  fs.rmSync(join(context, 'c'), { recursive: true })
  fs.rmSync(join(context, 'l'))
  fs.symlinkSync('same', join(context, 'l'))
  assert.equal(await checksumOfCopy(copyWork(['', '/']), treeOf), before, 'one build keeps to what it has seen')
  const changed: string[] = []
  await copyInto(base, target, copyWork(['', '/']), treeOf, { onChanged: (path) => void changed.push(path) })
  assert.deepEqual(changed, ['/a', '/b', '/c/d'])
  assert.deepEqual(listingOf(target), { a: '600 0:0 second, and longer', c: D, l: '-> a', same: '644 0:0 s' })
})

test('a folder that is swapped for a link while it is read leads nowhere', async (t) => {
  const { open, base, context, target, folder } = place(t, { 'd/canary': 'ours', 'e/x': 'x' })
  makeFiles(folder, { 'outside/canary': 'host' })
  const source = await open()
  t.after(() => source.close())
  const treeOf = (): Promise<OpenSource['tree']> => Promise.resolve(source.tree)
  source.tree.children('')
  fs.renameSync(join(context, 'd'), join(context, 'gone'))
  fs.symlinkSync('../outside', join(context, 'd'))
  await copyInto(base, target, copyWork(['d', '/out/']), treeOf).catch((error: unknown) => {
    assert.equal((error as { code?: string }).code, 'CONTEXT_CHANGED')
  })
  assert.ok(!JSON.stringify(listingOf(target)).includes('host'))
})

test('an unchanged context is not read again; a changed file alone is', async (t) => {
  let reads = 0
  const { open, context } = place(
    t,
    { ...Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`d${n % 5}/f${n}`, `text ${n}`])), empty: '' },
    (host) => ({
      ...host,
      at: {
        ...host.at,
        openScanned(...args) {
          reads += 1
          return host.at.openScanned(...args)
        },
      },
      // an hour on: all files were written long ago
      clock: { ...host.clock, nowMs: () => host.clock.nowMs() + 3_600_000 },
    }),
  )
  async function sum(): Promise<{ sum: string; reads: number }> {
    reads = 0
    const source = await open()
    const checksum = await checksumOfCopy(copyWork(['', '/']), () => Promise.resolve(source.tree))
    await source.close()
    return { sum: checksum, reads }
  }
  const first = await sum()
  assert.equal(first.reads, 50)
  assert.deepEqual(await sum(), { sum: first.sum, reads: 0 })
  fs.writeFileSync(join(context, 'd0/f0'), 'text X')
  const changed = await sum()
  assert.equal(changed.reads, 1)
  assert.notEqual(changed.sum, first.sum)
  fs.writeFileSync(join(context, 'd0/f0'), 'text 0')
  assert.equal((await sum()).sum, first.sum)
})

test('builds that read one context at the same time read each file once, and one that is canceled stops no other', async (t) => {
  const opened = new Map<string, number>()
  const { open, base, context } = place(
    t,
    Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`f${n}`, `text ${n}`])),
    (host) => ({
      ...host,
      at: {
        ...host.at,
        openScanned(folder, name) {
          opened.set(name, (opened.get(name) ?? 0) + 1)
          return host.at.openScanned(folder, name)
        },
      },
      clock: { ...host.clock, nowMs: () => host.clock.nowMs() + 3_600_000 },
    }),
  )
  fs.writeFileSync(join(context, 'long'), Buffer.alloc(64 * 2 ** 20, 'x'))
  const digests = createDigestKeeper(base)
  const stop = new AbortController()
  const sum = async (signal?: AbortSignal): Promise<string> => {
    const source = await open(undefined, { digests })
    try {
      const options = signal === undefined ? {} : { signal }
      return await checksumOfCopy(copyWork(['', '/']), () => Promise.resolve(source.tree), options)
    } finally {
      await source.close()
    }
  }
  const sums = await Promise.all([sum(), sum(), sum()])
  assert.equal(new Set(sums).size, 1)
  assert.deepEqual([...new Set(opened.values())], [1], 'a file was read twice')
  fs.appendFileSync(join(context, 'long'), 'y')
  const canceled = sum(stop.signal)
  const other = sum()
  setTimeout(() => stop.abort(), 5)
  await assert.rejects(canceled, { code: 'CANCELED' })
  assert.notEqual(await other, sums[0])
})

test('a file that was written just now is read again next time, as it may change within a tick of the clock', async (t) => {
  let offsetMs = 0
  const { open, context } = place(t, { a: 'one' }, (host) => ({
    ...host,
    clock: { ...host.clock, nowMs: () => fs.statSync(join(context, 'a')).ctimeMs + offsetMs },
  }))
  async function digest(): Promise<string | undefined> {
    const source = await open()
    const entry = source.tree.entry('a')
    const found = entry === undefined ? undefined : source.tree.digest(entry)
    await source.close()
    return found
  }
  const files = (): number => {
    const folder = join(context, '..', 'root', 'build', 'digests')
    return fs.existsSync(folder) ? fs.readdirSync(folder).length : 0
  }
  const first = await digest()
  assert.equal(files(), 0)
  offsetMs = 3_000
  assert.equal(await digest(), first)
  assert.equal(files(), 1)
})

test('damaged digests count as none', async (t) => {
  const { open, base } = place(t, { a: 'one' }, (host) => ({
    ...host,
    clock: { ...host.clock, nowMs: () => host.clock.nowMs() + 3_600_000 },
  }))
  async function sum(): Promise<string> {
    const source = await open()
    const checksum = await checksumOfCopy(copyWork(['a', '/']), () => Promise.resolve(source.tree))
    await source.close()
    return checksum
  }
  const first = await sum()
  const folder = join(base.config.paths.root, 'build', 'digests')
  const [name = ''] = fs.readdirSync(folder)
  const bytes = fs.readFileSync(join(folder, name))
  bytes[bytes.length - 40] = (bytes.at(-40) ?? 0) ^ 1
  fs.writeFileSync(join(folder, name), bytes)
  assert.equal(await sum(), first)
  fs.writeFileSync(join(folder, name), '')
  assert.equal(await sum(), first)
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

test('a context that is changed all the time gives its own files or an error, never those outside', async (t) => {
  const { open, base, context, folder, last } = place(t, { 'd/deep/f': 'ours', 'd/g': 'ours', file: 'ours' })
  makeFiles(folder, { 'outside/deep/f': 'SECRET', 'outside/g': 'SECRET', secret: 'SECRET' })
  const script =
    'while :; do mv d e; ln -s ../outside d; rm d; mv e d; mv file h; ln -s ../secret file; rm file; mv h file; echo ours > d/g; done'
  const child = spawn('sh', ['-c', script], { cwd: context, stdio: 'ignore' })
  last.push(async () => {
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
  })
  const outcomes = new Map<string, number>()
  for (let round = 0; round < 150; round += 1) {
    const target = fs.mkdtempSync(join(folder, 'target-'))
    const source = await open()
    const treeOf = (): Promise<OpenSource['tree']> => Promise.resolve(source.tree)
    const outcome = await checksumOfCopy(copyWork(['d', 'file', '/']), treeOf)
      .then(() =>
        copyInto(base, target, copyWork(['d', 'file', '/']), treeOf, round % 2 === 0 ? {} : { onChanged: () => {} }),
      )
      .then(
        () => 'copied',
        (error: unknown) => (error as { readonly code?: string }).code ?? String(error),
      )
    await source.close()
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    assert.ok(!JSON.stringify(listingOf(target)).includes('SECRET'), `round ${round}`)
    fs.rmSync(target, { recursive: true })
  }
  const known = new Set(['copied', 'CONTEXT_CHANGED', 'COPY_SOURCE_MISSING'])
  assert.deepEqual(
    [...outcomes.keys()].filter((outcome) => !known.has(outcome)),
    [],
  )
  assert.equal(child.exitCode, null, 'nothing was changed meanwhile')
})
