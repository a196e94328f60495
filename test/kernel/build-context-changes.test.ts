/** Build contexts that change while they are read, and what is remembered of them from build to build. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDigestKeeper } from '../../src/engine/build/context/file-digests.ts'
import type { OpenSource } from '../../src/engine/build/context/source.ts'
import { checksumOfCopy, copyInto } from '../../src/engine/build/files/copy.ts'
import { place } from '../support/context-place.ts'
import { copyWork, listingOf, makeFiles } from '../support/copy-case.ts'

const D = '755 0:0 /'

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
