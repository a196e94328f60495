/** Volumes on a private store, as root: folders, copy-up and removal are looked at on the disk. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openPrivateStore, type PrivateStore } from '../support/private-store.ts'

/** A root file system with a folder /data of everything that must survive copying. */
function fillRoot(root: string): string {
  const rootfs = join(root, 'rootfs')
  fs.mkdirSync(join(rootfs, 'data/inner'), { recursive: true })
  fs.writeFileSync(join(rootfs, 'data/file'), 'content')
  fs.linkSync(join(rootfs, 'data/file'), join(rootfs, 'data/inner/same'))
  fs.symlinkSync('/etc/passwd', join(rootfs, 'data/link'))
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'hi', join(rootfs, 'data/file')])
  fs.chownSync(join(rootfs, 'data/inner'), 12, 34)
  fs.chmodSync(join(rootfs, 'data/inner'), 0o2750)
  fs.chownSync(join(rootfs, 'data'), 56, 78)
  fs.chmodSync(join(rootfs, 'data'), 0o1770)
  fs.symlinkSync('/data', join(rootfs, 'alias'))
  fs.symlinkSync('/', join(rootfs, 'up'))
  fs.writeFileSync(join(rootfs, 'plain'), 'x')
  return rootfs
}

async function makeVolume({ volumes }: PrivateStore, name: string): Promise<string> {
  return (await volumes.create({ Name: name })).Mountpoint
}

describe('volumes', () => {
  it("copy-up keeps owners, modes, links and attributes; the root takes the folder's owner and mode", async (t) => {
    const store = await openPrivateStore(t)
    const rootfs = fillRoot(store.root)
    const target = await makeVolume(store, 'db')
    await store.volumes.copyUp('db', rootfs, '/alias')
    const format = '%P|%y|%m|%U:%G|%s|%T@|%l|%n\\n'
    const tree = (path: string): string[] =>
      execFileSync('find', ['.', '-printf', format], { cwd: path, encoding: 'utf8' }).split('\n').toSorted()
    assert.deepEqual(tree(target), tree(join(rootfs, 'data')))
    assert.equal(fs.statSync(join(target, 'file')).ino, fs.statSync(join(target, 'inner/same')).ino)
    const note = execFileSync('getfattr', ['--only-values', '-n', 'user.note', join(target, 'file')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    assert.equal(note, 'hi')
  })

  it('copy-up does nothing to a volume with content, lost+found counts; nor for an absent path', async (t) => {
    const store = await openPrivateStore(t)
    const rootfs = fillRoot(store.root)
    const target = await makeVolume(store, 'db')
    await store.volumes.copyUp('db', rootfs, '/no/such')
    assert.deepEqual(fs.readdirSync(target), [])
    fs.mkdirSync(join(target, 'lost+found'))
    await store.volumes.copyUp('db', rootfs, '/data')
    assert.deepEqual(fs.readdirSync(target), ['lost+found'])
  })

  it("a file cannot be a volume's first content; a link out of the root stays inside", async (t) => {
    const store = await openPrivateStore(t)
    const rootfs = fillRoot(store.root)
    const target = await makeVolume(store, 'db')
    await assert.rejects(store.volumes.copyUp('db', rootfs, '/plain'), {
      code: 'INVALID_REQUEST',
      message: /over \/plain: it is a file/,
    })
    await store.volumes.copyUp('db', rootfs, '/up/../../data/inner')
    assert.deepEqual(fs.readdirSync(target), ['same'])
  })

  it("removal is refused in docker's words while a container refers to it", async (t) => {
    const store = await openPrivateStore(t)
    const target = await makeVolume(store, 'db')
    store.setUsers([{ id: 'abc', name: 'shop-db-1', running: false }])
    await assert.rejects(store.volumes.remove('db', { force: true }), {
      code: 'VOLUME_IN_USE',
      message: 'remove db: volume is in use - [abc]',
    })
    assert.ok(fs.existsSync(target))
    store.setUsers([])
    await store.volumes.remove('db', { force: false })
    assert.equal(fs.existsSync(join(store.base.config.paths.volumes, 'db')), false)
    await assert.rejects(store.volumes.inspect('db'), { code: 'NO_SUCH_VOLUME', message: 'get db: no such volume' })
    await store.volumes.remove('db', { force: true })
    await assert.rejects(store.volumes.remove('db', { force: false }), { code: 'NO_SUCH_VOLUME' })
  })

  it('prune takes anonymous ones only, unless asked for all; never one in use', async (t) => {
    const store = await openPrivateStore(t)
    const target = await makeVolume(store, 'named')
    fs.writeFileSync(join(target, 'data'), 'x'.repeat(10_000))
    const anonymous = await store.volumes.create({})
    assert.match(anonymous.Name, /^[0-9a-f]{64}$/)
    assert.deepEqual((await store.volumes.prune({})).VolumesDeleted, [anonymous.Name])
    const { VolumesDeleted, SpaceReclaimed } = await store.volumes.prune({ all: ['1'] })
    assert.deepEqual(VolumesDeleted, ['named'])
    assert.ok(SpaceReclaimed >= 10_000)
  })

  it('a bound folder is used as it is, filled while it is empty, and never deleted', async (t) => {
    const store = await openPrivateStore(t)
    const rootfs = fillRoot(store.root)
    const own = join(store.root, 'own')
    const request = { Name: 'bound', DriverOpts: { type: 'none', o: 'bind', device: own } }
    await assert.rejects(store.volumes.create(request), { code: 'VOLUME_DEVICE' })
    fs.mkdirSync(own)
    assert.equal((await store.volumes.create(request)).Mountpoint, own)
    await store.volumes.copyUp('bound', rootfs, '/data')
    fs.writeFileSync(join(own, 'precious'), 'x')
    await store.volumes.remove('bound', { force: false })
    assert.deepEqual(fs.readdirSync(own), ['file', 'inner', 'link', 'precious'])
  })

  it('names and drivers are checked; the same options give the same volume', async (t) => {
    const { volumes } = await openPrivateStore(t)
    for (const Name of ['../x', 'a/b', '.hidden', '-x', 'a b'])
      await assert.rejects(volumes.create({ Name }), { code: 'VOLUME_NAME' })
    await assert.rejects(volumes.create({ Name: 'ok', Driver: 'rexray' }), { code: 'VOLUME_DRIVER' })
    await assert.rejects(volumes.create({ Name: 'ok', DriverOpts: { type: 'nfs' } }), { code: 'VOLUME_OPTIONS' })
    const first = await volumes.create({ Name: 'ok', Labels: { a: '1' } })
    assert.deepEqual(await volumes.create({ Name: 'ok' }), first)
    assert.deepEqual(
      (await volumes.list({ label: ['a=1'], dangling: ['true'] })).map(({ Name }) => Name),
      ['ok'],
    )
  })
})
