/** Pulling from Debian's docker-registry into a private store: what arrives, what is shared, what is refused. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ProgressMessage } from '../../src/api/types/index.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
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
