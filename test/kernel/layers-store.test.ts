/** Layers and their overlay mounts on the real kernel, seen through the mounted tree and /proc/self/mountinfo. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import {
  commitLayers,
  discardLayer,
  layersOfContainers,
  stageLayer,
  type StageOptions,
} from '../../src/engine/layers/store.ts'
import { createLayerService } from '../../src/engine/layers/service.ts'
import { saveImage } from '../../src/state/images.ts'
import { mountsBelow, openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { folder, streamOf, symlink, tarOf, type TestEntry } from '../support/tar-bytes.ts'

const ID = 'c'.repeat(64)

/** Commits a stack and an image row for it; chain ids, lowest first. */
async function addStack({ base }: PrivateStore, ...layers: readonly (readonly TestEntry[])[]): Promise<string[]> {
  let chainIds: string[] = []
  for (const entries of layers) {
    const staged = await stageLayer(base, streamOf(tarOf(...entries)), { lower: chainIds })
    await commitLayers(base, chainIds, [staged], (records) => {
      chainIds = records.map((record) => record.chainId)
      saveImage(base.state, { id: `sha256:${chainIds.at(-1)?.slice(7) ?? ''}`, chainIds, sizeBytes: 0, taggedAt: '' })
    })
  }
  return chainIds
}

/** The merged tree of a stack while `look` runs. */
async function withMerged(
  store: PrivateStore,
  chainIds: readonly string[],
  look: (root: string) => void,
): Promise<void> {
  await store.layers.prepare(ID, chainIds)
  look(await store.layers.mount(ID))
  await store.layers.remove(ID)
}

/** What every container has besides its image: mount points for the runtime. */
const FLOOR = ['./dev', './proc', './sys', './etc', './etc/hosts', './etc/hostname', './etc/resolv.conf']

const tree = (root: string): string[] =>
  execFileSync('find', ['.', '-mindepth', '1'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '' && !FLOOR.includes(path))
    .toSorted()

describe('a stack of layers', () => {
  const below = [
    folder('d', { mode: 0o750, uid: 7, gid: 8 }),
    { path: 'd/a', content: 'A' },
    { path: 'd/b', content: 'B' },
    { path: 'f', content: 'F' },
  ]
  const cases: readonly { name: string; above: readonly TestEntry[]; want: readonly string[] }[] = [
    { name: 'a whiteout hides a file', above: [{ path: 'd/.wh.a' }], want: ['./d', './d/b', './f'] },
    { name: 'a whiteout hides a folder', above: [{ path: '.wh.d' }], want: ['./f'] },
    {
      name: 'a whiteout before the file of its layer',
      above: [{ path: 'd/.wh.a' }, { path: 'd/a', content: 'new' }],
      want: ['./d', './d/a', './d/b', './f'],
    },
    {
      name: 'a whiteout after the file of its layer',
      above: [{ path: 'd/a', content: 'new' }, { path: 'd/.wh.a' }],
      want: ['./d', './d/a', './d/b', './f'],
    },
    {
      name: 'a whiteout, then the folder anew',
      above: [{ path: '.wh.d' }, folder('d'), { path: 'd/n' }],
      want: ['./d', './d/n', './f'],
    },
    {
      name: 'the folder anew, then its whiteout',
      above: [folder('d'), { path: 'd/n' }, { path: '.wh.d' }],
      want: ['./d', './d/n', './f'],
    },
    {
      name: 'a whiteout, then a file below the folder',
      above: [{ path: '.wh.d' }, { path: 'd/n' }],
      want: ['./d', './d/n', './f'],
    },
    {
      name: 'an opaque marker first',
      above: [{ path: 'd/.wh..wh..opq' }, { path: 'd/n' }],
      want: ['./d', './d/n', './f'],
    },
    {
      name: 'an opaque marker last',
      above: [{ path: 'd/n' }, { path: 'd/.wh..wh..opq' }],
      want: ['./d', './d/n', './f'],
    },
    { name: 'an opaque root', above: [{ path: 'n' }, { path: '.wh..wh..opq' }], want: ['./n'] },
    { name: 'a link over a folder', above: [symlink('d', 'f')], want: ['./d', './f'] },
    {
      name: 'a folder over a file',
      above: [folder('f'), { path: 'f/x' }],
      want: ['./d', './d/a', './d/b', './f', './f/x'],
    },
  ]
  for (const { name, above, want } of cases)
    it(name, async (t) => {
      const store = await openPrivateStore(t)
      const chainIds = await addStack(store, below, above)
      await withMerged(store, chainIds, (root) => assert.deepEqual(tree(root), want))
      await store.layers.withImageMounted(chainIds, async (root) => assert.deepEqual(tree(root), want))
    })

  it('links of the layers below are followed: /bin -> usr/bin of Debian', async (t) => {
    const store = await openPrivateStore(t)
    const base = [
      folder('usr'),
      folder('usr/bin', { mode: 0o751, uid: 5 }),
      symlink('bin', 'usr/bin'),
      symlink('lib', '/usr/lib'),
    ]
    const above = [{ path: 'bin/tool', content: 'T' }, { path: 'lib/deep/x', content: 'X' }, { path: 'bin/.wh.old' }]
    const chainIds = await addStack(store, [...base, { path: 'usr/bin/old' }], above, [{ path: 'bin/more' }])
    await withMerged(store, chainIds, (root) => {
      assert.equal(fs.readlinkSync(join(root, 'bin')), 'usr/bin')
      assert.deepEqual(fs.readdirSync(join(root, 'usr/bin')), ['more', 'tool'])
      assert.equal(fs.readFileSync(join(root, 'usr/lib/deep/x'), 'utf8'), 'X')
      const facts = fs.statSync(join(root, 'usr/bin'))
      assert.deepEqual([facts.mode & 0o7777, facts.uid], [0o751, 5], 'implied as below')
    })
  })

  it('a layer may be staged on one that is not committed yet', async (t) => {
    const store = await openPrivateStore(t)
    const stage = (lower: StageOptions['lower'], ...entries: readonly TestEntry[]) =>
      stageLayer(store.base, streamOf(tarOf(...entries)), { lower })
    const first = await stage([], symlink('bin', 'usr/bin'), { path: 'usr/bin/a' })
    const second = await stage([first], { path: 'bin/b' }, { path: 'h', kind: 'hardlink', target: 'bin/a' })
    let chainIds: string[] = []
    await commitLayers(store.base, [], [first, second], (layers) => {
      chainIds = layers.map((layer) => layer.chainId)
    })
    await withMerged(store, chainIds, (root) =>
      assert.deepEqual(tree(root), ['./bin', './h', './usr', './usr/bin', './usr/bin/a', './usr/bin/b']),
    )
  })

  it('a folder of its own entry replaces a link below; a hidden link is not followed', async (t) => {
    const store = await openPrivateStore(t)
    const base = [folder('usr'), symlink('bin', 'usr'), symlink('gone', 'usr'), symlink('d/l', '/usr')]
    const above = [folder('bin'), { path: 'bin/own' }, { path: '.wh.gone' }, { path: 'gone/x' }, { path: 'd/l/y' }]
    const opaque = [{ path: 'd/.wh..wh..opq' }, { path: 'd/l/z' }]
    const chainIds = await addStack(store, base, above, opaque)
    await withMerged(store, chainIds, (root) =>
      assert.deepEqual(tree(root), [
        './bin',
        './bin/own',
        './d',
        './d/l',
        './d/l/z',
        './gone',
        './gone/x',
        './usr',
        './usr/y',
      ]),
    )
  })

  it('a hard link to a file of a layer below copies it up, with all its attributes', async (t) => {
    const store = await openPrivateStore(t)
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex').toString('latin1')
    const base = [
      folder('usr'),
      symlink('bin', 'usr'),
      {
        path: 'usr/tool',
        content: Buffer.alloc(300_000, 7),
        mode: 0o4750,
        uid: 3,
        gid: 4,
        mtimeNs: 5_000_000_000n,
        xattrs: { 'security.capability': capability },
      },
      symlink('usr/link', 'tool'),
    ]
    const link = (path: string, target: string): TestEntry => ({ path, kind: 'hardlink', target })
    const above = [link('same', 'bin/tool'), link('again', 'usr/tool'), link('l', 'usr/link')]
    const chainIds = await addStack(store, base, above)
    await withMerged(store, chainIds, (root) => {
      const facts = ['same', 'again', 'usr/tool'].map((name) => fs.statSync(join(root, name)))
      assert.equal(new Set(facts.map(({ ino }) => ino)).size, 1)
      const [first] = facts
      assert.deepEqual(
        [first?.size, (first?.mode ?? 0) & 0o7777, first?.uid, first?.gid, first?.mtimeMs],
        [300_000, 0o4750, 3, 4, 5000],
      )
      const dump = execFileSync('getfattr', ['-n', 'security.capability', '-e', 'hex', 'same'], { cwd: root })
      assert.match(dump.toString(), /0x0100000200040000/)
      assert.equal(fs.readlinkSync(join(root, 'l')), 'tool')
    })
    const hidden = [{ path: 'usr/.wh.tool' }, link('h', 'usr/tool')]
    const staged = stageLayer(store.base, streamOf(tarOf(...hidden)), { lower: chainIds })
    await assert.rejects(staged, { code: 'TAR_INVALID', message: /no file before it/ })
  })

  it('a folder that a layer only implies looks as below; so does the root', async (t) => {
    const store = await openPrivateStore(t)
    const chainIds = await addStack(store, [folder('./', { mode: 0o711, uid: 3 }), ...below], [{ path: 'd/n' }])
    await withMerged(store, chainIds, (root) => {
      const [top, inner] = [fs.statSync(root), fs.statSync(join(root, 'd'))]
      assert.deepEqual([top.mode & 0o7777, top.uid], [0o711, 3])
      assert.deepEqual([inner.mode & 0o7777, inner.uid, inner.gid], [0o750, 7, 8])
    })
  })

  it('writes go to the write layer, survive unmounting, and vanish with it', async (t) => {
    const store = await openPrivateStore(t)
    const chainIds = await addStack(store, below)
    await store.layers.prepare(ID, chainIds)
    const root = await store.layers.mount(ID)
    assert.equal(await store.layers.mount(ID), root, 'mounting twice is one mount')
    assert.equal(mountsBelow(store.root).length, 1)
    fs.writeFileSync(join(root, 'd/a'), 'changed')
    fs.rmSync(join(root, 'f'))
    fs.renameSync(join(root, 'd/b'), join(root, 'moved'))
    await store.layers.unmount(ID)
    await store.layers.unmount(ID)
    assert.deepEqual(mountsBelow(store.root), [])
    assert.ok((await store.layers.sizeBytes(ID)) >= 4096)
    await store.layers.mount(ID)
    assert.deepEqual(tree(root), ['./d', './d/a', './moved'])
    await store.layers.remove(ID)
    await store.layers.remove(ID)
    assert.deepEqual(mountsBelow(store.root), [])
    assert.equal(fs.existsSync(join(store.base.config.paths.containers, ID, 'upper')), false)
    await withMerged(store, chainIds, (clean) => assert.equal(fs.readFileSync(join(clean, 'd/a'), 'utf8'), 'A'))
  })

  it('a busy tree is detached, with a line in the log', async (t) => {
    const store = await openPrivateStore(t)
    await store.layers.prepare(ID, await addStack(store, below))
    const root = await store.layers.mount(ID)
    const held = fs.openSync(join(root, 'f'), 'r')
    t.after(() => fs.closeSync(held))
    await store.layers.remove(ID)
    assert.deepEqual(mountsBelow(store.root), [])
    assert.match(store.logged.join('\n'), /stays busy/)
  })

  it('256 layers, committed at once, can be mounted, however long the path of the root', async (t) => {
    const store = await openPrivateStore(t)
    const staged = []
    for (let index = 0; index < 256; index += 1)
      staged.push(await stageLayer(store.base, streamOf(tarOf({ path: `f${index}` })), { lower: [] }))
    let chainIds: string[] = []
    await commitLayers(store.base, [], staged, (layers) => {
      chainIds = layers.map((layer) => layer.chainId)
    })
    await withMerged(store, chainIds, (root) => assert.equal(tree(root).length, 256))
  })

  it('an image without layers is a tree of mount points, which the write layer does not hold', async (t) => {
    const store = await openPrivateStore(t)
    await withMerged(store, [], (root) => {
      assert.deepEqual(tree(root), [])
      for (const path of FLOOR) assert.ok(fs.existsSync(join(root, path)), path)
      assert.deepEqual(fs.readdirSync(join(store.base.config.paths.containers, ID, 'upper')), [])
    })
  })

  it("an image's own mount points win, with their owner, mode and content", async (t) => {
    const store = await openPrivateStore(t)
    const own = [folder('etc', { mode: 0o750, uid: 7, gid: 8 }), { path: 'etc/hosts', content: 'own' }]
    await withMerged(store, await addStack(store, [...own, { path: 'dev', content: 'a file' }]), (root) => {
      const { mode, uid } = fs.statSync(join(root, 'etc'))
      assert.deepEqual([mode & 0o7777, uid], [0o750, 7])
      assert.equal(fs.readFileSync(join(root, 'etc/hosts'), 'utf8'), 'own')
      assert.ok(fs.statSync(join(root, 'dev')).isFile())
    })
  })

  it('a released container lets go of its layers and leaves its folder to the caller', async (t) => {
    const store = await openPrivateStore(t)
    await store.layers.prepare(ID, await addStack(store, below))
    await store.layers.mount(ID)
    await store.layers.release(ID)
    await store.layers.release(ID)
    assert.deepEqual(mountsBelow(store.root), [])
    assert.equal((await layersOfContainers(store.base)).size, 0)
    await assert.rejects(store.layers.mount(ID), { code: 'NOT_FOUND' })
    await store.layers.remove(ID)
    assert.equal(fs.existsSync(join(store.base.config.paths.containers, ID)), false)
  })
})

describe('the store after a crash', () => {
  it('rubbish goes, complete layers and write layers stay', async (t) => {
    const store = await openPrivateStore(t)
    const { paths } = store.base.config
    const chainIds = await addStack(store, [{ path: 'f', content: 'F' }])
    await stageLayer(store.base, streamOf(tarOf({ path: 'half' })), { lower: [] })
    fs.mkdirSync(join(paths.layers, 'd'.repeat(64), 'diff'), { recursive: true })
    fs.symlinkSync('nowhere', join(paths.layerLinks, 'zz'))
    await store.layers.prepare(ID, chainIds)
    fs.writeFileSync(join(await store.layers.mount(ID), 'mine'), 'data')
    await createLayerService(store.base).recover()
    assert.deepEqual(fs.readdirSync(paths.temporary), [])
    assert.deepEqual(fs.readdirSync(paths.layers), [chainIds[0]?.slice(7)])
    assert.deepEqual(fs.readdirSync(paths.layerLinks).toSorted(), ['0', 'floor'])
    assert.deepEqual(mountsBelow(store.root), [], 'no container row knows it: its mount is a leftover')
    assert.equal(fs.readFileSync(join(paths.containers, ID, 'upper/mine'), 'utf8'), 'data')
    await store.layers.remove(ID)
  })

  it('a layer that a container stands on outlives a lost state', async (t) => {
    const store = await openPrivateStore(t)
    const chainIds = await addStack(store, [{ path: 'f' }])
    await store.layers.prepare(ID, chainIds)
    store.base.state.transaction(() => {
      for (const table of ['layers', 'images']) store.base.state.prepare(`DELETE FROM ${table}`).run()
    })
    await store.layers.recover()
    assert.ok(fs.existsSync(join(store.base.config.paths.layers, chainIds[0]?.slice(7) ?? '', 'diff/f')))
  })

  it('a row without its folder is dropped and told', async (t) => {
    const store = await openPrivateStore(t)
    const [chainId = ''] = await addStack(store, [{ path: 'f' }])
    fs.rmSync(join(store.base.config.paths.layers, chainId.slice(7)), { recursive: true })
    await store.layers.recover()
    assert.match(store.logged.join('\n'), /gone from the disk/)
    await assert.rejects(store.layers.prepare(ID, [chainId]), { code: 'LAYER_MISSING' })
  })

  it('a refused tar leaves nothing', async (t) => {
    const store = await openPrivateStore(t)
    const bad = tarOf({ path: 'a', content: 'x'.repeat(5000) }, { path: '../b' })
    await assert.rejects(stageLayer(store.base, streamOf(bad), { lower: [] }), { code: 'TAR_INVALID' })
    assert.deepEqual(fs.readdirSync(store.base.config.paths.temporary), [])
    const good = await stageLayer(store.base, streamOf(tarOf({ path: 'a' })), { lower: [] })
    await discardLayer(store.base, good)
    assert.deepEqual(fs.readdirSync(store.base.config.paths.temporary), [])
  })

  it('unpacking can be canceled', async (t) => {
    const store = await openPrivateStore(t)
    const canceler = new AbortController()
    const tar = streamOf(
      tarOf(...Array.from({ length: 500 }, (_, index) => ({ path: `f${index}`, content: 'x'.repeat(5000) }))),
    )
    const onProgress = (bytes: number): void => {
      if (bytes > 500_000) canceler.abort()
    }
    await assert.rejects(stageLayer(store.base, tar, { lower: [], signal: canceler.signal, onProgress }), {
      code: 'CANCELED',
    })
    assert.deepEqual(fs.readdirSync(store.base.config.paths.temporary), [])
    assert.equal(tar.destroyed, true)
  })
})
