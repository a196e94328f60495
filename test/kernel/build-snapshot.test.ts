/** Snapshots of builds on the real kernel: what a step writes becomes a layer by a rename, and no more than it wrote. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { openSnapshot, type CommitOptions } from '../../src/engine/build/snapshot/snapshot.ts'
import { hexOf } from '../../src/engine/layers/chain.ts'
import { repackLayer, repackedDigest } from '../../src/engine/layers/repack.ts'
import { commitLayers, discardLayer, stageLayer } from '../../src/engine/layers/store.ts'
import { saveImage } from '../../src/state/images.ts'
import { mountsBelow, openPrivateStore, type PrivateStore } from '../support/private-store.ts'
import { folder, streamOf, symlink, tarOf } from '../support/tar-bytes.ts'

const BASE = tarOf(
  folder('etc', { mtimeNs: 1_600_000_000_123_456_789n }),
  { path: 'etc/conf', content: 'conf\n' },
  { path: 'etc/other', content: 'other\n' },
  folder('data', { mode: 0o750, uid: 7, gid: 8 }),
  { path: 'data/a', content: 'A' },
  { path: 'data/b', content: 'B' },
  symlink('link', 'etc'),
)

/** Puts layers into the store on top of `parents`; chain ids, lowest first. */
async function commit({ base }: PrivateStore, parents: readonly string[], staged: Parameters<typeof commitLayers>[2]) {
  let chainIds: string[] = []
  await commitLayers(base, parents, staged, (records) => {
    chainIds = records.map((record) => record.chainId)
    saveImage(base.state, { id: `sha256:${hexOf(chainIds.at(-1) ?? '')}`, chainIds, sizeBytes: 0, taggedAt: '' })
  })
  return chainIds
}

async function openStack(t: TestContext): Promise<{ store: PrivateStore; chainIds: string[] }> {
  const store = await openPrivateStore(t)
  const staged = await stageLayer(store.base, streamOf(BASE), { lower: [] })
  return { store, chainIds: await commit(store, [], [staged]) }
}

const sh = (root: string, script: string): string =>
  execFileSync('sh', ['-e', '-c', script], { cwd: root, encoding: 'utf8' })

async function write(
  store: PrivateStore,
  chainIds: readonly string[],
  work: (root: string) => void,
  options?: CommitOptions,
) {
  const snapshot = await openSnapshot(store.base, chainIds)
  work(snapshot.root)
  return await snapshot.commit(options)
}

/** Names in the tar of a staged layer. */
async function tarNames({ base }: PrivateStore, staged: { folder: string; newestMtimeNs: bigint }): Promise<string[]> {
  const chunks: Buffer[] = []
  for await (const chunk of repackLayer(base, join(staged.folder, 'diff'), staged.newestMtimeNs)) chunks.push(chunk)
  const list = execFileSync('tar', ['-tf', '-'], { input: Buffer.concat(chunks), encoding: 'utf8' })
  const names = list.split('\n').map((name) => name.slice('./'.length))
  return names.filter((name) => name !== '')
}

const temporary = ({ base }: PrivateStore): string[] => fs.readdirSync(base.config.paths.temporary)

describe('a snapshot', () => {
  it('shows the layers below and becomes the next one by a rename', async (t) => {
    const { store, chainIds } = await openStack(t)
    const snapshot = await openSnapshot(store.base, chainIds)
    assert.equal(fs.readFileSync(join(snapshot.root, 'etc/conf'), 'utf8'), 'conf\n')
    sh(snapshot.root, 'echo new > etc/new; chmod 600 etc/conf; rm etc/other; rm -r data; mkdir data; echo C > data/c')
    const inode = fs.statSync(join(snapshot.root, 'etc/new')).ino
    const staged = await snapshot.commit()
    assert.deepEqual(await tarNames(store, staged), [
      'data/',
      'data/.wh..wh..opq',
      'data/c',
      'etc/',
      'etc/conf',
      'etc/new',
      'etc/.wh.other',
    ])
    const next = await commit(store, chainIds, [staged])
    const place = join(store.base.config.paths.layers, hexOf(next.at(-1) ?? ''))
    assert.equal(fs.statSync(join(place, 'diff/etc/new')).ino, inode, 'no copy was made')
    assert.deepEqual(fs.readdirSync(place).toSorted(), ['diff', 'link'])
    await store.layers.withImageMounted(next, async (root) => {
      const seen = sh(root, 'cat etc/conf etc/new data/c; ls data etc; stat -c %a etc/conf')
      assert.equal(seen, 'conf\nnew\nC\ndata:\nc\n\netc:\nconf\nnew\n600\n')
    })
    assert.deepEqual(temporary(store), [])
  })

  it('has the root folder of what is below', async (t) => {
    const store = await openPrivateStore(t)
    const bottom = tarOf(folder('.', { mode: 0o711, uid: 3, gid: 4, mtimeNs: 1_500_000_000_000_000_001n }))
    const chainIds = await commit(store, [], [await stageLayer(store.base, streamOf(bottom), { lower: [] })])
    await using snapshot = await openSnapshot(store.base, chainIds)
    const stat = fs.statSync(snapshot.root, { bigint: true })
    assert.deepEqual(
      [stat.mode & 0o7777n, stat.uid, stat.gid, stat.mtimeNs],
      [0o711n, 3n, 4n, 1_500_000_000_000_000_001n],
    )
  })

  it('begins empty on no layers', async (t) => {
    const store = await openPrivateStore(t)
    const staged = await write(store, [], (root) => {
      assert.deepEqual(fs.readdirSync(root), [])
      fs.mkdirSync(join(root, 'only'))
    })
    assert.deepEqual(await tarNames(store, staged), ['only/'], 'no mark that would hide folders elsewhere')
    await discardLayer(store.base, staged)
  })

  const unchanged = [
    { name: 'nothing at all', script: ':' },
    {
      name: 'files that come and go',
      script: 'touch new; rm new; mkdir -p data/x/y; rm -r data/x; touch -d @1700000000 data',
    },
    { name: 'modes and owners that were so before', script: 'chmod 750 data; chown -R 0:0 etc; chown 7:8 data' },
    { name: 'a time that is set back', script: 't=$(stat -c %y etc/conf); touch etc/conf; touch -d "$t" etc/conf' },
  ]
  for (const { name, script } of unchanged)
    it(`is the empty layer after ${name}`, async (t) => {
      const { store, chainIds } = await openStack(t)
      const staged = await write(store, chainIds, (root) => sh(root, script))
      // the one that BuildKit has in all such images: two blocks of zeros
      const empty = createHash('sha256').update(Buffer.alloc(1024)).digest('hex')
      assert.deepEqual([staged.diffId, staged.sizeBytes, staged.entries], [`sha256:${empty}`, 1024, 0])
      assert.deepEqual(await tarNames(store, staged), [])
      const next = await commit(store, chainIds, [staged])
      const looks = (ids: readonly string[]): Promise<string> =>
        store.layers.withImageMounted(ids, async (root) => sh(root, 'stat -c "%a %u %g" .; find . | sort'))
      assert.equal(await looks(next), await looks(chainIds))
      assert.deepEqual(temporary(store), [])
    })

  it('has the same digest from a thread as from the engine itself', async (t) => {
    const { store, chainIds } = await openStack(t)
    const script =
      'mkdir many; cd many; i=0; while [ $i -lt 1200 ]; do echo $i > $i; i=$((i+1)); done; ln 1 one; ln -s 2 two'
    const staged = await write(store, chainIds, (root) => sh(root, script))
    const inEngine = await repackedDigest(store.base, join(staged.folder, 'diff'), staged.newestMtimeNs)
    assert.ok(staged.entries > 1000)
    assert.equal(staged.diffId, inEngine)
    await discardLayer(store.base, staged)
  })

  it('tells a change of content though size and time are the same', async (t) => {
    const { store, chainIds } = await openStack(t)
    const script = 't=$(stat -c %y etc/conf); echo fnoc > etc/conf; touch -d "$t" etc/conf'
    const staged = await write(store, chainIds, (root) => sh(root, script))
    assert.deepEqual(await tarNames(store, staged), ['etc/', 'etc/conf'])
    await discardLayer(store.base, staged)
  })

  it('tells a change of the root folder', async (t) => {
    const { store, chainIds } = await openStack(t)
    const staged = await write(store, chainIds, (root) => fs.chmodSync(root, 0o700))
    assert.equal(staged.entries, 0)
    await discardLayer(store.base, staged)
  })

  it('leaves sockets out, and the time of their folder as it is', async (t) => {
    const { store, chainIds } = await openStack(t)
    const staged = await write(store, chainIds, (root) => {
      const server = createServer().listen(join(root, 'data/socket'))
      t.after(() => server.close())
      while (!fs.existsSync(join(root, 'data/socket'))) execFileSync('true')
      fs.utimesSync(join(root, 'data'), 1, 1)
    })
    assert.deepEqual(await tarNames(store, staged), ['data/'])
    assert.equal(fs.statSync(join(staged.folder, 'diff/data')).mtimeMs, 1000)
    await discardLayer(store.base, staged)
  })

  it('is the same layer whatever it was made on, where nothing is below', async (t) => {
    const { store, chainIds } = await openStack(t)
    const fill = (root: string): void => {
      const names = ['opt', 'opt/app', 'opt/app/x']
      for (const name of names) fs.mkdirSync(join(root, name))
      for (const name of ['', ...names]) fs.utimesSync(join(root, name), 1000, 1000)
    }
    const bare = await write(store, [], fill)
    const above = await write(store, chainIds, fill)
    assert.equal(bare?.diffId, above?.diffId)
    assert.equal(bare?.sizeBytes, above?.sizeBytes)
    for (const staged of [bare, above]) await discardLayer(store.base, staged)
  })

  it('makes nothing younger than the epoch, on the disk and in the digest', async (t) => {
    const { store, chainIds } = await openStack(t)
    const script = 'mkdir -p opt/deep; echo x > opt/deep/new; touch -d @5 opt/old; ln -s new opt/deep/link'
    const digests: string[] = []
    for (let round = 0; round < 2; round += 1) {
      const staged = await write(store, chainIds, (root) => sh(root, script), { epochSeconds: 1_000_000_000 })
      digests.push(staged.diffId)
      assert.equal(
        sh(join(staged.folder, 'diff'), 'stat -c "%n %Y" . opt opt/deep opt/deep/new opt/deep/link opt/old'),
        ['.', 'opt', 'opt/deep', 'opt/deep/new', 'opt/deep/link'].map((name) => `${name} 1000000000\n`).join('') +
          'opt/old 5\n',
      )
      await discardLayer(store.base, staged)
    }
    assert.equal(digests[0], digests[1])
  })

  it('has the digest and the size that its tar has', async (t) => {
    const { store, chainIds } = await openStack(t)
    const staged = await write(store, chainIds, (root) => sh(root, 'echo 1 > data/a; ln data/a data/hard; rm etc/conf'))
    const chunks: Buffer[] = []
    for await (const chunk of repackLayer(store.base, join(staged.folder, 'diff'), staged.newestMtimeNs))
      chunks.push(chunk)
    const tar = Buffer.concat(chunks)
    assert.equal(staged.sizeBytes, tar.length)
    const sum = execFileSync('sha256sum', { input: tar, encoding: 'utf8' }).slice(0, 64)
    assert.equal(staged.diffId, `sha256:${sum}`)
    await discardLayer(store.base, staged)
  })

  it('stacks: files copied up, linked, renamed and hidden, layer on layer', async (t) => {
    const { store, chainIds } = await openStack(t)
    const scripts = [
      'echo two >> etc/conf; ln etc/conf etc/hard; mv data moved',
      'echo three >> etc/hard; rm moved/a; mkdir data; echo again > data/a; chmod 700 etc',
      'rm -r moved; mv data/a data/z; echo four >> etc/conf; touch etc/hard',
    ]
    let stack: readonly string[] = chainIds
    for (const script of scripts) {
      const staged = await write(store, stack, (root) => sh(root, script))
      stack = await commit(store, stack, [staged])
    }
    await store.layers.withImageMounted(stack, async (root) => {
      const seen = sh(root, 'find . | sort; cat etc/conf etc/hard data/z; stat -c %a etc')
      const tree = ['.', './data', './data/z', './etc', './etc/conf', './etc/hard', './etc/other', './link']
      // a hard link to a file of a layer below becomes a file of its own with the first change, as in docker
      assert.equal(seen, `${tree.join('\n')}\nconf\ntwo\nfour\nconf\ntwo\nthree\nagain\n700\n`)
    })
  })

  it('is gone without a trace when it is discarded', async (t) => {
    const { store, chainIds } = await openStack(t)
    const snapshot = await openSnapshot(store.base, chainIds)
    fs.writeFileSync(join(snapshot.root, 'x'), '')
    await snapshot.discard()
    await snapshot.discard()
    await assert.rejects(snapshot.commit())
    assert.deepEqual(temporary(store), [])
    assert.deepEqual(mountsBelow(store.base.config.paths.root), [])
  })

  it('is gone without a trace when its commit is canceled', async (t) => {
    const { store, chainIds } = await openStack(t)
    const snapshot = await openSnapshot(store.base, chainIds)
    fs.writeFileSync(join(snapshot.root, 'x'), '')
    await assert.rejects(snapshot.commit({ signal: AbortSignal.abort() }), { code: 'CANCELED' })
    assert.deepEqual(temporary(store), [])
  })

  it('of a dead engine is removed by the next one', async (t) => {
    const { store, chainIds } = await openStack(t)
    const snapshot = await openSnapshot(store.base, chainIds)
    fs.writeFileSync(join(snapshot.root, 'x'), '')
    await store.layers.recover()
    assert.deepEqual(temporary(store), [])
    assert.deepEqual(mountsBelow(store.base.config.paths.root), [])
  })

  it('is refused where layers are copies', async (t) => {
    const store = await openPrivateStore(t, 'vfs')
    await assert.rejects(openSnapshot(store.base, []), { code: 'UNSUPPORTED' })
  })
})
