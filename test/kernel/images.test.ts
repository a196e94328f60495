/** Images on a private store: imported, found, tagged, removed; what is on disk is looked at directly. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { streamOf, tarOf } from '../support/tar-bytes.ts'

const TAR = tarOf({ path: 'hello', content: 'world' })
const ignore = (): void => {}

function importTar(
  { images }: PrivateStore,
  bytes: Buffer,
  reference?: string,
  changes: string[] = [],
): Promise<string> {
  return images.import(streamOf(bytes), { changes, ...(reference === undefined ? {} : { reference }) }, ignore)
}

const layersOnDisk = ({ base }: PrivateStore): string[] => fs.readdirSync(base.config.paths.layers)
const blobsOnDisk = ({ base }: PrivateStore): string[] => fs.readdirSync(join(base.config.paths.blobs, 'sha256'))

describe('image import', () => {
  it('the same tar, plain or compressed, is the same image; its id is the digest of its configuration', async (t) => {
    const store = await openPrivateStore(t)
    const id = await importTar(store, TAR, 'web:1', ['CMD ["run"]'])
    assert.equal(await importTar(store, gzipSync(TAR), 'web:1', ['CMD ["run"]']), id)
    assert.equal(await importTar(store, zstdCompressSync(TAR), 'other', ['CMD ["run"]']), id)
    const inspected = await store.images.inspect('web:1')
    const [diffId] = inspected.RootFS.Layers // of the folder packed again, so that it can be pushed: images-push.test.ts
    assert.match(diffId ?? '', /^sha256:[0-9a-f]{64}$/)
    assert.deepEqual(inspected.RepoTags, ['other:latest', 'web:1'])
    assert.deepEqual(inspected.Config.Cmd, ['run'])
    assert.equal(inspected.Created, '2023-11-14T22:13:20.000Z', 'the newest file in the tar')
    const [blob = ''] = blobsOnDisk(store)
    const bytes = fs.readFileSync(join(store.base.config.paths.blobs, 'sha256', blob))
    assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, id)
    assert.deepEqual(fs.readdirSync(store.base.config.paths.temporary), [])
  })

  it('several at once of the same content make one layer', async (t) => {
    const store = await openPrivateStore(t)
    await Promise.all(['a', 'b', 'c'].map((name) => importTar(store, TAR, name, [`LABEL n=${name}`])))
    assert.equal(layersOnDisk(store).length, 1)
    assert.equal((await store.images.list({ all: true, filters: {} })).length, 3)
  })

  it('a name taken over leaves the old image without one', async (t) => {
    const store = await openPrivateStore(t)
    const old = await importTar(store, TAR, 'web')
    await importTar(store, tarOf({ path: 'new' }), 'web')
    const dangling = await store.images.list({ all: true, filters: { dangling: ['true'] } })
    assert.deepEqual(
      dangling.map(({ Id, RepoTags }) => [Id, RepoTags]),
      [[old, []]],
    )
  })

  for (const [name, bytes, code] of [
    ['nothing', Buffer.alloc(0), 'TAR_INVALID'],
    ['text', Buffer.from('hello\n'.repeat(200)), 'TAR_INVALID'],
    ['half a gzip', gzipSync(TAR).subarray(0, 60), 'TAR_INVALID'],
  ] as const)
    it(`refuses ${name} and keeps nothing`, async (t) => {
      const store = await openPrivateStore(t)
      await assert.rejects(importTar(store, bytes, 'x'), { code })
      assert.deepEqual(layersOnDisk(store), [])
      await assert.rejects(store.images.resolve('x'), { code: 'NO_SUCH_IMAGE' })
    })
})

describe('finding images', () => {
  it('by name, tag, id, short id; else "No such image" with a way out', async (t) => {
    const store = await openPrivateStore(t)
    const id = await importTar(store, TAR, 'registry.example:5000/team/web:2')
    for (const text of [id, id.slice(7), id.slice(0, 15), id.slice(7, 19), 'registry.example:5000/team/web:2'])
      assert.equal((await store.images.resolve(text)).id, id, text)
    await assert.rejects(store.images.resolve('nginx'), {
      code: 'NO_SUCH_IMAGE',
      message: 'No such image: nginx',
      hint: /image import.*image bootstrap/,
    })
    await assert.rejects(store.images.resolve('debian:bookworm-slim'), { hint: /image bootstrap debian:bookworm-slim/ })
    await assert.rejects(store.images.resolve('Web'), { code: 'IMAGE_REFERENCE' })
  })

  it('filters', async (t) => {
    const store = await openPrivateStore(t)
    await importTar(store, TAR, 'team/web:1', ['LABEL a=1'])
    await importTar(store, tarOf({ path: 'later', mtimeNs: 1_800_000_000_000_000_000n }), 'db:2')
    const names = async (filters: Record<string, string[]>): Promise<string[]> =>
      (await store.images.list({ all: true, filters })).flatMap((image) => image.RepoTags)
    assert.deepEqual(await names({}), ['db:2', 'team/web:1'], 'newest first')
    assert.deepEqual(await names({ label: ['a=1'] }), ['team/web:1'])
    assert.deepEqual(await names({ 'label!': ['a'] }), ['db:2'])
    assert.deepEqual(await names({ reference: ['team/*'] }), ['team/web:1'])
    assert.deepEqual(await names({ reference: ['*'] }), ['db:2'], 'a star stops at a slash')
    assert.deepEqual(await names({ before: ['db:2'] }), ['team/web:1'])
    assert.deepEqual(await names({ since: ['team/web:1'] }), ['db:2'])
    await assert.rejects(names({ colour: ['x'] }), { message: "invalid filter 'colour'" })
  })

  it('a damaged configuration is an error that names the image', async (t) => {
    const store = await openPrivateStore(t)
    await importTar(store, TAR, 'web')
    const [blob = ''] = blobsOnDisk(store)
    fs.appendFileSync(join(store.base.config.paths.blobs, 'sha256', blob), ' ')
    await assert.rejects(store.images.resolve('web'), { code: 'IMAGE_DAMAGED' })
    const [listed] = await store.images.list({ all: true, filters: {} })
    assert.deepEqual(listed?.RepoTags, ['web:latest'], 'it can be seen, so that it can be removed')
    assert.equal((await store.images.remove('web', { force: false, noPrune: false })).length, 3)
  })
})

describe('removing images', () => {
  it('a name among several is taken off; the last one takes image and layers with it', async (t) => {
    const store = await openPrivateStore(t)
    const id = await importTar(store, TAR, 'web:1')
    await store.images.tag('web:1', 'web', '2')
    assert.deepEqual(await store.images.remove('web:1', { force: false, noPrune: false }), [{ Untagged: 'web:1' }])
    const answer = await store.images.remove('web:2', { force: false, noPrune: false })
    assert.deepEqual(answer.slice(0, 2), [{ Untagged: 'web:2' }, { Deleted: id }])
    assert.deepEqual(layersOnDisk(store), [])
    assert.deepEqual(fs.readdirSync(store.base.config.paths.layerLinks), [])
    assert.deepEqual(blobsOnDisk(store), [])
  })

  it('layers stay while another image or a write layer stands on them', async (t) => {
    const store = await openPrivateStore(t)
    await importTar(store, TAR, 'a', ['LABEL n=a'])
    await importTar(store, TAR, 'b', ['LABEL n=b'])
    const { chainIds } = await store.images.resolve('b')
    await store.images.remove('a', { force: false, noPrune: false })
    assert.equal(layersOnDisk(store).length, 1)
    await store.layers.prepare('e'.repeat(64), chainIds)
    await store.images.remove('b', { force: false, noPrune: false })
    assert.equal(layersOnDisk(store).length, 1)
  })

  it("refuses in docker's words what a container uses; forced, it takes off the name only", async (t) => {
    const store = await openPrivateStore(t)
    const id = await importTar(store, TAR, 'web')
    store.setUsers([{ id: 'f'.repeat(64), name: 'shop-web-1', running: true }])
    const [short, container] = [id.slice(7, 19), 'ffffffffffff']
    await assert.rejects(store.images.remove('web', { force: false, noPrune: false }), {
      code: 'IMAGE_IN_USE',
      message: `conflict: unable to remove repository reference "web" (must force) - container ${container} is using its referenced image ${short}`,
    })
    await assert.rejects(store.images.remove(short, { force: true, noPrune: false }), {
      message: `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container ${container}`,
    })
    assert.deepEqual(await store.images.remove('web', { force: true, noPrune: false }), [{ Untagged: 'web:latest' }])
    assert.equal((await store.images.resolve(id)).id, id)
  })

  it('an id with names in two repositories must be forced', async (t) => {
    const store = await openPrivateStore(t)
    const id = await importTar(store, TAR, 'a')
    await store.images.tag('a', 'b', 'latest')
    await assert.rejects(
      store.images.remove(id, { force: false, noPrune: false }),
      /referenced in multiple repositories/,
    )
    assert.equal((await store.images.remove(id, { force: true, noPrune: false })).length, 4)
  })
})

describe('image bootstrap', () => {
  it('refuses before it downloads: unknown base, package names that are options, wrong changes, no name', async (t) => {
    const store = await openPrivateStore(t)
    const run = (request: object): Promise<string> =>
      store.images.bootstrap({ Reference: 'debian:bookworm-slim', ...request }, ignore, new AbortController().signal)
    await assert.rejects(run({ Reference: 'alpine:3' }), { code: 'BOOTSTRAP_UNKNOWN', hint: /debian:bookworm-slim/ })
    await assert.rejects(run({ Include: ['-o=x'], Tag: 't' }), { code: 'PACKAGE_NAME' })
    await assert.rejects(run({ Changes: ['RUN x'], Tag: 't' }), { code: 'IMAGE_CHANGE' })
    await assert.rejects(run({ Changes: ['CMD ["sh"]'] }), { code: 'BOOTSTRAP_TAG', hint: /--tag/ })
  })

  it('a base that is there is used as it is; changes alone make no layer', async (t) => {
    const store = await openPrivateStore(t)
    const base = await importTar(store, TAR, 'debian:trixie-slim', ['ENV A=1'])
    const run = (request: object): Promise<string> =>
      store.images.bootstrap({ Reference: 'debian:trixie-slim', ...request }, ignore, new AbortController().signal)
    assert.equal(await run({}), base)
    assert.equal(await run({ Tag: 'mine' }), base)
    const id = await run({ Tag: 'web:1', Changes: ['ENV B=$A-2', 'USER app'] })
    const { Config, RootFS } = await store.images.inspect(id)
    assert.deepEqual(Config, { Env: ['A=1', 'B=1-2'], User: 'app' })
    assert.equal(RootFS.Layers.length, 1)
  })
})
