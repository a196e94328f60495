/** Pulls at the same time: each layer is downloaded and unpacked once, all hear of it, and none depends on another's end. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ProgressMessage } from '../../src/api/types/index.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { sha256Of } from '../support/oci-layout.ts'
import { until } from '../support/poll.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { startRegistry } from '../support/registry.ts'
import { folder, tarOf } from '../support/tar-bytes.ts'

const noise = (bytes: number): string => randomBytes(bytes).toString('latin1')
const BASE = tarOf(
  folder('etc/'),
  { path: 'etc/name', content: 'base' },
  { path: 'etc/noise', content: noise(200_000) },
)
const TOP = tarOf({ path: 'etc/top', content: noise(200_000) })
/** Its last entries cannot be placed without the layer below. */
const LEANING = tarOf(
  { path: 'noise', content: noise(300_000) },
  { path: 'etc/below/deep', content: 'deep' },
  { path: 'link', kind: 'hardlink', target: 'etc/name' },
)

interface Scene {
  readonly store: PrivateStore
  readonly proxy: FaultProxy
  readonly pull: (name: string, options?: PullOptions) => Promise<string>
  /** How many layers were unpacked so far. */
  readonly unpacked: () => number
  /** How often each layer was asked for. */
  readonly asked: (...layers: readonly Buffer[]) => number[]
}

interface PullOptions {
  readonly signal?: AbortSignal
  readonly messages?: ProgressMessage[]
}

/** web:1 and other:1 share the lowest layer; base:1 is that alone. */
async function setUp(t: TestContext): Promise<Scene> {
  const store = await openPrivateStore(t)
  t.after(() => store.base.host.web.close())
  let count = 0
  const { unpacker } = store.base
  const unpack = unpacker.unpack.bind(unpacker)
  Object.assign(unpacker, {
    unpack(...args: Parameters<typeof unpack>) {
      count += 1
      return unpack(...args)
    },
  })
  const registry = await startRegistry(t)
  await registry.add({ name: 'web:1', layers: [BASE, TOP], compression: 'none' })
  await registry.add({ name: 'other:1', layers: [BASE, LEANING], compression: 'none' })
  await registry.add({ name: 'base:1', layers: [BASE], compression: 'none' })
  const proxy = await startFaultProxy(t, registry.url)
  return {
    store,
    proxy,
    pull: (name, { signal = new AbortController().signal, messages = [] } = {}) =>
      store.images.pull(`${proxy.host}/${name}`, { signal }, (message) => messages.push(message)),
    unpacked: () => count,
    asked: (...layers) =>
      layers.map((layer) => proxy.seen.filter(({ path }) => path.endsWith(`/blobs/${sha256Of(layer)}`)).length),
  }
}

function slowly({ proxy }: Scene, layer: Buffer, pauseMs: number): void {
  proxy.rule = ({ path }) =>
    path.endsWith(sha256Of(layer)) ? { kind: 'slow', chunkBytes: 16_384, pauseMs } : undefined
}

async function assertHasBase({ store, proxy }: Scene, name: string): Promise<void> {
  const { chainIds } = await store.images.resolve(`${proxy.host}/${name}`)
  await store.layers.withImageMounted(chainIds, async (root) => {
    assert.equal(readFileSync(join(root, 'etc/name'), 'utf8'), 'base')
    if (existsSync(join(root, 'link'))) {
      assert.equal(readFileSync(join(root, 'link'), 'utf8'), 'base')
      assert.equal(statSync(join(root, 'etc/below/deep')).size, 4)
    }
    await Promise.resolve()
  })
}

/** Statuses of one layer, in their order, each once. */
function told(messages: readonly ProgressMessage[], layer: Buffer): string[] {
  const id = sha256Of(layer).slice(7, 19)
  return [...new Set(messages.flatMap((message) => (message.id === id ? (message.status ?? '') : [])))]
}

test('three pulls of one image download and unpack it once, and all three hear of it', async (t) => {
  const scene = await setUp(t)
  slowly(scene, BASE, 5)
  const logs: ProgressMessage[][] = [[], [], []]
  await Promise.all(logs.map((messages) => scene.pull('web:1', { messages })))
  assert.deepEqual(scene.asked(BASE, TOP), [1, 1])
  assert.equal(scene.unpacked(), 2)
  for (const messages of logs)
    for (const layer of [BASE, TOP]) {
      const statuses = told(messages, layer)
      assert.deepEqual([statuses[0], statuses.at(-1)], ['Pulling fs layer', 'Pull complete'])
      assert.ok(statuses.includes('Downloading') && statuses.includes('Extracting'), statuses.join(', '))
    }
  assert.deepEqual(readdirSync(join(scene.store.root, 'tmp')), [])
  await assertHasBase(scene, 'web:1')
})

test('two images at once share the layer that they have in common', async (t) => {
  const scene = await setUp(t)
  slowly(scene, BASE, 5)
  await Promise.all([scene.pull('web:1'), scene.pull('other:1')])
  assert.deepEqual(scene.asked(BASE, TOP, LEANING), [1, 1, 1])
  assert.equal(scene.unpacked(), 3)
  await assertHasBase(scene, 'web:1')
  await assertHasBase(scene, 'other:1')
})

test('the one who began is canceled: the other goes on with the same download and the same unpacking', async (t) => {
  const scene = await setUp(t)
  slowly(scene, BASE, 30)
  const abort = new AbortController()
  const first = scene.pull('web:1', { signal: abort.signal })
  const failed = assert.rejects(first, { code: 'CANCELED' })
  await until(() => Promise.resolve(scene.unpacked() >= 1), { what: 'the first unpacks' })
  const messages: ProgressMessage[] = []
  const second = scene.pull('other:1', { messages })
  await until(() => Promise.resolve(told(messages, BASE).includes('Extracting')), { what: 'the second hears of it' })
  abort.abort()
  await failed
  await second
  assert.deepEqual(scene.asked(BASE, LEANING), [1, 1])
  await assertHasBase(scene, 'other:1')
  assert.deepEqual(readdirSync(join(scene.store.root, 'tmp')), [])
})

test('both are canceled: nothing is left, and the next pull begins anew', async (t) => {
  const scene = await setUp(t)
  slowly(scene, BASE, 30)
  const abort = new AbortController()
  const pulls = [scene.pull('web:1', { signal: abort.signal }), scene.pull('other:1', { signal: abort.signal })]
  const failed = Promise.all(pulls.map((pull) => assert.rejects(pull, { code: 'CANCELED' })))
  await until(() => Promise.resolve(scene.unpacked() >= 1), { what: 'it is unpacked' })
  abort.abort()
  await failed
  assert.deepEqual(readdirSync(join(scene.store.root, 'tmp')), [])
  assert.deepEqual(readdirSync(join(scene.store.root, 'layers')), [])
  scene.proxy.rule = () => undefined
  await scene.pull('web:1')
  await assertHasBase(scene, 'web:1')
})

for (const isRemoved of [false, true])
  test(`a layer that goes into the store ${isRemoved ? 'and out of it again ' : ''}while another one is unpacked on it`, async (t) => {
    const scene = await setUp(t)
    slowly(scene, LEANING, 60)
    let isOver = false
    const other = scene.pull('other:1').finally(() => (isOver = true))
    await until(() => Promise.resolve(scene.unpacked() >= 2), { what: 'the upper one is begun' })
    await scene.pull('base:1')
    assert.equal(scene.unpacked(), 2)
    if (isRemoved) await scene.store.images.remove(`${scene.proxy.host}/base:1`, { force: false, noPrune: false })
    assert.ok(!isOver, 'the other one is still under way')
    await other
    assert.deepEqual(scene.asked(BASE, LEANING), [1, 1])
    await assertHasBase(scene, 'other:1')
  })

test('a layer that is no tar fails both, with what is wrong, and leaves nothing', async (t) => {
  const scene = await setUp(t)
  scene.proxy.rule = ({ path }) => (path.endsWith(sha256Of(BASE)) ? { kind: 'flip', atByte: 300 } : undefined)
  const pulls = [scene.pull('web:1'), scene.pull('other:1')]
  await Promise.all(pulls.map((pull) => assert.rejects(pull, { code: 'REGISTRY_DIGEST' })))
  for (const place of ['tmp', 'layers', 'blobs/partial'])
    assert.deepEqual(readdirSync(join(scene.store.root, place)), [], place)
})
