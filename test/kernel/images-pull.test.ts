/** Pulling from Debian's docker-registry into a private store: what arrives, what is shared, what is refused. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ProgressMessage } from '../../src/api/types/index.ts'
import { sha256Of } from '../support/oci-layout.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { startFaultProxy, type SeenRequest } from '../support/fault-proxy.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { folder, tarOf } from '../support/tar-bytes.ts'

const BASE = tarOf(folder('etc/'), { path: 'etc/name', content: 'base' }, { path: 'etc/gone', content: 'x' })
const TOP = tarOf({ path: 'etc/name', content: 'top' }, { path: 'etc/.wh.gone' })

interface Pulled {
  readonly store: PrivateStore
  readonly registry: TestRegistry
  readonly pull: (
    name: string,
    platform?: string,
  ) => Promise<{ readonly status: string; readonly messages: ProgressMessage[] }>
}

async function setUp(t: TestContext): Promise<Pulled> {
  const store = await openPrivateStore(t)
  t.after(() => store.base.host.web.close())
  const registry = await startRegistry(t)
  return {
    store,
    registry,
    async pull(name, platform) {
      const messages: ProgressMessage[] = []
      const { signal } = new AbortController()
      const options = { signal, ...(platform === undefined ? {} : { platform }) }
      const status = await store.images.pull(`${registry.host}/${name}`, options, (message) => messages.push(message))
      return { status, messages }
    },
  }
}

async function contentOf({ images, layers }: PrivateStore, name: string, path: string): Promise<string | undefined> {
  const { chainIds } = await images.resolve(name)
  return await layers.withImageMounted(chainIds, async (root) => {
    const file = join(root, path)
    return Promise.resolve(existsSync(file) ? readFileSync(file, 'utf8') : undefined)
  })
}

for (const compression of ['gzip', 'zstd', 'none'] as const)
  test(`an image of two ${compression} layers arrives, and the second pull brings nothing`, async (t) => {
    const { store, registry, pull } = await setUp(t)
    await registry.add({ name: 'team/web:1', layers: [BASE, TOP], compression, config: { Cmd: ['sh'] } })
    const name = `${registry.host}/team/web:1`
    const first = await pull('team/web:1')
    assert.equal(first.status, `Status: Downloaded newer image for ${name}`)
    assert.equal(await contentOf(store, name, 'etc/name'), 'top')
    assert.equal(await contentOf(store, name, 'etc/gone'), undefined)
    const second = await pull('team/web:1')
    assert.equal(second.status, `Status: Image is up to date for ${name}`)
    const inspected = await store.images.inspect(name)
    const judged = JSON.parse(await registry.skopeo('inspect', '--tls-verify=false', `docker://${name}`)) as {
      Digest: string
    }
    assert.deepEqual(inspected.RepoDigests, [`${registry.host}/team/web@${judged.Digest}`])
    assert.deepEqual(inspected.Config.Cmd, ['sh'])
    // by its digest it is the same image
    assert.equal((await store.images.resolve(`${registry.host}/team/web@${judged.Digest}`)).id, inspected.Id)
  })

test('the platform that is asked for is chosen, a missing one named', async (t) => {
  const { store, registry, pull } = await setUp(t)
  const arm = { os: 'linux', architecture: 'arm64' }
  await registry.add(
    { name: 'web:1', layers: [BASE], platform: { os: 'linux', architecture: 'amd64' } },
    { name: 'web:1', layers: [BASE, TOP], platform: arm },
  )
  await pull('web:1', 'linux/arm64')
  assert.equal((await store.images.inspect(`${registry.host}/web:1`)).Architecture, 'arm64')
  await assert.rejects(pull('web:1', 'linux/s390x'), {
    code: 'PLATFORM_MISSING',
    hint: 'there is linux/amd64, linux/arm64',
  })
})

test('pulls of one image at the same time share its downloads', async (t) => {
  const { registry, pull } = await setUp(t)
  await registry.add({ name: 'web:1', layers: [BASE, TOP] })
  const all = await Promise.all([pull('web:1'), pull('web:1'), pull('web:1')])
  assert.ok(all.every(({ status }) => status.startsWith('Status: ')))
})

test('after a removal nothing of the image is left on disk', async (t) => {
  const { store, registry, pull } = await setUp(t)
  await registry.add({ name: 'web:1', layers: [BASE, TOP] }, { name: 'other:1', layers: [BASE] })
  await pull('web:1')
  await pull('other:1')
  await store.images.remove(`${registry.host}/web:1`, { force: false, noPrune: false })
  assert.equal(await contentOf(store, `${registry.host}/other:1`, 'etc/name'), 'base')
  await store.images.remove(`${registry.host}/other:1`, { force: false, noPrune: false })
  for (const place of ['blobs/sha256', 'blobs/partial', 'layers', 'tmp'])
    assert.deepEqual(readdirSync(join(store.root, place)), [], place)
})

test('a pull that brings nothing asks for the digest alone', async (t) => {
  const { store, registry } = await setUp(t)
  const proxy = await startFaultProxy(t, registry.url)
  const name = `${proxy.host}/web:1`
  const linux = (architecture: string): { os: string; architecture: string } => ({ os: 'linux', architecture })
  const add = async (top: Buffer): Promise<void> =>
    registry.add(
      { name: 'web:1', layers: [BASE], platform: linux('arm64') },
      { name: 'web:1', layers: [BASE, top], platform: linux('amd64') },
    )
  /** The status and what was asked: "HEAD manifests/1". */
  const pull = async (text: string, platform = 'linux/amd64'): Promise<[string, string[]]> => {
    proxy.seen.length = 0
    const status = await store.images.pull(text, { signal: new AbortController().signal, platform }, () => {})
    const asked = ({ method, path }: SeenRequest): string => `${method} ${path.replace('/v2/web/', '')}`
    return [status.replace(/ for .*/, ''), proxy.seen.map(asked)]
  }
  const newer = 'Status: Downloaded newer image'
  const current = 'Status: Image is up to date'
  await add(TOP)
  assert.equal((await pull(name))[0], newer)
  assert.deepEqual(await pull(name), [current, ['HEAD manifests/1']])
  const [digest = ''] = (await store.images.inspect(name)).RepoDigests
  const manifest = digest.split('@')[1] ?? ''
  assert.deepEqual(await pull(digest), [current, [`HEAD manifests/${manifest}`]])

  // the index is here already, what it says for another platform is not
  const [status, asked] = await pull(name, 'linux/arm64')
  assert.equal(status, newer)
  assert.deepEqual(
    asked.map((line) => line.replace(/sha256:.*/, '')),
    ['HEAD manifests/1', 'GET manifests/', 'GET blobs/'],
  )
  assert.equal((await store.images.inspect(name)).Architecture, 'arm64')
  assert.deepEqual(await pull(name), [newer, ['HEAD manifests/1']])
  assert.deepEqual(await pull(name), [current, ['HEAD manifests/1']])

  // registries without HEAD, or with a digest of their own invention, are asked for the bytes
  proxy.rule = ({ method }) => (method === 'HEAD' ? { kind: 'answer', status: 405 } : undefined)
  assert.deepEqual(await pull(name), [current, ['HEAD manifests/1', 'GET manifests/1']])
  const headers = { 'docker-content-digest': 'sha256:../../state.db' }
  proxy.rule = ({ method }) => (method === 'HEAD' ? { kind: 'answer', status: 200, headers } : undefined)
  assert.deepEqual(await pull(name), [current, ['HEAD manifests/1', 'GET manifests/1']])
  proxy.rule = () => undefined

  // what is damaged here is brought again
  const blob = join(store.root, 'blobs/sha256', manifest.slice('sha256:'.length))
  const bytes = readFileSync(blob)
  writeFileSync(blob, 'damaged')
  assert.deepEqual(await pull(name), [current, ['HEAD manifests/1', 'GET manifests/1']])
  assert.deepEqual(readFileSync(blob), bytes)

  await add(tarOf({ path: 'etc/name', content: 'newer' }))
  assert.equal((await pull(name))[0], newer)
  assert.equal(await contentOf(store, name, 'etc/name'), 'newer')
})

test('a layer that comes slowly holds up none above it', async (t) => {
  const { store, registry } = await setUp(t)
  const slow = tarOf({ path: 'slow', content: randomBytes(200_000) })
  const quick = tarOf(folder('opt'), { path: 'opt/quick', content: randomBytes(100_000) })
  await registry.add({ name: 'web:1', layers: [slow, quick, TOP], compression: 'none' })
  const proxy = await startFaultProxy(t, registry.url)
  const slowDigest = sha256Of(slow)
  proxy.rule = ({ path }) => (path.endsWith(slowDigest) ? { kind: 'slow', chunkBytes: 8192, pauseMs: 20 } : undefined)
  const messages: ProgressMessage[] = []
  const { signal } = new AbortController()
  await store.images.pull(`${proxy.host}/web:1`, { signal }, (message) => messages.push(message))
  const at = (wanted: string, digest: string): number =>
    messages.findLastIndex(({ id, status }) => id === digest.slice(7, 19) && status === wanted)
  assert.deepEqual(messages[at('Extracting', sha256Of(quick))]?.progressDetail, {
    current: quick.length,
    total: quick.length,
  })
  assert.ok(at('Extracting', sha256Of(quick)) < at('Download complete', slowDigest), 'unpacked meanwhile')
  assert.ok(at('Pull complete', slowDigest) < at('Pull complete', sha256Of(quick)), 'complete after the one below')
  assert.notEqual(await contentOf(store, `${proxy.host}/web:1`, 'opt/quick'), undefined)
})
