/** Root file systems without overlay: copies of the layers, and the choice between the two, on the real kernel. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { chooseDriver, whyNoOverlay } from '../../src/engine/layers/driver.ts'
import { commitLayers, stageLayer } from '../../src/engine/layers/store.ts'
import { mountsBelow, openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { folder, streamOf, symlink, tarOf, type TestEntry } from '../support/tar-bytes.ts'

const ID = 'c'.repeat(64)

async function addStack({ base }: PrivateStore, ...layers: readonly (readonly TestEntry[])[]): Promise<string[]> {
  let chainIds: string[] = []
  for (const entries of layers) {
    const staged = await stageLayer(base, streamOf(tarOf(...entries)), { lower: chainIds })
    await commitLayers(base, chainIds, [staged], (records) => {
      chainIds = records.map(({ chainId }) => chainId)
    })
  }
  return chainIds
}

/** Kind, mode, owner, size, target, links and content of all. */
function snapshot(path: string): string {
  // overlay counts no links of folders
  const format = ['-type', 'd', '-printf', '%P|%y|%m|%U:%G\\n', '-o', '-printf', '%P|%y|%m|%U:%G|%l|%n\\n']
  const facts = execFileSync('find', ['.', ...format], { cwd: path, encoding: 'utf8' })
  const sums = execFileSync('sh', ['-c', 'find . -type f -exec sha256sum {} +'], { cwd: path, encoding: 'utf8' })
  return [facts, sums].map((text) => text.split('\n').toSorted().join('\n')).join('\n--\n')
}

const STACK: readonly (readonly TestEntry[])[] = [
  [
    folder('./', { mode: 0o711, uid: 3 }),
    folder('usr/bin', { mode: 0o750, uid: 7 }),
    symlink('bin', 'usr/bin'),
    { path: 'bin/tool', content: 'T', mode: 0o4755, uid: 5 },
    { path: 'bin/same', kind: 'hardlink', target: 'usr/bin/tool' },
    { path: 'd/a' },
    { path: 'd/deep/b' },
    { path: 'o/old' },
    { path: 'kind', content: 'a file' },
    folder('was'),
    { path: 'was/x' },
    { path: 'pipe', kind: 'fifo' },
  ],
  [
    { path: 'd/.wh.a' },
    { path: 'd/.wh.deep' },
    { path: 'd/deep/new' },
    { path: 'o/new' },
    { path: 'o/.wh..wh..opq' },
    { path: '.wh.kind' },
    folder('kind'),
    { path: 'kind/y' },
    { path: 'was', content: 'a file now' },
    { path: 'bin/more' },
    { path: 'h', kind: 'hardlink', target: 'bin/tool' },
  ],
  [{ path: 'bin/.wh.same' }, { path: 'o/third' }],
]

describe('vfs', () => {
  it('makes the same tree as overlay, without a mount', async (t) => {
    const [vfs, overlay] = [await openPrivateStore(t, 'vfs'), await openPrivateStore(t, 'overlay')]
    const trees: string[] = []
    for (const store of [vfs, overlay]) {
      await store.layers.prepare(ID, await addStack(store, ...STACK))
      const root = await store.layers.mount(ID)
      if (store === vfs) {
        assert.deepEqual(mountsBelow(store.root), [])
        const [tool, h] = ['usr/bin/tool', 'h'].map((name) => fs.statSync(join(root, name)).ino)
        assert.equal(tool, h)
      }
      // what the engine puts below every overlay for the runtime
      for (const name of ['dev', 'proc', 'sys', 'etc', '.dockerenv'])
        if (store === overlay) fs.rmSync(join(root, name), { recursive: true, force: true })
      trees.push(snapshot(root))
      await store.layers.remove(ID)
    }
    assert.equal(trees[0], trees[1])
  })

  it('what a container writes stays its own, and holes stay holes', async (t) => {
    const store = await openPrivateStore(t, 'vfs')
    const chainIds = await addStack(store, [{ path: 'f', content: 'image' }])
    const sparse = join(store.base.config.paths.layers, chainIds[0]?.slice(7) ?? '', 'diff/sparse')
    const file = fs.openSync(sparse, 'w')
    fs.writeSync(file, 'end', 30_000_000)
    fs.closeSync(file)
    const other = 'd'.repeat(64)
    for (const id of [ID, other]) await store.layers.prepare(id, chainIds)
    fs.writeFileSync(join(await store.layers.mount(ID), 'f'), 'mine')
    assert.equal(fs.readFileSync(join(await store.layers.mount(other), 'f'), 'utf8'), 'image')
    const copy = fs.statSync(join(await store.layers.mount(other), 'sparse'))
    assert.deepEqual([copy.size, copy.blocks * 512 < 1_000_000], [30_000_003, true])
    await store.layers.withImageMounted(chainIds, async (root) =>
      assert.equal(fs.readFileSync(join(root, 'f'), 'utf8'), 'image'),
    )
    for (const id of [ID, other]) await store.layers.remove(id)
    assert.deepEqual(fs.readdirSync(store.base.config.paths.containers), [])
    assert.deepEqual(fs.readdirSync(store.base.config.paths.temporary), [])
  })

  it('is chosen where overlay cannot write, and kept from then on', async (t) => {
    const store = await openPrivateStore(t, 'vfs')
    const { host, config } = store.base
    const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'on'].map((name) => join(store.root, name)) as [
      string,
      string,
      string,
      string,
    ]
    for (const path of [lower, upper, work, merged]) fs.mkdirSync(path)
    const data = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
    host.mounts.mount({ source: 'overlay', target: merged, type: 'overlay', data })
    using unmounting = new DisposableStack()
    unmounting.defer(() => void host.mounts.umount(merged))
    const onOverlay = {
      ...store.base,
      config: { ...config, paths: { ...config.paths, root: merged, temporary: merged } },
    }
    assert.match((await whyNoOverlay(host, merged))?.message ?? '', /cannot mount the overlay|whiteout/)
    assert.equal(await chooseDriver(onOverlay, undefined), 'vfs')
    assert.match(store.logged.join('\n'), /layers are copied/)
    assert.equal(await chooseDriver(onOverlay, undefined), 'vfs')
    await assert.rejects(chooseDriver(onOverlay, 'overlay'), { code: 'STORAGE_DRIVER' })
    await assert.rejects(chooseDriver(store.base, 'zfs'), { message: /unknown storage driver "zfs"/ })
    assert.equal(await chooseDriver(store.base, undefined), 'overlay')
    assert.deepEqual(mountsBelow(store.root), [merged])
  })
})

describe('a full disk', () => {
  /** A store of its own on a tmpfs of that size. */
  async function smallStore(t: Parameters<typeof openPrivateStore>[0], driver: 'overlay' | 'vfs', sizeMib: number) {
    const store = await openPrivateStore(t, driver)
    const { host, config } = store.base
    for (const name of ['layers', 'l', 'tmp', 'containers', 'blobs', 'volumes']) fs.rmdirSync(join(store.root, name))
    const disk = join(store.root, 'disk')
    fs.mkdirSync(disk)
    host.mounts.mount({ source: 'tmpfs', target: disk, type: 'tmpfs', data: `size=${sizeMib}m,mode=700` })
    const free = { [Symbol.dispose]: () => void host.mounts.umount(disk) }
    const paths = { ...config.paths }
    for (const [key, name] of Object.entries({
      layers: 'layers',
      layerLinks: 'l',
      temporary: 'tmp',
      containers: 'containers',
    })) {
      fs.mkdirSync(join(disk, name))
      Object.assign(paths, { [key]: join(disk, name) })
    }
    Object.assign(config, { paths: { ...paths, root: disk } })
    return { store, disk, free }
  }

  for (const driver of ['overlay', 'vfs'] as const)
    it(`${driver}: a layer that does not fit is refused whole, its room comes back, and a smaller one fits`, async (t) => {
      const { store, disk, free } = await smallStore(t, driver, 4)
      using _ = free
      const first = await addStack(store, [{ path: 'kept', content: 'k'.repeat(10_000) }])
      const big = [
        { path: 'a', content: 'x' },
        { path: 'big', content: Buffer.alloc(6 * 2 ** 20, 1) },
      ]
      const failed = stageLayer(store.base, streamOf(tarOf(...big)), { lower: first })
      await assert.rejects(failed, (error: NodeJS.ErrnoException) => /ENOSPC/.test(`${error.code} ${error.message}`))
      assert.deepEqual(fs.readdirSync(join(disk, 'tmp')), [])
      const chainIds = [...first, ...(await addStack(store, [{ path: 'small', content: 's' }]))].slice(0, 1)
      await store.layers.prepare(ID, chainIds)
      const root = await store.layers.mount(ID)
      assert.equal(fs.readFileSync(join(root, 'kept'), 'utf8').length, 10_000)
      assert.throws(() => fs.writeFileSync(join(root, 'fill'), Buffer.alloc(6 * 2 ** 20)), { code: 'ENOSPC' })
      fs.rmSync(join(root, 'fill'), { force: true })
      await store.layers.remove(ID)
    })

  it('vfs: a copy that does not fit leaves no half container', async (t) => {
    const { store, disk, free } = await smallStore(t, 'vfs', 4)
    using _ = free
    const chainIds = await addStack(store, [{ path: 'big', content: Buffer.alloc(3 * 2 ** 20, 1) }])
    await assert.rejects(store.layers.prepare(ID, chainIds), { message: /ENOSPC/ })
    assert.equal(fs.existsSync(join(disk, 'containers', ID, 'merged')), false)
    assert.equal(fs.existsSync(join(disk, 'containers', ID, 'merged.building')), false)
    await store.layers.remove(ID)
  })
})
