/** Volumes of other file systems, mounts of images and of folders inside: seen from the container and in mountinfo. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { composeFile, idle } from '../support/compose.ts'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { useEngine } from '../support/engine.ts'
import { until } from '../support/poll.ts'

const mountsOn = (point: string): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4] === point)

describe('volume drivers', () => {
  const engine = useEngine()
  const dataOf = (volume: string): string => join(engine.config.paths.volumes, volume, '_data')

  test('a tmpfs volume: filled, limited, shared, and unmounted with its last container', async () => {
    const services = { a: idle({ volumes: ['t:/data'] }), b: idle({ volumes: ['t:/t'] }) }
    const volumes = { t: { driver_opts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=1234' } } }
    await using project = engine.project(composeFile('ram', services, { volumes }))
    await project.ok('up', '-d', 'a')
    assert.equal(await project.ok('exec', '-T', 'a', 'cat', '/data/from-image'), 'from the image\n')
    await project.ok('up', '-d')
    assert.equal(await project.ok('exec', '-T', 'b', 'cat', '/t/from-image'), 'from the image\n')
    assert.equal(await project.ok('exec', '-T', 'b', 'sh', '-c', "df -k /t | awk 'NR > 1 { print $2 }'"), '1024\n')
    const full = await project.run('exec', '-T', 'b', 'sh', '-c', 'head -c 2000000 /dev/zero > /t/big')
    assert.notEqual(full.exitCode, 0)
    assert.equal(await project.ok('exec', '-T', 'a', 'stat', '-c', '%s', '/data/big'), `${1024 * 1024 - 4096}\n`)
    const pid = engine.pid()
    if (pid !== undefined) process.kill(pid, 'SIGKILL') // the next engine takes the mount up
    await project.ok('stop', '-t', '0', 'a')
    assert.equal(mountsOn(dataOf('ram_t')).length, 1)
    await project.ok('stop', '-t', '0')
    await until(() => mountsOn(dataOf('ram_t')).length === 0, { what: 'unmounted' })
  })

  test('a mount that fails is told with what to do, and leaves nothing', async () => {
    const volumes = { n: { driver_opts: { type: 'nofs', device: 'x', o: 'ro' } } }
    await using project = engine.project(composeFile('badfs', { a: idle({ volumes: ['n:/n'] }) }, { volumes }))
    const { exitCode, stderr } = await project.run('up', '-d')
    assert.equal(exitCode, 1)
    assert.match(stderr, /failed to mount local volume badfs_n: mount nofs x: ENODEV/)
    assert.match(stderr, /modprobe nofs/)
  })

  test('a bind by the driver is filled as docker does it; with "ro" nobody writes', async () => {
    const folder = (name: string, o: string) => ({ driver_opts: { type: 'none', o, device: `\${PWD}/${name}` } })
    const volumes = { rw: folder('rw', 'bind'), ro: folder('ro', 'bind,ro') }
    const service = idle({ volumes: ['rw:/data', 'ro:/ro'] })
    await using project = engine.project(composeFile('hostdir', { a: service }, { volumes }))
    for (const name of ['rw', 'ro']) mkdirSync(join(project.folder, name))
    await using placed = engine.project({}, { folder: project.folder, env: { PWD: project.folder } })
    await placed.ok('up', '-d')
    assert.deepEqual(readdirSync(join(project.folder, 'rw')), ['from-image'])
    assert.match((await placed.run('exec', '-T', 'a', 'touch', '/ro/x')).stderr, /Read-only file system/)
    await placed.ok('down', '-v', '-t', '0')
    assert.deepEqual(readdirSync(join(project.folder, 'rw')), ['from-image'])
  })

  test('the content of an image and of a folder in it, read-only; the image is kept meanwhile', async () => {
    const image = (target: string, options: object) => ({ type: 'image', source: 'tools:1', target, ...options })
    const volumes = [image('/whole', {}), image('/part', { image: { subpath: 'data' } })]
    await engine.ok(['image', 'tag', BUSYBOX_IMAGE, 'tools:1'])
    await using project = engine.project(composeFile('imagemount', { a: idle({ volumes }) }))
    await project.ok('up', '-d')
    const sh = (script: string) => project.run('exec', '-T', 'a', 'sh', '-c', script)
    assert.equal((await sh('cat /part/from-image /whole/data/from-image')).stdout, 'from the image\n'.repeat(2))
    assert.match((await sh('touch /part/x; touch /whole/x')).stderr, /(Read-only file system[^]*){2}/)
    await project.ok('restart', '-t', '0')
    assert.equal((await sh('ls /part')).stdout, 'from-image\n')
    await engine.ok(['image', 'rm', 'tools:1'])
  })

  test('a subpath of a volume is opened inside it, whatever link another container left there', async () => {
    const volumes = ['v:/all']
    const sub = { type: 'volume', source: 'v', target: '/sub', volume: { subpath: 'in/side' } }
    const services = { a: idle({ volumes }), b: idle({ volumes: [sub], profiles: ['later'] }) }
    await using project = engine.project(composeFile('subpath', services, { volumes: { v: {} } }))
    await project.ok('up', '-d')
    const later = ['--profile', 'later', 'up', '-d']
    assert.match((await project.run(...later)).stderr, /subpath "in\/side" does not exist/)
    mkdirSync(join(dataOf('subpath_v'), 'in/side'), { recursive: true })
    writeFileSync(join(dataOf('subpath_v'), 'in/side/file'), 'mine\n')
    await project.ok(...later)
    assert.equal(await project.ok('--profile', 'later', 'exec', '-T', 'b', 'cat', '/sub/file'), 'mine\n')
    await project.ok('--profile', 'later', 'stop', '-t', '0', 'b')
    await project.ok('exec', '-T', 'a', 'sh', '-c', 'mv /all/in/side /all/in/old')
    symlinkSync('/etc', join(dataOf('subpath_v'), 'in/side'))
    const { stderr, exitCode } = await project.run(...later)
    assert.equal(exitCode, 1, 'inside the volume there is no /etc')
    assert.match(stderr, /subpath "in\/side" does not exist/)
  })
})
