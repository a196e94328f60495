/**
 * Pulling and pushing over a way that breaks, stalls, lies and steals: test/support/fault-proxy.ts before Debian's
 * docker-registry. What is asked twice is counted in bytes, and where a login goes is read from the requests.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { RegistryCredentials } from '../../src/engine/services/index.ts'
import type { ProgressMessage } from '../../src/api/types/index.ts'
import { createWeb } from '../../src/host/web.ts'
import { blobBytes, startFaultProxy, type Fault, type FaultProxy } from '../support/fault-proxy.ts'
import { sha256Of } from '../support/oci-layout.ts'
import { until } from '../support/poll.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { streamOf, tarOf } from '../support/tar-bytes.ts'

const MIB = 2 ** 20
/** Cannot be compressed: the blob is as large. */
const BIG = tarOf({ path: 'big', content: randomBytes(3 * MIB) })
/** The path of its blob ends with this: it is pushed as it is. */
const BIG_BLOB = `/blobs/${sha256Of(BIG)}`
const SMALL = tarOf({ path: 'small', content: 'small' })
const LOGIN = { username: 'ann', password: 'hunter2' }
const STALL_MS = 1000

interface Scene {
  readonly store: PrivateStore
  readonly registry: TestRegistry
  readonly proxy: FaultProxy
  /** Pauses that were asked for; none is taken. */
  readonly pauses: number[]
  /** "web:1", through the proxy. */
  pull(options?: { readonly signal?: AbortSignal; readonly credentials?: RegistryCredentials }): Promise<string>
  push(): Promise<ProgressMessage[]>
}

async function setUp(t: TestContext, layers: readonly Buffer[] = [SMALL, BIG]): Promise<Scene> {
  const pauses: number[] = []
  const store = await openPrivateStore(t, 'overlay', (host) => ({
    ...host,
    web: createWeb({}, { stallMs: STALL_MS }),
    clock: { ...host.clock, sleep: (ms, signal) => (pauses.push(ms), host.clock.sleep(1, signal)) },
  }))
  t.after(() => store.base.host.web.close())
  const registry = await startRegistry(t)
  if (layers.length > 0) await registry.add({ name: 'web:1', layers, compression: 'none' })
  const proxy = await startFaultProxy(t, registry.url)
  return {
    store,
    registry,
    proxy,
    pauses,
    pull: ({ signal = new AbortController().signal, credentials } = {}) =>
      store.images.pull(
        `${proxy.host}/web:1`,
        { signal, ...(credentials === undefined ? {} : { credentials }) },
        () => {},
      ),
    async push() {
      const messages: ProgressMessage[] = []
      const { signal } = new AbortController()
      await store.images.push(`${proxy.host}/web`, { tag: '1', signal }, (message) => messages.push(message))
      return messages
    },
  }
}

function list({ root }: PrivateStore, place: string): string[] {
  return existsSync(join(root, place)) ? readdirSync(join(root, place)) : []
}

/** No layer, no temporary file, no image; `kept`: how many begun or complete downloads. */
async function assertNothingVisible({ store }: Scene): Promise<void> {
  assert.deepEqual(await store.images.list({ all: true, filters: {} }), [])
  for (const place of ['layers', 'tmp']) assert.deepEqual(list(store, place), [], place)
}

const isBlob = ({ method, path }: { method: string; path: string }): boolean =>
  method === 'GET' && path.includes('/blobs/sha256:')

test('a connection that breaks at any byte goes on there, and no byte is sent twice', async (t) => {
  const scene = await setUp(t)
  const { proxy } = scene
  let cuts = 12
  proxy.rule = (request) => {
    if (!isBlob(request) || cuts === 0) return undefined
    cuts -= 1
    return { kind: 'cut', afterBytes: 70_000 + Math.floor(Math.random() * 300_000) }
  }
  assert.match(await scene.pull(), /^Status: Downloaded/)
  // what the kernel had taken when the connection broke may be lost: a little more than the whole
  const total = BIG.length + SMALL.length + 2_000
  assert.ok(blobBytes(proxy) < total * 1.5, `${blobBytes(proxy)} bytes of ${total}`)
  assert.ok(proxy.seen.some(({ headers }) => /^bytes=[1-9]/.test(headers.range ?? '')))
})

/** Faults that the first tries meet; the pull must get over them. */
const PASSING: readonly (readonly [string, (number: number) => Fault | undefined])[] = [
  ['500 twice', (number) => (number < 2 ? { kind: 'answer', status: 500 } : undefined)],
  ['502 with a page', (number) => (number < 2 ? { kind: 'answer', status: 502, body: '<html>bad' } : undefined)],
  ['no answer at all', (number) => (number < 2 ? { kind: 'stall', afterBytes: 0 } : undefined)],
  ['cut before the body', (number) => (number < 2 ? { kind: 'cut', afterBytes: 0 } : undefined)],
  ['cut in small documents', (number) => (number < 2 ? { kind: 'cut', afterBytes: 100 } : undefined)],
  ['a stall in the middle', (number) => (number < 1 ? { kind: 'stall', afterBytes: 50 } : undefined)],
]
for (const [name, fault] of PASSING)
  test(`passing: ${name}`, async (t) => {
    const scene = await setUp(t, [SMALL])
    scene.proxy.rule = (_, number) => fault(number)
    assert.match(await scene.pull(), /^Status: Downloaded/)
    assert.ok(scene.pauses.length >= 2, 'it waited')
  })

test('pauses grow, and end after some tries with what the registry says', async (t) => {
  const scene = await setUp(t, [SMALL])
  scene.proxy.rule = () => ({ kind: 'answer', status: 503, body: 'full up' })
  await assert.rejects(scene.pull(), { code: 'REGISTRY_STATUS', message: /answered 503.*full up/ })
  const { pauses } = scene
  assert.equal(pauses.length, 4)
  assert.ok((pauses[3] ?? 0) > (pauses[0] ?? 0), String(pauses))
  await assertNothingVisible(scene)
})

test('429: Retry-After is kept to, and one of an hour is an error at once', async (t) => {
  const scene = await setUp(t, [SMALL])
  const limited = (after: string): Fault => ({ kind: 'answer', status: 429, headers: { 'retry-after': after } })
  scene.proxy.rule = (_, number) => (number === 0 ? limited('7') : undefined)
  await scene.pull()
  assert.ok(scene.pauses.length > 0)
  assert.deepEqual(new Set(scene.pauses), new Set([7000]))
  scene.proxy.rule = () => limited('3600')
  await assert.rejects(scene.pull(), { code: 'REGISTRY_RATE_LIMIT', hint: /log in for a higher limit/ })
})

test('slow is no fault: a trickle arrives', async (t) => {
  const scene = await setUp(t, [SMALL])
  scene.proxy.rule = (request) => (isBlob(request) ? { kind: 'slow', chunkBytes: 512, pauseMs: 10 } : undefined)
  assert.match(await scene.pull(), /^Status: Downloaded/)
})

test('a byte at a time is no progress: it ends, and the next pull goes on', async (t) => {
  const scene = await setUp(t, [BIG])
  scene.proxy.rule = ({ path }) => on(path, 'layer', { kind: 'cut', afterBytes: 10 })
  await assert.rejects(scene.pull(), { code: 'REGISTRY_UNREACHABLE', message: /again and again at byte/ })
  await assertNothingVisible(scene)
  scene.proxy.rule = () => undefined
  assert.match(await scene.pull(), /^Status: Downloaded/)
})

test('a registry without ranges sends it all again, and it fits', async (t) => {
  const scene = await setUp(t, [BIG])
  scene.proxy.rule = ({ headers }, number) => {
    if (headers.range !== undefined) return { kind: 'no ranges' }
    return number === 0 ? { kind: 'cut', afterBytes: MIB } : undefined
  }
  assert.match(await scene.pull(), /^Status: Downloaded/)
})

test('a Content-Range that was not asked for is not believed', async (t) => {
  const scene = await setUp(t, [BIG])
  scene.proxy.rule = ({ headers }, number) => {
    if (headers.range !== undefined) return { kind: 'lie', headers: { 'content-range': 'bytes 5-9/10' } }
    return number === 0 ? { kind: 'cut', afterBytes: MIB } : undefined
  }
  assert.match(await scene.pull(), /^Status: Downloaded/)
})

/** Lies that must end the pull, with the code. */
const LIES: readonly (readonly [string, string, (request: { path: string }) => Fault | undefined])[] = [
  ['a wrong byte in a manifest', 'REGISTRY_DIGEST', ({ path }) => on(path, 'manifests', { kind: 'flip', atByte: 3 })],
  [
    'a wrong byte in the configuration',
    'REGISTRY_DIGEST',
    ({ path }) => on(path, 'config', { kind: 'flip', atByte: 5 }),
  ],
  ['a wrong byte in a layer', 'REGISTRY_DIGEST', ({ path }) => on(path, 'layer', { kind: 'flip', atByte: MIB })],
  [
    'a wrong byte in a header of a layer',
    'REGISTRY_DIGEST',
    ({ path }) => on(path, 'layer', { kind: 'flip', atByte: 5 }),
  ],
  [
    'a shorter Content-Length',
    'REGISTRY_DIGEST',
    ({ path }) => on(path, 'manifests', { kind: 'lie', headers: { 'content-length': '20' } }),
  ],
  [
    'a longer Content-Length',
    'REGISTRY_UNREACHABLE',
    ({ path }) => on(path, 'manifests', { kind: 'lie', headers: { 'content-length': '99999' } }),
  ],
  [
    'the digest of another manifest',
    'REGISTRY_DIGEST',
    ({ path }) =>
      on(path, 'manifests', { kind: 'lie', headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` } }),
  ],
  [
    'another type',
    'MANIFEST_INVALID',
    ({ path }) =>
      on(path, 'manifests', { kind: 'lie', headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' } }),
  ],
  [
    'a configuration without end',
    'REGISTRY_ANSWER',
    ({ path }) => on(path, 'config', { kind: 'answer', status: 200, body: Buffer.alloc(6 * MIB) }),
  ],
  [
    'a layer without end',
    'REGISTRY_DIGEST',
    ({ path }) => on(path, 'layer', { kind: 'answer', status: 200, body: Buffer.alloc(6 * MIB) }),
  ],
  [
    'a page of a proxy',
    'MANIFEST_INVALID',
    ({ path }) => on(path, 'manifests', { kind: 'answer', status: 200, body: '<html>' }),
  ],
]

function on(path: string, part: 'config' | 'layer' | 'manifests', fault: Fault): Fault | undefined {
  const isMeant = {
    manifests: path.includes('/manifests/'),
    layer: path.includes(BIG_BLOB),
    config: path.includes('/blobs/') && !path.includes(BIG_BLOB),
  }
  return isMeant[part] ? fault : undefined
}

for (const [name, code, rule] of LIES)
  test(`refused: ${name}`, async (t) => {
    const scene = await setUp(t, [BIG])
    scene.proxy.rule = rule
    await assert.rejects(scene.pull(), { code })
    await assertNothingVisible(scene)
    assert.deepEqual([...list(scene.store, 'blobs/sha256'), ...list(scene.store, 'blobs/partial')], [])
    scene.proxy.rule = () => undefined
    assert.match(await scene.pull(), /^Status: Downloaded/, 'and then it works')
  })

test('redirects: to another host without the login, in a circle or to a file not at all', async (t) => {
  const scene = await setUp(t, [BIG])
  const elsewhere = await startFaultProxy(t, scene.registry.url)
  const to = (location: string): Fault => ({ kind: 'answer', status: 307, headers: { location } })
  scene.proxy.rule = ({ path, headers }, number) => {
    if (headers.authorization === undefined)
      return { kind: 'answer', status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
    return isBlob({ method: 'GET', path }) && number < 9 ? to(`${elsewhere.url}${path}`) : undefined
  }
  assert.match(await scene.pull({ credentials: LOGIN }), /^Status: Downloaded/)
  assert.ok(elsewhere.seen.length >= 2)
  assert.ok(elsewhere.seen.every(({ headers }) => headers.authorization === undefined))
  for (const location of [`${scene.proxy.url}/v2/web/manifests/1`, 'file:///etc/passwd', 'gopher://x/', 'http://[']) {
    scene.proxy.rule = () => to(location)
    await assert.rejects(scene.pull(), { code: 'REGISTRY_REDIRECT' }, location)
  }
})

test('a realm elsewhere gets no login, and no token is asked of it', async (t) => {
  const scene = await setUp(t, [SMALL])
  const thief = await startFaultProxy(t, scene.registry.url)
  thief.rule = () => ({ kind: 'answer', status: 200, body: '{"token":"x"}' })
  const port = thief.host.split(':')[1] ?? ''
  // the same name is the same machine; another loopback address stands for another host
  for (const realm of [`http://127.0.0.2:${port}/t`, `https://127.0.0.2:${port}/t`, 'file:///etc/passwd', '']) {
    scene.proxy.rule = () => ({
      kind: 'answer',
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${realm}",service="s"` },
    })
    await assert.rejects(scene.pull({ credentials: LOGIN }), { code: 'REGISTRY_REALM' }, realm)
  }
  assert.deepEqual(thief.seen, [])
  await assertNothingVisible(scene)
})

test('an upload that is led elsewhere carries no login there', async (t) => {
  const scene = await setUp(t, [])
  const thief = await startFaultProxy(t, scene.registry.url)
  thief.rule = () => ({ kind: 'answer', status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } })
  const { store, proxy } = scene
  await store.images.import(streamOf(SMALL), { reference: `${proxy.host}/web:1`, changes: [] }, () => {})
  proxy.rule = ({ method, headers }) => {
    if (headers.authorization === undefined)
      return { kind: 'answer', status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
    return method === 'POST' ? { kind: 'answer', status: 202, headers: { location: `${thief.url}/u` } } : undefined
  }
  const { signal } = new AbortController()
  const pushed = store.images.push(`${proxy.host}/web`, { tag: '1', credentials: LOGIN, signal }, () => {})
  await assert.rejects(pushed, { code: 'REGISTRY_DENIED' })
  assert.ok(thief.seen.length > 0)
  assert.ok(thief.seen.every(({ headers }) => headers.authorization === undefined))
})

test('a mirror that has the manifest and fails on blobs gives way to the registry; it sees no login', async (t) => {
  const scene = await setUp(t, [BIG])
  const mirror = await startFaultProxy(t, scene.registry.url)
  mirror.rule = ({ path }) => on(path, 'layer', { kind: 'answer', status: 404 })
  writeFileSync(
    join(scene.store.root, 'registries.json'),
    JSON.stringify({ mirrors: { [scene.proxy.host]: [mirror.url] } }),
  )
  assert.match(await scene.pull({ credentials: LOGIN }), /^Status: Downloaded/)
  assert.ok(mirror.seen.some(({ path }) => path.includes('/manifests/')))
  assert.ok(mirror.seen.every(({ headers }) => headers.authorization === undefined))
})

test("Debian's registry as a mirror serves the second pull when the registry has gone", async (t) => {
  const scene = await setUp(t, [BIG])
  const mirror = await startRegistry(t, { mirrorOf: scene.registry.url })
  writeFileSync(
    join(scene.store.root, 'registries.json'),
    JSON.stringify({ mirrors: { [scene.proxy.host]: [mirror.url] } }),
  )
  await scene.pull()
  assert.deepEqual(scene.proxy.seen, [], 'the mirror was enough')
  await scene.store.images.remove(`${scene.proxy.host}/web:1`, { force: true, noPrune: false })
  await mirror.stop()
  assert.match(await scene.pull(), /^Status: Downloaded/, 'a mirror that is gone is passed over')
})

test('who cancels a pull takes nothing from others, and what came is kept', async (t) => {
  const scene = await setUp(t, [BIG])
  const abort = new AbortController()
  scene.proxy.rule = ({ path }, number) =>
    number === 0 ? on(path, 'layer', { kind: 'slow', chunkBytes: 16_384, pauseMs: 2 }) : undefined
  const first = scene.pull({ signal: abort.signal })
  const second = scene.pull()
  const begun = (async () => {
    await until(() => Promise.resolve(blobBytes(scene.proxy) > MIB), { what: 'a third has come' })
    abort.abort()
  })()
  await assert.rejects(first, { code: 'CANCELED' })
  await begun
  assert.match(await second, /^Status: /)
  assert.ok(blobBytes(scene.proxy) < BIG.length * 1.6)
})

test('a pull that is canceled while nothing comes ends at once', async (t) => {
  const scene = await setUp(t, [BIG])
  const abort = new AbortController()
  scene.proxy.rule = ({ path }) => on(path, 'layer', { kind: 'stall', afterBytes: 100 })
  const pulled = scene.pull({ signal: abort.signal })
  setTimeout(() => abort.abort(), 100)
  await assert.rejects(pulled, { code: 'CANCELED' })
  await assertNothingVisible(scene)
})

test('a blob that was complete when the pull ended is not fetched again', async (t) => {
  const scene = await setUp(t, [BIG, SMALL])
  const isComplete = (): boolean => list(scene.store, 'blobs/sha256').includes(sha256Of(BIG).slice(7))
  scene.proxy.rule = ({ path }) => {
    if (!path.endsWith(sha256Of(SMALL))) return undefined
    return isComplete() ? { kind: 'answer', status: 403 } : { kind: 'stall', afterBytes: 0 }
  }
  while (!isComplete()) await assert.rejects(scene.pull())
  await assertNothingVisible(scene)
  const before = blobBytes(scene.proxy)
  scene.proxy.rule = () => undefined
  await scene.pull()
  assert.ok(blobBytes(scene.proxy) - before < 100_000, 'the big one was there')
})

test('a push goes on where it broke, and tries again what the registry could not take', async (t) => {
  const scene = await setUp(t, [])
  const { store, proxy, registry } = scene
  await store.images.import(streamOf(BIG), { reference: `${proxy.host}/web:1`, changes: [] }, () => {})
  proxy.rule = ({ method }, number) =>
    method !== 'PATCH' && number === 0 ? { kind: 'answer', status: 500 } : undefined
  await scene.push()
  const judged = await registry.skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/web:1`)
  assert.equal((JSON.parse(judged) as { Layers: string[] }).Layers.length, 1)
  proxy.rule = ({ method }) => (method === 'PUT' ? { kind: 'answer', status: 500, body: 'disk full' } : undefined)
  await store.images.tag(`${proxy.host}/web:1`, `${proxy.host}/web`, 'again')
  const { signal } = new AbortController()
  await assert.rejects(
    store.images.push(`${proxy.host}/web`, { tag: 'again', signal }, () => {}),
    {
      code: 'REGISTRY_STATUS',
      message: /disk full/,
    },
  )
  assert.deepEqual(list(store, 'tmp'), [])
})

test('an upload that breaks in the middle of a part arrives, with a registry that forgets it then', async (t) => {
  const scene = await setUp(t, [])
  const { store, proxy, registry, pauses } = scene
  await store.images.import(streamOf(BIG), { reference: `${proxy.host}/web:1`, changes: [] }, () => {})
  let cuts = 0
  proxy.rule = ({ method, headers }) => {
    if (method !== 'PATCH' || Number(headers['content-length']) < MIB || cuts === 2) return undefined
    cuts += 1
    return { kind: 'cut upload', afterBytes: 700_000 }
  }
  await scene.push()
  assert.equal(cuts, 2)
  assert.deepEqual(pauses.slice(0, 2), [500, 1000])
  const judged = await registry.skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/web:1`)
  assert.equal((JSON.parse(judged) as { Layers: string[] }).Layers.length, 1)
})

test('a mirror that sends wrong bytes: the pull begins again at the registry', async (t) => {
  for (const atByte of [100, BIG.length - 3000]) {
    const scene = await setUp(t, [SMALL, BIG])
    const mirror = await startFaultProxy(t, scene.registry.url)
    mirror.rule = ({ path }) => (path.endsWith(BIG_BLOB) ? { kind: 'flip', atByte } : undefined)
    writeFileSync(
      join(scene.store.root, 'registries.json'),
      JSON.stringify({ mirrors: { [scene.proxy.host]: [mirror.url] } }),
    )
    assert.match(await scene.pull(), /^Status: Downloaded/)
    assert.ok(scene.store.logged.includes('a mirror sent wrong bytes'))
    const asked = (proxy: FaultProxy, digest: string): number =>
      proxy.seen.filter(({ method, path }) => method === 'GET' && path.endsWith(digest)).length
    assert.ok(asked(mirror, BIG_BLOB) > 0 && asked(scene.proxy, BIG_BLOB) > 0)
    assert.equal(list(scene.store, 'layers').length, 2)
    for (const place of ['tmp', 'blobs/partial']) assert.deepEqual(list(scene.store, place), [], place)
  }
})

test('wrong bytes of mirror and registry are an error, and nothing of them is kept', async (t) => {
  const scene = await setUp(t, [SMALL, BIG])
  const mirror = await startFaultProxy(t, scene.registry.url)
  const flip: FaultProxy['rule'] = ({ path }) =>
    path.endsWith(BIG_BLOB) ? { kind: 'flip', atByte: 2 * MIB } : undefined
  mirror.rule = flip
  scene.proxy.rule = flip
  writeFileSync(
    join(scene.store.root, 'registries.json'),
    JSON.stringify({ mirrors: { [scene.proxy.host]: [mirror.url] } }),
  )
  await assert.rejects(scene.pull(), { code: 'REGISTRY_DIGEST', message: new RegExp(scene.proxy.host) })
  await assertNothingVisible(scene)
  assert.ok(!list(scene.store, 'blobs/sha256').includes(sha256Of(BIG).slice(7)))
})
