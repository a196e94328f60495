/** Saving and loading images: skopeo, which knows nothing of us, reads what we save and writes what we load. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { pipeline } from 'node:stream/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { ProgressMessage } from '../../src/api/types/index.ts'
import { runCommand } from '../support/command.ts'
import { writeLayout } from '../support/oci-layout.ts'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { folder, streamOf, symlink, tarEntry, tarOf, type TestEntry } from '../support/tar-bytes.ts'

const LAYER = tarOf(folder('bin/'), { path: 'bin/tool', content: 'x'.repeat(200_000), mode: 0o4755, uid: 7 })
const UPPER = tarOf({ path: 'upper', content: 'above' }, { path: 'bin/.wh.tool' })
const signal = new AbortController().signal

const digestOf = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

function scratch(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'mycompose-archive-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function skopeo(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(['skopeo', '--insecure-policy', ...args])
  assert.equal(exitCode, 0, stderr)
  return stdout
}

async function saveTo({ images }: PrivateStore, path: string, ...names: readonly string[]): Promise<void> {
  await pipeline(await images.save(names, { signal }), createWriteStream(path))
}

async function load({ images }: PrivateStore, bytes: Buffer, quiet = true): Promise<ProgressMessage[]> {
  const messages: ProgressMessage[] = []
  await images.load(streamOf(bytes), { quiet, signal }, (message) => messages.push(message))
  return messages
}

const streams = (messages: readonly ProgressMessage[]): string[] => messages.flatMap(({ stream }) => stream ?? [])

/** What a failed load may not leave: anything. */
function assertEmpty({ base }: PrivateStore): void {
  const { temporary, layers, blobs } = base.config.paths
  const list = (path: string): string[] => readdirSync(path)
  assert.deepEqual([list(temporary), list(layers)], [[], []])
  assert.deepEqual(
    list(blobs).flatMap((kind) => list(join(blobs, kind))),
    [],
  )
}

async function imported(t: TestContext): Promise<{ readonly store: PrivateStore; readonly id: string }> {
  const store = await openPrivateStore(t)
  const changes = ['CMD ["/bin/tool"]', 'LABEL a=b']
  const id = await store.images.import(streamOf(LAYER), { reference: 'team/tool:1', changes }, () => {})
  await store.images.tag('team/tool:1', 'team/tool', '2')
  return { store, id }
}

describe('saving images', () => {
  it('skopeo reads it as a docker archive and as an OCI archive: the same image, in the same bytes each time', async (t) => {
    const { store, id } = await imported(t)
    const at = scratch(t)
    const file = join(at, 'saved.tar')
    await saveTo(store, file, 'team/tool:1')
    assert.equal(`sha256:${digestOf(await skopeo('inspect', '--config', '--raw', `docker-archive:${file}`))}`, id)
    assert.equal(`sha256:${digestOf(await skopeo('inspect', '--config', '--raw', `oci-archive:${file}`))}`, id)
    await skopeo('copy', '-q', `docker-archive:${file}`, `dir:${join(at, 'from-docker')}`)
    await skopeo('copy', '-q', `oci-archive:${file}`, `dir:${join(at, 'from-oci')}`)
    const manifest = JSON.parse(readFileSync(join(at, 'from-oci/manifest.json'), 'utf8')) as { layers: object[] }
    assert.equal(manifest.layers.length, 1)
    await saveTo(store, join(at, 'again.tar'), 'team/tool:1')
    assert.equal(digestOf(readFileSync(file)), digestOf(readFileSync(join(at, 'again.tar'))))
  })

  it('has the members and documents that docker >= 25 writes', async (t) => {
    const { store, id } = await imported(t)
    const at = scratch(t)
    await saveTo(store, join(at, 'saved.tar'), 'team/tool')
    await runCommand(['tar', '-xf', join(at, 'saved.tar'), '-C', at])
    const read = (name: string): unknown => JSON.parse(readFileSync(join(at, name), 'utf8'))
    const [entry] = read('manifest.json') as { Config: string; RepoTags: string[]; Layers: string[] }[]
    assert.equal(entry?.Config, `blobs/sha256/${id.slice(7)}`)
    assert.deepEqual(entry?.RepoTags, ['team/tool:1', 'team/tool:2'], 'a repository means all its tags')
    for (const name of readdirSync(join(at, 'blobs/sha256')))
      assert.equal(digestOf(readFileSync(join(at, 'blobs/sha256', name))), name)
    const { manifests } = read('index.json') as { manifests: { annotations: Record<string, string> }[] }
    assert.deepEqual(
      manifests.map(({ annotations }) => annotations['io.containerd.image.name']),
      ['docker.io/team/tool:1', 'docker.io/team/tool:2'],
    )
    assert.deepEqual(read('oci-layout'), { imageLayoutVersion: '1.0.0' })
  })

  it('what is not there is an error before the first byte', async (t) => {
    const { store } = await imported(t)
    await assert.rejects(store.images.save(['team/tool:1', 'nobody'], { signal }), { code: 'NO_SUCH_IMAGE' })
    await assert.rejects(store.images.save(['team/tool:1'], { signal, platform: 'linux/s390x' }), {
      code: 'PLATFORM_MISSING',
    })
  })
})

describe('loading images', () => {
  for (const [name, pack] of [
    ['plain', (bytes: Buffer) => bytes],
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
  ] as const)
    it(`what was saved, ${name}, is the same image elsewhere; its layer is not kept twice`, async (t) => {
      const { store, id } = await imported(t)
      const file = join(scratch(t), 'saved.tar')
      await saveTo(store, file, 'team/tool')
      const other = await openPrivateStore(t)
      const messages = await load(other, pack(readFileSync(file)), false)
      assert.deepEqual(streams(messages), ['Loaded image: team/tool:1\n', 'Loaded image: team/tool:2\n'])
      assert.ok(messages.some(({ status }) => status === 'Loading layer'))
      assert.equal((await other.images.inspect('team/tool:2')).Id, id)
      assert.deepEqual(readdirSync(other.base.config.paths.temporary), [])
      const again = join(scratch(t), 'again.tar')
      await saveTo(other, again, 'team/tool')
      assert.equal(digestOf(readFileSync(again)), digestOf(readFileSync(file)), 'saved again in the same bytes')
      await other.images.remove(id, { force: true, noPrune: false })
      assertEmpty(other)
    })

  it("skopeo's docker archives and OCI archives, several layers, whiteouts", async (t) => {
    const at = scratch(t)
    const layout = join(at, 'layout')
    const platform = { os: 'linux', architecture: 'arm64' }
    writeLayout(layout, [
      { name: 'web:1', layers: [LAYER, UPPER] },
      { name: 'web:1', layers: [LAYER], platform },
    ])
    const [docker, oci] = [join(at, 'docker.tar'), join(at, 'oci.tar')]
    await skopeo('copy', '-q', `oci:${layout}:web:1`, `docker-archive:${docker}:team/web:7`)
    await skopeo('copy', '-q', '--all', `oci:${layout}:web:1`, `oci-archive:${oci}:team/web:8`)
    const store = await openPrivateStore(t)
    assert.deepEqual(streams(await load(store, readFileSync(docker))), ['Loaded image: team/web:7\n'])
    assert.deepEqual(streams(await load(store, readFileSync(oci))), [
      'Loaded image: team/web:8\n',
      'Loaded image: team/web:8 for linux/arm64\n',
    ])
    const [seven, eight] = [await store.images.inspect('team/web:7'), await store.images.inspect('team/web:8')]
    assert.deepEqual(seven.RootFS.Layers, [`sha256:${digestOf(LAYER)}`, `sha256:${digestOf(UPPER)}`])
    assert.deepEqual(eight.RootFS.Layers, seven.RootFS.Layers)
    assert.equal(readdirSync(store.base.config.paths.layers).length, 2, 'shared')
    const { chainIds } = await store.images.resolve('team/web:8')
    await store.layers.withImageMounted(chainIds, async (root) => {
      assert.deepEqual([readdirSync(root), readdirSync(join(root, 'bin'))], [['bin', 'upper'], []])
    })
    const saved = join(at, 'both.tar')
    await saveTo(store, saved, 'team/web')
    const other = await openPrivateStore(t)
    await load(other, readFileSync(saved))
    assert.deepEqual(
      [(await other.images.inspect('team/web:7')).Id, (await other.images.inspect('team/web:8')).Id],
      [seven.Id, eight.Id],
    )
  })

  it('an archive of docker before 25: a folder for each layer, a link for one that came before', async (t) => {
    const config = JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [LAYER, UPPER, UPPER].map((tar) => `sha256:${digestOf(tar)}`) },
    })
    const layers = ['aa/layer.tar', 'bb/layer.tar', 'cc/layer.tar']
    const archive = tarOf(
      folder('aa/'),
      { path: 'aa/layer.tar', content: LAYER },
      { path: 'aa/VERSION', content: '1.0' },
      { path: 'bb/layer.tar', content: gzipSync(UPPER) },
      symlink('cc/layer.tar', '../bb/layer.tar'),
      { path: `${digestOf(config)}.json`, content: config },
      {
        path: 'manifest.json',
        content: JSON.stringify([{ Config: `${digestOf(config)}.json`, RepoTags: null, Layers: layers }]),
      },
    )
    const store = await openPrivateStore(t)
    assert.deepEqual(streams(await load(store, archive)), [`Loaded image ID: sha256:${digestOf(config)}\n`])
    const file = join(scratch(t), 'saved.tar')
    await saveTo(store, file, `sha256:${digestOf(config)}`)
    assert.match(await skopeo('inspect', `docker-archive:${file}`), /"Layers"/)
  })

  it('an image committed on top keeps the bytes of the layers below, though the image below has gone', async (t) => {
    const store = await openPrivateStore(t)
    await load(store, dockerArchive({ layer: Buffer.concat([LAYER, Buffer.alloc(4096)]), RepoTags: ['below:1'] }))
    const { id, chainIds } = await store.images.resolve('below:1')
    const request = { config: {}, createdBy: 'sh', author: undefined, comment: undefined, reference: 'above:1' }
    await store.images.commit(streamOf(UPPER), { ...request, parent: { id, chainIds } })
    await store.images.remove('below:1', { force: false, noPrune: false })
    const file = join(scratch(t), 'saved.tar')
    await saveTo(store, file, 'above:1')
    const { rootfs } = JSON.parse(await skopeo('inspect', '--config', '--raw', `docker-archive:${file}`)) as {
      readonly rootfs: { readonly diff_ids: readonly string[] }
    }
    assert.equal(rootfs.diff_ids.length, 2)
    await store.images.remove('above:1', { force: false, noPrune: false })
    assertEmpty(store)
  })

  it('a layer that is there already is still compared with what the archive calls it', async (t) => {
    const { store, id } = await imported(t)
    const diffId = (await store.images.inspect(id)).RootFS.Layers[0] ?? ''
    const archive = dockerArchive({ layer: UPPER, diffId })
    await assert.rejects(load(store, archive), { code: 'ARCHIVE_INVALID' })
    assert.equal((await store.images.list({ all: true, filters: {} })).length, 1)
  })
})

interface Forged {
  readonly layer?: Buffer
  readonly diffId?: string
  readonly os?: string
  readonly Config?: string
  readonly RepoTags?: unknown
  readonly Layers?: unknown
  readonly more?: readonly (TestEntry | Buffer)[]
}

function dockerArchive({ layer = LAYER, diffId, os = 'linux', more = [], ...entry }: Forged = {}): Buffer {
  const diffIds = [diffId ?? `sha256:${digestOf(layer)}`]
  const config = JSON.stringify({ architecture: 'amd64', os, rootfs: { type: 'layers', diff_ids: diffIds } })
  const manifest = [{ Config: 'config.json', RepoTags: ['evil:1'], Layers: ['layer.tar'], ...entry }]
  return tarOf(
    { path: 'layer.tar', content: layer },
    { path: 'config.json', content: config },
    { path: 'manifest.json', content: JSON.stringify(manifest) },
    ...more,
  )
}

function ociArchive(change: (manifest: Record<string, unknown>) => void, index: object = {}): Buffer {
  const blobs: TestEntry[] = []
  const add = (mediaType: string, content: Buffer | string): { mediaType: string; digest: string; size: number } => {
    blobs.push({ path: `blobs/sha256/${digestOf(content)}`, content })
    return { mediaType, digest: `sha256:${digestOf(content)}`, size: Buffer.byteLength(content) }
  }
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${digestOf(LAYER)}`] },
  })
  const manifest: Record<string, unknown> = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: add('application/vnd.oci.image.config.v1+json', config),
    layers: [add('application/vnd.oci.image.layer.v1.tar', LAYER)],
  }
  change(manifest)
  const described = add('application/vnd.oci.image.manifest.v1+json', JSON.stringify(manifest))
  const annotations = { 'io.containerd.image.name': 'docker.io/library/evil:1' }
  return tarOf(
    ...blobs,
    { path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    {
      path: 'index.json',
      content: JSON.stringify({ schemaVersion: 2, manifests: [{ ...described, annotations }], ...index }),
    },
  )
}

describe('hostile archives', () => {
  const cases: readonly { readonly name: string; readonly archive: Buffer; readonly code?: string }[] = [
    { name: 'a member outside', archive: dockerArchive({ more: [{ path: '../evil', content: 'x' }] }) },
    { name: 'an absolute member', archive: dockerArchive({ more: [{ path: '/tmp/mycompose-evil', content: 'x' }] }) },
    { name: 'a link that leads out', archive: dockerArchive({ more: [symlink('blobs/x', '../../etc/passwd')] }) },
    { name: 'an absolute link', archive: dockerArchive({ more: [symlink('secret', '/etc/shadow')] }) },
    {
      name: 'a layer that is a link to a file of the host',
      archive: dockerArchive({ Layers: ['l'], more: [symlink('l', '/etc/passwd')] }),
    },
    {
      name: 'links in a circle',
      archive: dockerArchive({ Layers: ['l'], more: [symlink('l', 'm'), symlink('m', 'l')] }),
    },
    { name: 'a device', archive: dockerArchive({ more: [{ path: 'sda', kind: 'block', major: 8, minor: 0 }] }) },
    { name: 'a member twice', archive: dockerArchive({ more: [{ path: './config.json', content: '{}' }] }) },
    {
      name: 'a blob that is not what it is called',
      archive: dockerArchive({ more: [{ path: `blobs/sha256/${'0'.repeat(64)}`, content: 'x' }] }),
    },
    {
      name: 'a blob with a path for a digest',
      archive: dockerArchive({ more: [{ path: 'blobs/sha256/sub/file', content: 'x' }] }),
    },
    { name: 'a config by a path outside', archive: dockerArchive({ Config: '../../etc/passwd' }) },
    { name: 'a config by an absolute path', archive: dockerArchive({ Config: '/etc/passwd' }) },
    { name: 'a layer that is missing', archive: dockerArchive({ Layers: ['other.tar'] }) },
    { name: 'layers that are no list', archive: dockerArchive({ Layers: 'layer.tar' }) },
    { name: 'a name that is none', archive: dockerArchive({ RepoTags: ['../../x:1'] }) },
    { name: 'a wrong diff id', archive: dockerArchive({ diffId: `sha256:${'1'.repeat(64)}` }) },
    {
      name: 'a diff id that is a path',
      archive: dockerArchive({ diffId: 'sha256:../../../../etc' }),
      code: 'MANIFEST_INVALID',
    },
    { name: 'fewer layers than the configuration', archive: dockerArchive({ Layers: [] }), code: 'MANIFEST_INVALID' },
    { name: 'an image for another system', archive: dockerArchive({ os: 'windows' }), code: 'PLATFORM_MISSING' },
    { name: 'no image at all', archive: LAYER },
    {
      name: 'a layer that escapes',
      archive: dockerArchive({ layer: tarOf({ path: '../../evil', content: 'x' }) }),
      code: 'TAR_INVALID',
    },
    { name: 'a cut archive', archive: dockerArchive().subarray(0, 100_000), code: 'TAR_INVALID' },
    { name: 'a damaged gzip', archive: gzipSync(dockerArchive()).subarray(0, 300), code: 'TAR_INVALID' },
    {
      name: 'an index that is a manifest too',
      archive: ociArchive(() => {}, { layers: [] }),
      code: 'MANIFEST_INVALID',
    },
    {
      name: 'a descriptor with a lying size',
      archive: ociArchive((manifest) => {
        const [layer] = manifest['layers'] as { size: number }[]
        if (layer !== undefined) layer.size += 1
      }),
    },
    {
      name: 'a descriptor with a path for a digest',
      archive: ociArchive((manifest) => {
        const [layer] = manifest['layers'] as { digest: string }[]
        if (layer !== undefined) layer.digest = 'sha256:../../../etc/passwd'
      }),
      code: 'MANIFEST_INVALID',
    },
    {
      name: 'a manifest.json that gives the same name to another image',
      archive: Buffer.concat([
        ociArchive(() => {}).subarray(0, -1024),
        tarEntry({ path: 'other.json', content: '{"architecture":"arm","os":"linux","rootfs":{"diff_ids":[]}}' }),
        tarEntry({
          path: 'manifest.json',
          content: '[{"Config":"other.json","RepoTags":["evil:1"],"Layers":[]}]',
        }),
        Buffer.alloc(1024),
      ]),
    },
  ]
  for (const { name, archive, code = 'ARCHIVE_INVALID' } of cases)
    it(`${name}: refused with ${code}, nothing is left`, async (t) => {
      const store = await openPrivateStore(t)
      mkdirSync(join(store.root, 'watched'))
      writeFileSync(join(store.root, 'watched/evil'), 'untouched')
      await assert.rejects(load(store, archive), { code })
      assertEmpty(store)
      assert.equal(readFileSync(join(store.root, 'watched/evil'), 'utf8'), 'untouched')
      assert.deepEqual(await store.images.list({ all: true, filters: {} }), [])
    })

  it('a client that goes away leaves nothing', async (t) => {
    const store = await openPrivateStore(t)
    const abort = new AbortController()
    abort.abort()
    await assert.rejects(
      store.images.load(streamOf(dockerArchive()), { quiet: true, signal: abort.signal }, () => {}),
      { code: 'CANCELED' },
    )
    assertEmpty(store)
  })
})
