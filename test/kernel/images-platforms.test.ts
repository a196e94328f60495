/** Names with several platforms: pulled, pushed, saved, loaded, removed. skopeo judges what registries and archives hold. */
import assert from 'node:assert/strict'
import { createReadStream, createWriteStream, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { test, type TestContext } from 'node:test'
import type { ProgressMessage } from '../../src/api/types/index.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { folder, tarOf } from '../support/tar-bytes.ts'

const BASE = tarOf(folder('etc/'), { path: 'etc/name', content: 'base' })
const ARM = tarOf({ path: 'etc/arm', content: 'arm' })
const S390 = tarOf({ path: 'etc/s390', content: 's390' })

interface SetUp {
  readonly store: PrivateStore
  readonly registry: TestRegistry
  /** web:1 in full. */
  readonly name: string
  readonly pull: (name: string, platform?: string, store?: PrivateStore) => Promise<void>
  /** Its messages. */
  readonly push: (
    name: string,
    options?: { readonly platform?: string; readonly allPlatforms?: boolean },
  ) => Promise<readonly ProgressMessage[]>
  /** What the registry has under a name: the digest, and its platforms when it is an index. */
  readonly judged: (name: string) => Promise<{ readonly mediaType: string; readonly platforms: readonly string[] }>
}

interface Raw {
  readonly mediaType: string
  readonly manifests?: readonly { readonly platform?: { readonly architecture: string } }[]
}

/** web:1 at the registry, for amd64, arm64 and s390x. */
async function setUp(t: TestContext): Promise<SetUp> {
  const store = await openPrivateStore(t)
  t.after(() => store.base.host.web.close())
  const registry = await startRegistry(t)
  const image = (architecture: string, ...layers: Buffer[]) => ({
    name: 'web:1',
    layers: [BASE, ...layers],
    platform: { os: 'linux', architecture },
  })
  await registry.add(image('amd64'), image('arm64', ARM), image('s390x', S390))
  const { signal } = new AbortController()
  return {
    store,
    registry,
    name: `${registry.host}/web:1`,
    async pull(name, platform, into = store) {
      await into.images.pull(name, { signal, ...(platform === undefined ? {} : { platform }) }, () => {})
    },
    async push(name, options = {}) {
      const messages: ProgressMessage[] = []
      const at = name.lastIndexOf(':')
      const wish = { tag: name.slice(at + 1), signal, ...options }
      await store.images.push(name.slice(0, at), wish, (message) => messages.push(message))
      return messages
    },
    async judged(name) {
      const text = await registry.skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`)
      const { mediaType, manifests = [] } = JSON.parse(text) as Raw
      return { mediaType, platforms: manifests.map(({ platform }) => platform?.architecture ?? '') }
    },
  }
}

async function digestAt({ registry }: SetUp, name: string): Promise<string> {
  const text = await registry.skopeo('inspect', '--format', '{{.Digest}}', '--tls-verify=false', `docker://${name}`)
  return text.trim()
}

/** Architectures that a name has here: what it means first. */
async function here({ images }: PrivateStore, name: string): Promise<readonly (string | undefined)[]> {
  const all = await images.list({ all: true, filters: { reference: [name] } })
  const main = all.filter(({ RepoTags }) => RepoTags.includes(name))
  const others = all.filter(({ PlatformOf = [] }) => PlatformOf.includes(name))
  return [main, others].flatMap((some) => some.map(({ Platform }) => Platform?.split('/')[1] ?? '').toSorted())
}

const statuses = (messages: readonly ProgressMessage[]): string[] => messages.flatMap(({ status }) => status ?? [])
const auxOf = (messages: readonly ProgressMessage[]) => messages.flatMap(({ aux }) => (aux === undefined ? [] : [aux]))

test('all platforms that were pulled are pushed with their index, which skopeo copies whole', async (t) => {
  const all = await setUp(t)
  const { store, registry, name, pull, push, judged } = all
  for (const platform of ['linux/arm64', 'linux/s390x', 'linux/amd64']) await pull(name, platform)
  assert.deepEqual(await here(store, name), ['amd64', 'arm64', 's390x'])
  assert.deepEqual(await store.images.list({ all: true, filters: { dangling: ['true'] } }), [])
  const copy = `${registry.host}/copy`
  await store.images.tag(name, copy, '1')
  await push(`${copy}:1`, { allPlatforms: true })
  assert.equal(await digestAt(all, `${copy}:1`), await digestAt(all, name), 'the very index')
  assert.deepEqual((await judged(`${copy}:1`)).platforms, ['amd64', 'arm64', 's390x'])
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-platforms-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const options = ['--insecure-policy', 'copy', '-q', '--all', '--src-tls-verify=false']
  await registry.skopeo(...options, `docker://${copy}:1`, `oci:${folder}:copy`)
  const elsewhere = await openPrivateStore(t)
  t.after(() => elsewhere.base.host.web.close())
  await pull(`${copy}:1`, 'linux/s390x', elsewhere)
  assert.deepEqual(await here(elsewhere, `${copy}:1`), ['s390x'])
})

test('two of three are pushed as an index of two, told; all were asked for: what is missing is named', async (t) => {
  const { store, registry, name, pull, push, judged } = await setUp(t)
  await pull(name, 'linux/arm64')
  await pull(name, 'linux/amd64')
  const copy = `${registry.host}/copy`
  await store.images.tag(name, copy, '2')
  await assert.rejects(push(`${copy}:2`, { allPlatforms: true }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'PLATFORM_MISSING')
    assert.match(error.message, /copy:2 is not here for linux\/s390x$/)
    return true
  })
  const messages = await push(`${copy}:2`)
  assert.deepEqual((await judged(`${copy}:2`)).platforms, ['amd64', 'arm64'])
  assert.ok(statuses(messages).includes('Not pushed, as they are not here: linux/s390x'))
  assert.deepEqual(auxOf(messages).at(-1)?.['Missing'], ['linux/s390x'])
  // what was pushed is what the name means there: a pull brings nothing
  const { signal } = new AbortController()
  assert.match(await store.images.pull(`${copy}:2`, { signal }, () => {}), /up to date/)
})

test('one of three is pushed by its manifest, as docker does; beside the others it completes their index', async (t) => {
  const all = await setUp(t)
  const { store, registry, name, pull, push, judged } = all
  await pull(name, 'linux/arm64')
  await store.images.tag(name, `${registry.host}/copy`, '3')
  const messages = await push(`${registry.host}/copy:3`)
  assert.match((await judged(`${registry.host}/copy:3`)).mediaType, /manifest/)
  assert.equal(auxOf(messages)[0]?.['manifestPushedInsteadOfIndex'], true)
  assert.equal((await store.images.inspect(`${registry.host}/copy:3`)).Architecture, 'arm64')
  // where the registry has the rest already, the whole index may be named
  await store.images.tag(name, `${registry.host}/web`, 'again')
  await push(`${registry.host}/web:again`)
  assert.equal(await digestAt(all, `${registry.host}/web:again`), await digestAt(all, name))
})

test('--platform picks one; one that is not here is an error that says what is', async (t) => {
  const { registry, store, name, pull, push, judged } = await setUp(t)
  await pull(name, 'linux/arm64')
  await pull(name, 'linux/amd64')
  const copy = `${registry.host}/copy`
  await store.images.tag(name, copy, '4')
  await push(`${copy}:4`, { platform: 'linux/arm64' })
  assert.match((await judged(`${copy}:4`)).mediaType, /manifest/)
  const elsewhere = await openPrivateStore(t)
  t.after(() => elsewhere.base.host.web.close())
  await pull(`${copy}:4`, 'linux/arm64', elsewhere)
  assert.deepEqual(await here(elsewhere, `${copy}:4`), ['arm64'])
  await assert.rejects(push(`${copy}:4`, { platform: 'linux/s390x' }), {
    code: 'PLATFORM_MISSING',
    message: /is here for linux\/amd64, linux\/arm64, not for linux\/s390x$/,
  })
})

test('create and inspect choose among the platforms of a name', async (t) => {
  const { store, name, pull } = await setUp(t)
  await pull(name, 'linux/arm64')
  await pull(name, 'linux/amd64')
  assert.equal((await store.images.resolve(name)).config.architecture, 'amd64')
  assert.equal((await store.images.resolve(name, 'linux/aarch64')).config.architecture, 'arm64')
  assert.equal((await store.images.inspect(name, 'linux/arm64')).Architecture, 'arm64')
  await assert.rejects(store.images.inspect(name, 'linux/s390x'), { code: 'PLATFORM_MISSING' })
})

test('a saved name has all its platforms for us and for skopeo, and its main one for older readers', async (t) => {
  const all = await setUp(t)
  const { store, registry, name, pull } = all
  for (const platform of ['linux/arm64', 'linux/s390x', 'linux/amd64']) await pull(name, platform)
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-platforms-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tar = join(folder, 'saved.tar')
  const { signal } = new AbortController()
  await pipeline(await store.images.save([name], { signal }), createWriteStream(tar))

  const elsewhere = await openPrivateStore(t)
  t.after(() => elsewhere.base.host.web.close())
  const told: string[] = []
  await elsewhere.images.load(createReadStream(tar), { quiet: true, signal }, ({ stream = '' }) => told.push(stream))
  assert.deepEqual(told, [
    `Loaded image: ${name}\n`,
    `Loaded image: ${name} for linux/arm64\n`,
    `Loaded image: ${name} for linux/s390x\n`,
  ])
  assert.deepEqual(await here(elsewhere, name), ['amd64', 'arm64', 's390x'])
  await elsewhere.images.tag(name, `${registry.host}/loaded`, '1')
  await elsewhere.images.push(`${registry.host}/loaded`, { tag: '1', signal, allPlatforms: true }, () => {})
  assert.equal(await digestAt(all, `${registry.host}/loaded:1`), await digestAt(all, name))
  // the same again brings nothing new
  await elsewhere.images.load(createReadStream(tar), { quiet: true, signal }, () => {})
  assert.deepEqual(await here(elsewhere, name), ['amd64', 'arm64', 's390x'])

  const one = await openPrivateStore(t)
  await one.images.load(createReadStream(tar), { quiet: true, signal, platform: 'linux/arm64' }, () => {})
  assert.deepEqual(await here(one, name), ['arm64'])

  const docker = ['inspect', '--format', '{{.Architecture}}', `docker-archive:${tar}:${name}`]
  assert.equal((await registry.skopeo(...docker)).trim(), 'amd64')
  const copy = ['--insecure-policy', 'copy', '-q', '--all', `oci-archive:${tar}:1`, `oci:${folder}/copied:1`]
  await registry.skopeo(...copy)
  const armOnly = join(folder, 'arm.tar')
  await pipeline(await store.images.save([name], { signal, platform: 'linux/arm64' }), createWriteStream(armOnly))
  const arm = ['inspect', '--format', '{{.Architecture}}', `docker-archive:${armOnly}:${name}`]
  assert.equal((await registry.skopeo(...arm)).trim(), 'arm64')
})

test('a layout of several platforms by skopeo is loaded with all of them', async (t) => {
  const { registry, name, store } = await setUp(t)
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-platforms-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tar = join(folder, 'layout.tar')
  const options = ['--insecure-policy', 'copy', '-q', '--all', '--src-tls-verify=false']
  await registry.skopeo(...options, `docker://${name}`, `oci-archive:${tar}:example.org/web:1`)
  const { signal } = new AbortController()
  await store.images.load(createReadStream(tar), { quiet: true, signal }, () => {})
  assert.deepEqual(await here(store, 'example.org/web:1'), ['amd64', 'arm64', 's390x'])
})

test('a name goes with all its platforms, an id with its own; nothing is left on the disk', async (t) => {
  const { store, name, pull } = await setUp(t)
  for (const platform of ['linux/arm64', 'linux/s390x', 'linux/amd64']) await pull(name, platform)
  const { images } = store
  const idOf = async (platform: string): Promise<string> => (await images.resolve(name, platform)).id
  const options = { force: false, noPrune: false }
  await images.remove(await idOf('linux/s390x'), options)
  assert.deepEqual(await here(store, name), ['amd64', 'arm64'])
  // the one that it means: the name means the next
  await images.remove(await idOf('linux/amd64'), options)
  assert.deepEqual(await here(store, name), ['arm64'])
  await pull(name, 'linux/amd64')
  store.setUsers([{ id: 'f'.repeat(64), name: 'web', running: false }])
  await assert.rejects(images.remove(name, options), { code: 'IMAGE_IN_USE' })
  assert.deepEqual(await here(store, name), ['amd64', 'arm64'], 'nothing was changed')
  store.setUsers([])
  const removed = await images.remove(name, options)
  assert.deepEqual(removed[0], { Untagged: name })
  assert.equal(removed.filter((step) => 'Untagged' in step).length, 1)
  for (const place of ['blobs/sha256', 'layers', 'tmp'])
    assert.deepEqual(readdirSync(join(store.root, place)), [], place)
})

test('prune leaves the platforms of a name alone, and takes all of an unused name when it is asked to', async (t) => {
  const { store, name, pull } = await setUp(t)
  await pull(name, 'linux/arm64')
  await pull(name, 'linux/amd64')
  assert.deepEqual((await store.images.prune({})).ImagesDeleted, [])
  assert.deepEqual(await here(store, name), ['amd64', 'arm64'])
  await store.images.prune({ dangling: ['false'] })
  assert.deepEqual(await store.images.list({ all: true, filters: {} }), [])
  assert.deepEqual(readdirSync(join(store.root, 'blobs/sha256')), [])
})
