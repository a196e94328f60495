/** Layers that are unpacked side by side, each as early as its own entries allow; what they make is what they always make. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { discardLayer, stageLayer, type StageOptions, type StagedLayer } from '../../src/engine/layers/store.ts'
import { tarError } from '../../src/engine/layers/tar-entry.ts'
import { until } from '../support/poll.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { folder, streamOf, symlink, tarOf, type TestEntry } from '../support/tar-bytes.ts'

/** A layer whose bytes come when the test wants it. */
interface Late {
  readonly staged: Promise<StagedLayer>
  readonly source: PassThrough
  /** All but what `start` sent. */
  finish(): void
}

const BELOW = [
  folder('./', { mode: 0o711, uid: 3 }),
  folder('usr', { mode: 0o750, uid: 7 }),
  symlink('bin', 'usr'),
  { path: 'usr/tool', content: 'tool', mode: 0o4755 },
]

/** Has got its thread, and waits for its second half. */
async function startLate({ base }: PrivateStore, lower: StageOptions['lower'] = []): Promise<Late> {
  const tar = tarOf(...BELOW)
  const source = new PassThrough()
  source.write(tar.subarray(0, 700))
  const started = Promise.withResolvers<void>()
  const staged = stageLayer(base, source, { lower, onStart: () => started.resolve() })
  staged.catch(() => {})
  await started.promise
  return { staged, source, finish: () => source.end(tar.subarray(700)) }
}

/** Paths in the unfinished layers. */
function unfinished({ base }: PrivateStore): string[] {
  return fs.readdirSync(base.config.paths.temporary, { recursive: true, encoding: 'utf8' })
}

function assertEmpty({ base }: PrivateStore): void {
  assert.deepEqual(fs.readdirSync(base.config.paths.temporary), [])
}

test('a layer that stands by itself is unpacked before the one below it is there', async (t) => {
  const store = await openPrivateStore(t)
  const late = await startLate(store)
  const own = tarOf(folder('opt'), { path: 'opt/own', content: 'own' }, { path: '.wh.gone' })
  const upper = stageLayer(store.base, streamOf(own), { lower: [late.staged] })
  await until(() => unfinished(store).some((path) => path.endsWith('diff/opt/own')), { what: 'the upper layer' })
  assert.ok(!unfinished(store).some((path) => path.endsWith('usr/tool')))
  late.finish()
  const [below, above] = await Promise.all([late.staged, upper])
  const root = fs.statSync(join(above.folder, 'diff'))
  assert.deepEqual([root.mode & 0o7777, root.uid], [0o711, 3], 'its root looks as below')
  for (const layer of [below, above]) await discardLayer(store.base, layer)
})

const NEEDS: readonly {
  readonly name: string
  readonly entries: readonly TestEntry[]
  readonly check: (diff: string) => void
}[] = [
  {
    name: 'a folder that is only implied',
    entries: [{ path: 'usr/new', content: 'n' }],
    check(diff) {
      const { mode, uid } = fs.statSync(join(diff, 'usr'))
      assert.deepEqual([mode & 0o7777, uid], [0o750, 7])
    },
  },
  {
    name: 'a link on the way',
    entries: [{ path: 'bin/new', content: 'n' }],
    check: (diff) => assert.equal(fs.readFileSync(join(diff, 'usr/new'), 'utf8'), 'n'),
  },
  {
    name: 'a hard link to a file below',
    entries: [{ path: 'same', kind: 'hardlink', target: 'bin/tool' }],
    check(diff) {
      assert.equal(fs.statSync(join(diff, 'same')).mode & 0o7777, 0o4755)
      assert.equal(fs.statSync(join(diff, 'same')).ino, fs.statSync(join(diff, 'usr/tool')).ino)
    },
  },
]
for (const { name, entries, check } of NEEDS)
  test(`one that needs the layer below waits for it: ${name}`, async (t) => {
    const store = await openPrivateStore(t)
    const late = await startLate(store)
    const before = { path: 'before', content: 'b' }
    const upper = stageLayer(store.base, streamOf(tarOf(before, ...entries)), { lower: [late.staged] })
    await until(() => unfinished(store).some((path) => path.endsWith('diff/before')), { what: 'its first entry' })
    late.finish()
    const [below, above] = await Promise.all([late.staged, upper])
    check(join(above.folder, 'diff'))
    for (const layer of [below, above]) await discardLayer(store.base, layer)
    const again = await stageLayer(store.base, streamOf(tarOf({ path: 'a' })), { lower: [] })
    await discardLayer(store.base, again)
    assertEmpty(store)
  })

test('twenty layers at once, each of which needs the one below, are more than there are threads', async (t) => {
  const store = await openPrivateStore(t)
  const first = await startLate(store)
  const all: Promise<StagedLayer>[] = [first.staged]
  setTimeout(() => first.finish(), 100)
  for (let index = 0; index < 20; index += 1) {
    const entries = [
      { path: `bin/f${index}`, content: 'x' },
      { path: 'same', kind: 'hardlink', target: 'usr/tool' },
    ] as const
    const started = Promise.withResolvers<void>()
    const onStart = (): void => started.resolve()
    all.push(stageLayer(store.base, streamOf(tarOf(...entries)), { lower: [...all], onStart }))
    await started.promise // in order, as a pull does it
  }
  for (const layer of await Promise.all(all)) {
    if (layer !== (await first.staged)) assert.equal(fs.readdirSync(join(layer.folder, 'diff/usr')).length, 2)
    await discardLayer(store.base, layer)
  }
  assertEmpty(store)
})

test('a layer below that fails is the failure of those above, at once, and nothing is left', async (t) => {
  const store = await openPrivateStore(t)
  const late = await startLate(store)
  const waiting = stageLayer(store.base, streamOf(tarOf({ path: 'bin/new' })), { lower: [late.staged] })
  const arriving = new PassThrough()
  arriving.write(tarOf({ path: 'own' }).subarray(0, 600))
  const still = stageLayer(store.base, arriving, { lower: [late.staged, waiting] })
  late.source.destroy(tarError('a test'))
  await Promise.all(
    [late.staged, waiting, still].map((layer) =>
      assert.rejects(layer, { code: 'TAR_INVALID', message: 'invalid tar: a test' }),
    ),
  )
  assert.ok(arriving.destroyed)
  assertEmpty(store)
})

test('one that waits for the layer below, for bytes or for a thread can be canceled', async (t) => {
  const store = await openPrivateStore(t)
  const late = await startLate(store)
  const canceler = new AbortController()
  const { signal } = canceler
  const needing = stageLayer(store.base, streamOf(tarOf({ path: 'bin/new' })), { lower: [late.staged], signal })
  const silent = stageLayer(store.base, new PassThrough(), { lower: [], signal })
  const stalled = Array.from({ length: 8 }, () => {
    const source = new PassThrough()
    source.write(tarOf({ path: 'a' }).subarray(0, 600))
    return stageLayer(store.base, source, { lower: [], signal })
  })
  await sleep(50)
  canceler.abort()
  await Promise.all([needing, silent, ...stalled].map((staged) => assert.rejects(staged, { code: 'CANCELED' })))
  late.finish()
  await discardLayer(store.base, await late.staged)
  assertEmpty(store)
})

test('who sends nothing yet keeps no thread from others', async (t) => {
  const store = await openPrivateStore(t)
  const canceler = new AbortController()
  const silent = Array.from({ length: 12 }, () =>
    stageLayer(store.base, new PassThrough(), { lower: [], signal: canceler.signal }),
  )
  await discardLayer(store.base, await stageLayer(store.base, streamOf(tarOf({ path: 'a' })), { lower: [] }))
  canceler.abort()
  await Promise.all(silent.map((staged) => assert.rejects(staged, { code: 'CANCELED' })))
  assertEmpty(store)
})
