/** Unpacking on a real file system, as root: fidelity against GNU tar, hostile archives, a container that changes its tree. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { packFrom, statPath, unpackInto } from '../../src/engine/layers/archive.ts'
import { feedTar } from '../../src/engine/layers/feed.ts'
import { openLayerSink } from '../../src/engine/layers/layer-sink.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { folder, streamOf, symlink, tarOf, type TestEntry } from '../support/tar-bytes.ts'

const host = createNodeHost()

function workFolder(t: TestContext): string {
  const path = fs.mkdtempSync(join(tmpdir(), 'mycompose-unpack-'))
  t.after(() => fs.rmSync(path, { recursive: true, force: true }))
  return path
}

/** Kind, mode, owner, size, time, target, links and content of all, as find and sha256sum see them. */
function snapshot(path: string): string {
  const format = '%P|%y|%m|%U:%G|%s|%T@|%l|%n\\n'
  const facts = execFileSync('find', ['.', '-mindepth', '1', '-printf', format], { cwd: path, encoding: 'utf8' })
  const sums = execFileSync('sh', ['-c', 'find . -type f -exec sha256sum {} +'], { cwd: path, encoding: 'utf8' })
  const attributes = execFileSync('getfattr', ['-R', '-h', '-d', '-m', '^(user|security)', '-e', 'hex', '.'], {
    cwd: path,
    encoding: 'utf8',
  })
  return [facts, sums, attributes].map((text) => text.split('\n').toSorted().join('\n')).join('\n--\n')
}

/** A tree with one of everything. */
function fillTree(root: string): void {
  const at = (name: string): string => join(root, name)
  fs.mkdirSync(at('deep/er'), { recursive: true })
  fs.writeFileSync(at('deep/er/file'), 'content')
  fs.writeFileSync(at('empty'), '')
  fs.writeFileSync(at('big'), Buffer.alloc(3_000_001, 7))
  fs.linkSync(at('big'), at('deep/same'))
  fs.symlinkSync('../big', at('deep/link'))
  fs.symlinkSync('/nowhere'.repeat(30), at('long-target'))
  fs.writeFileSync(at(`${'n'.repeat(200)}é`), 'long name')
  fs.mkdirSync(at('sticky'))
  fs.chmodSync(at('sticky'), 0o1777)
  fs.writeFileSync(at('setuid'), 'x')
  fs.chownSync(at('setuid'), 1234, 5678)
  fs.chmodSync(at('setuid'), 0o4755)
  fs.utimesSync(at('empty'), 1000, 1_234_567_890.5)
  execFileSync('mkfifo', [at('fifo')])
  execFileSync('mknod', [at('device'), 'c', '1', '3'])
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'hi', at('deep/er/file')])
  execFileSync('setfattr', [
    '-n',
    'security.capability',
    '-v',
    '0x0100000200040000000000000000000000000000',
    at('setuid'),
  ])
  const sparse = fs.openSync(at('sparse'), 'w')
  fs.writeSync(sparse, 'start', 0)
  fs.writeSync(sparse, 'middle', 5_000_000)
  for (let index = 0; index < 30; index += 1) fs.writeSync(sparse, 'piece', 10_000_000 + index * 100_000)
  fs.ftruncateSync(sparse, 20_000_000)
  fs.closeSync(sparse)
  fs.utimesSync(at('deep'), 1000, 1_000_000_000)
}

async function unpackLayer(root: string, ...entries: readonly (TestEntry | Buffer)[]): Promise<void> {
  const fd = host.at.openRoot(root)
  const layer = openLayerSink(host.at, fd, { below: () => [], whiteouts: 'device' })
  try {
    await feedTar(streamOf(tarOf(...entries), 1000), layer.sink)
    layer.finish()
  } finally {
    layer.close()
    host.at.close(fd)
  }
}

describe('unpacking what other programs packed', () => {
  const formats: readonly (readonly [string, readonly string[]])[] = [
    ['gnu', ['--format=gnu']],
    ['gnu, sparse', ['--format=gnu', '-S']],
    ['pax, sparse 0.0', ['--format=pax', '-S', '--sparse-version=0.0']],
    ['pax, sparse 0.1', ['--format=pax', '-S', '--sparse-version=0.1']],
    ['pax, sparse 1.0', ['--format=pax', '-S', '--sparse-version=1.0']],
  ]
  for (const [name, options] of formats)
    it(`GNU tar: ${name}`, async (t) => {
      const work = workFolder(t)
      const [source, target, theirs] = [join(work, 'source'), join(work, 'ours'), join(work, 'theirs')]
      for (const path of [source, target, theirs]) fs.mkdirSync(path)
      fillTree(source)
      const tar = join(work, 'x.tar')
      const xattrs = name.startsWith('pax') ? ['--xattrs', '--xattrs-include=*'] : []
      execFileSync('tar', ['-C', source, ...options, ...xattrs, '-cf', tar, '.'])
      execFileSync('tar', ['-C', theirs, '-xpf', tar, ...xattrs])
      await unpackInto(host, target, '/', fs.createReadStream(tar))
      assert.equal(snapshot(target), snapshot(theirs))
      if (options.includes('-S'))
        assert.ok(fs.statSync(join(target, 'sparse')).blocks * 512 < 2_000_000, 'holes stay holes')
    })

  it('GNU tar reads what we pack, and finds the same tree', async (t) => {
    const work = workFolder(t)
    const [source, target] = [join(work, 'source'), join(work, 'target')]
    for (const path of [source, target]) fs.mkdirSync(path)
    fillTree(source)
    const tar = join(work, 'x.tar')
    await fs.promises.writeFile(tar, packFrom(host, source, '/.').tar)
    execFileSync('tar', ['-C', target, '-xpf', tar, '--xattrs', '--xattrs-include=*'])
    assert.equal(snapshot(target), snapshot(source))
  })
})

describe('hostile layers', () => {
  /** Each tries to write to ../canary or through a link to it. */
  const refused: readonly { name: string; entries: readonly TestEntry[]; message: RegExp }[] = [
    { name: '"..": a file', entries: [{ path: '../canary', content: 'x' }], message: /"\.\." in the path/ },
    { name: '"..": inside', entries: [{ path: 'a/../../canary' }], message: /"\.\." in the path/ },
    {
      name: 'hard link to a path outside',
      entries: [{ path: 'h', kind: 'hardlink', target: '../canary' }],
      message: /"\.\." in the path/,
    },
    {
      name: 'hard link to nothing',
      entries: [{ path: 'h', kind: 'hardlink', target: 'later' }],
      message: /no file before it/,
    },
    {
      name: 'hard link to a folder',
      entries: [folder('d'), { path: 'h', kind: 'hardlink', target: 'd' }],
      message: /no file before it/,
    },
    { name: 'whiteout of ".."', entries: [{ path: '.wh...' }], message: /hides nothing/ },
    { name: 'device 0:0', entries: [{ path: 'd', kind: 'character' }], message: /device 0:0/ },
    {
      name: 'hard link to a whiteout',
      entries: [{ path: '.wh.a' }, { path: 'h', kind: 'hardlink', target: 'a' }],
      message: /no file before it/,
    },
    { name: 'file used as a folder', entries: [{ path: 'f' }, { path: 'f/x' }], message: /used as a folder/ },
    { name: 'root as a file', entries: [{ path: './', kind: 'symlink', target: '/' }], message: /root of the tree/ },
    { name: 'link to nothing', entries: [symlink('l', '')], message: /to nothing/ },
    {
      name: 'links in a circle',
      entries: [symlink('a', 'b'), symlink('b', 'a'), { path: 'a/canary' }],
      message: /too many symbolic links/,
    },
  ]
  for (const { name, entries, message } of refused)
    it(`refuses: ${name}`, async (t) => {
      const work = workFolder(t)
      const root = join(work, 'root')
      fs.mkdirSync(root)
      fs.writeFileSync(join(work, 'canary'), 'alive')
      const before = snapshot(work)
        .split('\n')
        .filter((line) => !line.startsWith('root'))
      await assert.rejects(unpackLayer(root, ...entries), { code: 'TAR_INVALID', message })
      const after = snapshot(work)
        .split('\n')
        .filter((line) => !line.startsWith('root') && !line.includes('./root/'))
      assert.deepEqual(after, before)
      assert.equal(fs.readFileSync(join(work, 'canary'), 'utf8'), 'alive')
    })

  /** Links on the way to an entry are followed, and end at the root of the layer. */
  const inside: readonly { name: string; entries: readonly TestEntry[]; want: readonly string[] }[] = [
    { name: 'a file', entries: [symlink('l', '..'), { path: 'l/canary' }], want: ['canary', 'l'] },
    { name: 'an absolute link', entries: [symlink('l', '/'), { path: 'l/canary' }], want: ['canary', 'l'] },
    { name: 'a folder', entries: [symlink('l', '../..'), folder('l/x')], want: ['l', 'x'] },
    {
      name: 'a link that took the place of a folder',
      entries: [folder('a'), { path: 'a/first' }, symlink('a', '../b'), { path: 'a/canary' }],
      want: ['a', 'b', 'b/canary'],
    },
    {
      name: 'a folder that took the place of a link',
      entries: [symlink('a', 'b'), { path: 'a/first' }, folder('a'), { path: 'a/second' }],
      want: ['a', 'a/second', 'b', 'b/first'],
    },
    {
      name: 'a hard link',
      entries: [symlink('l', '..'), { path: 'canary' }, { path: 'h', kind: 'hardlink', target: 'l/canary' }],
      want: ['canary', 'h', 'l'],
    },
    {
      name: 'links behind links',
      entries: [symlink('l', '/m/../n'), symlink('n', 'o/./p'), { path: 'l/x' }],
      want: ['l', 'n', 'o', 'o/p', 'o/p/x'],
    },
    { name: 'no link, but an absolute path', entries: [{ path: '/tmp/x' }], want: ['tmp', 'tmp/x'] },
    { name: 'a whiteout', entries: [symlink('l', '..'), { path: 'l/.wh.canary' }], want: ['canary', 'l'] },
    { name: 'an opaque marker', entries: [symlink('l', '../d'), { path: 'l/.wh..wh..opq' }], want: ['d', 'l'] },
  ]
  for (const { name, entries, want } of inside)
    it(`stays inside: ${name}`, async (t) => {
      const work = workFolder(t)
      const root = join(work, 'root')
      fs.mkdirSync(root)
      fs.writeFileSync(join(work, 'canary'), 'alive')
      await unpackLayer(root, ...entries)
      const found = execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P\\n'], { cwd: root, encoding: 'utf8' })
      assert.deepEqual(found.split('\n').filter(Boolean).toSorted(), want)
      assert.deepEqual(fs.readdirSync(work).toSorted(), ['canary', 'root'])
      assert.equal(fs.readFileSync(join(work, 'canary'), 'utf8'), 'alive')
    })

  it('an entry over a link replaces the link, not what it leads to', async (t) => {
    const work = workFolder(t)
    const root = join(work, 'root')
    fs.mkdirSync(root)
    fs.writeFileSync(join(work, 'canary'), 'alive')
    fs.chmodSync(join(work, 'canary'), 0o600)
    await unpackLayer(root, symlink('a', '../canary'), { path: 'a', content: 'new', mode: 0o777 })
    await unpackLayer(
      root,
      symlink('b', '../canary'),
      { path: 'c', kind: 'hardlink', target: 'b' },
      { path: 'c', content: 'new' },
    )
    assert.equal(fs.readFileSync(join(work, 'canary'), 'utf8'), 'alive')
    assert.equal(fs.statSync(join(work, 'canary')).mode & 0o777, 0o600)
    assert.equal(fs.readFileSync(join(root, 'a'), 'utf8'), 'new')
    assert.ok(fs.lstatSync(join(root, 'c')).isFile())
    assert.ok(fs.lstatSync(join(root, 'b')).isSymbolicLink())
  })

  it('duplicates and changes of kind: the last one holds; a folder keeps its content', async (t) => {
    const root = workFolder(t)
    await unpackLayer(
      root,
      { path: 'x', content: 'first' },
      { path: 'x', content: '2nd' },
      folder('d'),
      { path: 'd/inner', content: 'kept' },
      folder('d', { mode: 0o700, mtimeNs: 5_000_000_000n }),
      folder('gone'),
      { path: 'gone/deep/er', content: 'x' },
      { path: 'gone', content: 'a file now' },
    )
    assert.equal(fs.readFileSync(join(root, 'x'), 'utf8'), '2nd')
    assert.equal(fs.readFileSync(join(root, 'd/inner'), 'utf8'), 'kept')
    assert.equal(fs.statSync(join(root, 'd')).mode & 0o777, 0o700)
    assert.equal(fs.statSync(join(root, 'd')).mtimeMs, 5000)
    assert.equal(fs.readFileSync(join(root, 'gone'), 'utf8'), 'a file now')
  })

  it('overlay attributes in a layer are dropped, others kept', async (t) => {
    const root = workFolder(t)
    await unpackLayer(
      root,
      folder('d', {
        xattrs: { 'trusted.overlay.opaque': 'y', 'trusted.overlay.redirect': '/etc', 'user.kept': 'yes' },
      }),
    )
    const dump = execFileSync('getfattr', ['-d', '-m', '-', join(root, 'd')], { encoding: 'utf8' })
    assert.match(dump, /user\.kept="yes"/)
    assert.doesNotMatch(dump, /overlay/)
  })
})

/** renameat2(RENAME_EXCHANGE) of a and l in the folder given. */
const EXCHANGE_FOR_EVER = `
import koffi from 'koffi'
import { writeSync } from 'node:fs'
const renameat2 = koffi.load('libc.so.6').func('int renameat2(int, const char *, int, const char *, uint)')
const [, root] = process.argv
writeSync(1, 'ready')
while (true) renameat2(-100, root + '/a', -100, root + '/l', 2)
`

describe('docker cp', () => {
  it("follows the container's links inside its root only", async (t) => {
    const work = workFolder(t)
    const root = join(work, 'root')
    fs.mkdirSync(join(root, 'etc'), { recursive: true })
    fs.mkdirSync(join(work, 'etc'))
    fs.symlinkSync('/etc', join(root, 'link'))
    fs.symlinkSync('../../../etc', join(root, 'up'))
    await unpackInto(host, root, '/link', streamOf(tarOf({ path: 'a', content: '1' })))
    await unpackInto(host, root, '/up', streamOf(tarOf({ path: 'b', content: '2' })))
    await unpackInto(
      host,
      root,
      '/',
      streamOf(tarOf({ path: 'link/c', content: '3' }, { path: '/etc/d', content: '4' })),
    )
    assert.deepEqual(fs.readdirSync(join(root, 'etc')).toSorted(), ['a', 'b', 'c', 'd'])
    assert.deepEqual(fs.readdirSync(join(work, 'etc')), [])
  })

  it('the canary survives a container that swaps a folder for a link all the time', async (t) => {
    // hooks run in the order in which they were made: the swapping must have ended before the folder is removed
    let stop = async (): Promise<void> => {}
    t.after(() => stop())
    const work = workFolder(t)
    const [root, outside] = [join(work, 'root'), join(work, 'outside')]
    fs.mkdirSync(join(root, 'a'), { recursive: true })
    fs.mkdirSync(outside)
    fs.symlinkSync(outside, join(root, 'l'))
    const child = spawn(process.execPath, ['--input-type=module', '-e', EXCHANGE_FOR_EVER, root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    stop = async () => {
      child.kill('SIGKILL')
      await once(child, 'close')
    }
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const tar = tarOf({ path: 'a/x', content: 'evil', mode: 0o4777 }, folder('a/y'), { path: 'a/y/z', content: 'evil' })
    let done = 0
    for (let round = 0; round < 200; round += 1) {
      await unpackInto(host, root, '/', streamOf(tar)).then(
        () => (done += 1),
        () => {}, // a name that is a link one moment and a folder the next is a fair error
      )
    }
    assert.deepEqual(fs.readdirSync(outside), [])
    assert.ok(done > 0, 'some rounds got through, else nothing was tested')
  })

  it('noOverwriteDirNonDir', async (t) => {
    const root = workFolder(t)
    fs.mkdirSync(join(root, 'd'))
    await assert.rejects(unpackInto(host, root, '/', streamOf(tarOf({ path: 'd' })), { keepKinds: true }), {
      message: 'cannot overwrite directory "d" with non-directory',
    })
    assert.ok(fs.statSync(join(root, 'd')).isDirectory())
  })

  it('stat and tar of a path: a last link itself, or what it leads to', async (t) => {
    const root = workFolder(t)
    fs.mkdirSync(join(root, 'real'))
    fs.writeFileSync(join(root, 'real/f'), 'x')
    fs.symlinkSync('/real', join(root, 'link'))
    assert.deepEqual(
      { ...statPath(host, root, '/link'), mtime: '' },
      { name: 'link', size: 5, mode: 0x8000000 + 0o777, mtime: '', linkTarget: '/real' },
    )
    const names = async (path: string): Promise<string> => {
      const { tar } = packFrom(host, root, path)
      return execFileSync('tar', ['-tf', '-'], { input: Buffer.concat(await tar.toArray()), encoding: 'utf8' })
    }
    assert.equal(await names('/link'), 'link\n')
    assert.equal(await names('/link/'), 'link/\nlink/f\n')
    assert.equal(await names('/real/.'), './\n./f\n')
    assert.throws(() => statPath(host, root, '/no/such'), {
      code: 'NOT_FOUND',
      message: /Could not find the file \/no\/such/,
    })
  })
})
