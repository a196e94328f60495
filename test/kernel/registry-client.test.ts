/** The registry client against Debian's docker-registry: manifests, blobs, resuming, uploads, logins over TLS. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { RegistryCredentials } from '../../src/engine/services/index.ts'
import {
  fetchManifest,
  findManifest,
  finishUpload,
  hasBlob,
  putManifest,
  sendChunk,
  startUpload,
} from '../../src/engine/registry/client.ts'
import { blobPath, download, partialPath } from '../../src/engine/registry/download.ts'
import { endpointsOf, settingsPlaces } from '../../src/engine/registry/endpoints.ts'
import { parseManifest } from '../../src/engine/registry/manifest.ts'
import { createTransport, type Transport } from '../../src/engine/registry/transport.ts'
import { sha256Of } from '../support/oci-layout.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { tarOf } from '../support/tar-bytes.ts'

const TAR = tarOf({ path: 'etc/name', content: 'a'.repeat(300_000) })

async function openTransport(
  { base }: PrivateStore,
  registry: TestRegistry,
  repository: string,
  credentials?: RegistryCredentials,
): Promise<Transport> {
  const places = { ...settingsPlaces(base.config.paths.root), files: [] }
  const [endpoint] = await endpointsOf(base.host, places, registry.host, { push: true })
  assert.ok(endpoint)
  return createTransport({
    web: base.host.web,
    clock: base.host.clock,
    endpoint,
    credentials,
    repository,
    actions: 'pull,push',
    tlsOf: async () => Promise.resolve({ verify: true }),
    userAgent: 'mycompose/test',
  })
}

async function setUp(t: TestContext): Promise<{ store: PrivateStore; registry: TestRegistry; transport: Transport }> {
  const store = await openPrivateStore(t)
  t.after(() => store.base.host.web.close())
  const registry = await startRegistry(t)
  await registry.add({ name: 'team/web:1', layers: [TAR], compression: 'none' })
  return { store, registry, transport: await openTransport(store, registry, 'team/web') }
}

test('a manifest is fetched by tag and by digest, its blobs arrive and are checked', async (t) => {
  const { store, transport, registry } = await setUp(t)
  const fetched = await fetchManifest(transport, '1')
  const manifest = parseManifest(fetched.bytes, fetched.servedAs)
  assert.equal(manifest.kind, 'manifest')
  assert.equal((await fetchManifest(transport, fetched.digest)).digest, fetched.digest)
  assert.equal(await findManifest(transport, '1'), fetched.digest)
  const inspected = JSON.parse(
    await registry.skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/team/web:1`),
  ) as { Digest: string }
  assert.equal(fetched.digest, inspected.Digest)
  const [layer] = manifest.layers
  assert.ok(layer)
  const chunks: Buffer[] = []
  for await (const chunk of download(store.base, { transport, blob: layer })) chunks.push(chunk)
  assert.ok(Buffer.concat(chunks).equals(TAR))
  assert.ok(readFileSync(blobPath(store.base, layer.digest)).equals(TAR))
})

test('a download goes on where an earlier one ended, and wrong bytes are not kept', async (t) => {
  const { store, transport } = await setUp(t)
  const blob = { digest: sha256Of(TAR), size: TAR.length }
  mkdirSync(join(store.root, 'blobs/partial'), { recursive: true })
  const partial = partialPath(store.base, blob.digest)
  writeFileSync(partial, TAR.subarray(0, 100_001))
  const chunks: Buffer[] = []
  for await (const chunk of download(store.base, { transport, blob })) chunks.push(chunk)
  assert.ok(Buffer.concat(chunks).equals(TAR))
  rmSync(blobPath(store.base, blob.digest))
  writeFileSync(partial, Buffer.alloc(5000))
  await assert.rejects(Array.fromAsync(download(store.base, { transport, blob })), { code: 'REGISTRY_DIGEST' })
  assert.throws(() => readFileSync(partial), { code: 'ENOENT' })
})

test('a blob is uploaded in parts, mounted elsewhere, and a manifest published that skopeo reads', async (t) => {
  const { store, registry, transport } = await setUp(t)
  const fetched = await fetchManifest(transport, '1')
  const manifest = parseManifest(fetched.bytes, fetched.servedAs)
  assert.equal(manifest.kind, 'manifest')
  const other = await openTransport(store, registry, 'team/copy')
  const [layer] = manifest.layers
  assert.ok(layer)
  assert.equal(await startUpload(other, { digest: layer.digest, from: 'team/web' }), undefined)
  const config = Buffer.concat(await Array.fromAsync(download(store.base, { transport, blob: manifest.config })))
  let upload = await startUpload(other)
  assert.ok(upload)
  const half = Math.floor(config.length / 2)
  for (const [start, end] of [
    [0, half],
    [half, config.length],
  ] as const) {
    upload = await sendChunk(other, upload, { start, length: end - start, body: () => config.subarray(start, end) })
    assert.ok(upload)
  }
  await finishUpload(other, upload, manifest.config.digest)
  assert.equal(await hasBlob(other, manifest.config.digest), true)
  await putManifest(other, 'latest', { bytes: fetched.bytes, mediaType: manifest.mediaType })
  const seen = JSON.parse(
    await registry.skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/team/copy:latest`),
  ) as { Layers: string[] }
  assert.deepEqual(seen.Layers, [layer.digest])
})

test('a login over TLS with a private CA works, without CA or password the error says what to do', async (t) => {
  const store = await openPrivateStore(t)
  t.after(() => store.base.host.web.close())
  const login = { username: 'ann', password: 'secret ü' }
  const registry = await startRegistry(t, { login, tls: true })
  await registry.add({ name: 'web:1', layers: [TAR] })
  await assert.rejects(async () => fetchManifest(await openTransport(store, registry, 'web', login), '1'), {
    code: 'REGISTRY_CERTIFICATE',
  })
  const certs = join(store.root, 'certs.d', registry.host)
  mkdirSync(certs, { recursive: true })
  writeFileSync(join(certs, 'ca.crt'), registry.ca ?? '')
  const fetched = await fetchManifest(await openTransport(store, registry, 'web', login), '1')
  assert.match(fetched.digest, /^sha256:/)
  await assert.rejects(async () => fetchManifest(await openTransport(store, registry, 'web'), '1'), {
    code: 'REGISTRY_DENIED',
    hint: new RegExp(`mycompose login ${registry.host}`),
  })
})
