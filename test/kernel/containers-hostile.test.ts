/**
 * What containers have been known to break out with: links swapped while files are copied (CVE-2018-15664), a working
 * folder in /proc/self/fd (CVE-2024-21626), inheritable capabilities (CVE-2022-24769), special files where the engine
 * reads, read-only mounts that are not. A canary on the host must stay as it is.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { SECRET, useCanary } from './canary.ts'
import { createDriver, shell } from './containers-driver.ts'

const RUNTIMES = ['crun', 'runc'] as const
const SWAPS = 100
/** On a busy machine the container's shell may not come to run for a while. */
const PATIENCE_MS = 10_000

const { engine, canary } = useCanary()
const { run, until, outputOf, exec } = createDriver(engine)

after(() => assert.deepEqual(engine().log, [], 'nothing went wrong behind the scenes'))

test('copying to and from a path that the container swaps for a link all the time', async () => {
  const [mkdir, rm, ln] = ['mkdir', 'rm', 'ln'].map((applet) => `busybox ${applet}`)
  const swap = `${mkdir} -p /w/x; ${rm} -rf /w/x; ${ln} -s ${canary()} /w/x; ${rm} -f /w/x`
  const id = await run({ Cmd: shell(`${mkdir} /w; while :; do ${swap}; done`) })
  const { containers } = engine()
  writeFileSync(join(engine().base.config.paths.temporary, 'secret'), 'overwritten')
  const tar = execFileSync('tar', ['-C', engine().base.config.paths.temporary, '-cf', '-', 'secret'])
  let copied = 0
  const end = Date.now() + PATIENCE_MS
  for (let turn = 0; turn < SWAPS || (copied === 0 && Date.now() < end); turn += 1) {
    // the folder is there or it is not: both is fine
    const isPut = await containers.putArchive(id, '/w/x', Readable.from([tar]), { keepKinds: false }).then(
      () => true,
      () => false,
    )
    if (isPut) copied += 1
    const got = await containers.getArchive(id, '/w/x/secret').then(
      (archive) => buffer(archive.tar).catch(() => Buffer.alloc(0)),
      () => Buffer.alloc(0),
    )
    assert.ok(!got.includes(SECRET), 'read from the host')
    assert.equal(readFileSync(join(canary(), 'secret'), 'utf8'), SECRET)
  }
  assert.ok(copied > 0, 'the folder was met at least once')
  await containers.remove(id, { force: true, volumes: true })
})

for (const Runtime of RUNTIMES)
  test(`${Runtime}: no descriptor of the host to work in`, async () => {
    const { containers } = engine()
    for (const WorkingDir of Array.from({ length: 12 }, (_, fd) => `/proc/self/fd/${fd + 3}`)) {
      const request = { Image: 'test', WorkingDir, HostConfig: { Runtime } }
      const { Id } = await containers.create(
        { ...request, Cmd: shell(`cat ../../../../../..${canary()}/secret; pwd -P`) },
        {},
      )
      try {
        await containers.start(Id)
        await containers.wait(Id, 'not-running', new AbortController().signal)
      } catch {
        // refused: as good
      }
      const log = join(engine().base.config.paths.containers, Id, 'ctr.log')
      assert.ok(!readFileSync(log, { encoding: 'utf8', flag: 'a+' }).includes(SECRET), WorkingDir)
      await containers.remove(Id, { force: true, volumes: true })
    }
    const id = await run({ Cmd: ['sleep', '1000'], HostConfig: { Runtime } })
    for (const WorkingDir of ['/proc/self/fd/3', '/proc/self/fd/7', '/proc/self/fd/9']) {
      const { output } = await exec(id, { WorkingDir, Cmd: shell(`cat ../../../../../..${canary()}/secret`) })
      assert.ok(!output.includes(SECRET), WorkingDir)
    }
    await containers.remove(id, { force: true, volumes: true })
  })

test('a probe has no inheritable capabilities, nor has an exec', async () => {
  const id = await run({
    Cmd: ['sleep', '1000'],
    Healthcheck: { Test: ['CMD', 'grep', '-E', 'Cap(Inh|Amb)', '/proc/self/status'], Interval: 30e9 },
  })
  const probes = async () => (await engine().containers.inspect(id)).State.Health?.Log ?? []
  await until(async () => (await probes()).length > 0)
  const none = 'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n'
  assert.equal((await probes())[0]?.Output, none)
  assert.equal((await exec(id, { Cmd: ['grep', '-E', 'Cap(Inh|Amb)', '/proc/self/status'] })).output, none)
  await engine().containers.remove(id, { force: true, volumes: true })
})

test('a FIFO where the users are is not waited for', async () => {
  const { containers } = engine()
  const { Id } = await containers.create({ Image: 'test', Cmd: ['true'], User: 'worker' }, {})
  const etc = join(engine().base.config.paths.containers, Id, 'upper/etc')
  mkdirSync(etc, { recursive: true })
  execFileSync('mkfifo', [join(etc, 'passwd')])
  await assert.rejects(containers.start(Id), { code: 'HOSTILE_FILE' })
  await containers.remove(Id, { force: false, volumes: false })
})

for (const Runtime of RUNTIMES)
  test(`${Runtime}: read-only is so with what is mounted below the source`, async () => {
    const { mounts } = engine().base.host
    const source = join(canary(), '..', `disk-${Runtime}`)
    mkdirSync(join(source, 'below'), { recursive: true })
    mounts.mount({ source: 'tmpfs', target: join(source, 'below'), type: 'tmpfs' })
    try {
      const bind = { Type: 'bind', Source: source, Target: '/ro', ReadOnly: true } as const
      const touch = shell('touch /ro/x; touch /ro/below/x && echo written')
      const strict = await outputOf({ Cmd: touch, HostConfig: { Runtime, Mounts: [bind] } })
      assert.equal(strict.match(/Read-only file system/g)?.length, 2, strict)
      const loose = { ...bind, BindOptions: { ReadOnlyNonRecursive: true } }
      assert.match(await outputOf({ Cmd: touch, HostConfig: { Runtime, Mounts: [loose] } }), /^written$/m)
      const { Id, Warnings } = await engine().containers.create(
        { Image: 'test', HostConfig: { Runtime, Binds: [`${source}:/ro:ro`] }, Cmd: ['true'] },
        {},
      )
      assert.deepEqual(Warnings, [])
      await engine().containers.remove(Id, { force: false, volumes: false })
    } finally {
      mounts.umount(join(source, 'below'))
    }
  })

test('volumes_from gives the same volumes, and no more rights than asked for', async () => {
  const { containers } = engine()
  const owner = await run(
    { Cmd: shell('echo mine > /vol/file; sleep 1000'), HostConfig: { Binds: ['data:/vol'], Tmpfs: { '/own': '' } } },
    'volume-owner',
  )
  const look = shell('cat /vol/file; touch /vol/x && echo written; ls -d /own')
  const asked = { Cmd: look, HostConfig: { VolumesFrom: ['volume-owner:ro'] } }
  let output = ''
  await until(async () => (output = await outputOf(asked)).startsWith('mine\n'))
  assert.match(output, /Read-only file system/)
  assert.match(output, /ls: \/own: No such file/)
  assert.match(await outputOf({ ...asked, HostConfig: { VolumesFrom: ['volume-owner'] } }), /^mine\nwritten$/m)
  await assert.rejects(containers.create({ Image: 'test', Cmd: look, HostConfig: { VolumesFrom: ['nobody'] } }, {}), {
    code: 'NO_SUCH_CONTAINER',
  })
  await containers.remove(owner, { force: true, volumes: true })
})
