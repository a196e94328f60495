/**
 * More of what containers have broken out with, row by row of test/ATTACKS.md: hostile files in the image, races on shared
 * volumes, the runtime's own file, kernel interfaces, users, programs of the container that the host might run. A canary on
 * the host must stay as it is.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { SECRET, useCanary } from './canary.ts'
import { createDriver, shell } from './containers-driver.ts'
import type { ContainerCreateRequest } from '../../src/api/types/index.ts'

const RUNTIMES = ['crun', 'runc'] as const
/** Docker's lists (reference engine.md, section 1). */
const MASKED = [
  'acpi',
  'interrupts',
  'kcore',
  'keys',
  'latency_stats',
  'sched_debug',
  'scsi',
  'timer_list',
  'timer_stats',
]
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger']

const { engine, canary } = useCanary()
const { run, outputOf, exec } = createDriver(engine)

/** A container whose image has `links` (path -> target); started if the engine lets it. Its output, or the error. */
async function withLinks(links: Readonly<Record<string, string>>, request: ContainerCreateRequest): Promise<string> {
  const { containers, base } = engine()
  const { Id } = await containers.create({ Image: 'test', ...request }, {})
  const upper = join(base.config.paths.containers, Id, 'upper')
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(join(upper, path, '..'), { recursive: true })
    symlinkSync(target, join(upper, path))
  }
  try {
    await containers.start(Id)
    await containers.wait(Id, 'not-running', new AbortController().signal)
    return readFileSync(join(base.config.paths.containers, Id, 'ctr.log'), { encoding: 'utf8', flag: 'a+' })
  } catch (error) {
    return String(error)
  } finally {
    await containers.remove(Id, { force: true, volumes: true })
  }
}

for (const Runtime of RUNTIMES) {
  const HostConfig = { Runtime }

  test(`${Runtime}: the runtime's own file cannot be written through /proc (row 1)`, async () => {
    const program = realpathSync(execFileSync('sh', ['-c', `command -v ${Runtime}`], { encoding: 'utf8' }).trim())
    const hash = (): string => createHash('sha256').update(readFileSync(program)).digest('hex')
    const before = hash()
    const id = await run({ Cmd: ['sleep', '1000'], HostConfig })
    const overwrite =
      'for i in 1 2 3 4 5; do for p in /proc/[0-9]*/exe; do echo x > $p; done; done 2>/dev/null; echo done'
    assert.match((await exec(id, { Cmd: shell(overwrite) })).output, /done/)
    await exec(id, { Cmd: shell("printf '#!/proc/self/exe\\n' > /bin/bait; busybox chmod 755 /bin/bait") })
    await exec(id, { Cmd: ['/bin/bait'] }).catch(() => {})
    await engine().containers.remove(id, { force: true, volumes: true })
    assert.equal(hash(), before)
  })

  test(`${Runtime}: links of the image for /dev, /proc, /sys and what lies in them lead nowhere (rows 3, 4, 6, 8)`, async () => {
    for (const path of ['dev', 'proc', 'sys'])
      assert.match(
        await withLinks({ [path]: `../../../../..${canary()}` }, { Cmd: ['true'], HostConfig }),
        /symbolic link/,
      )
    const write = shell(
      'echo overwritten > /dev/null; echo overwritten > /dev/console; echo x > /proc/sys/kernel/core_pattern',
    )
    const inside = {
      'dev/null': `${canary()}/secret`,
      'dev/console': `${canary()}/console`,
      'proc/keys': `${canary()}/secret`,
    }
    for (const Tty of [false, true]) {
      const output = await withLinks(inside, { Cmd: write, Tty, HostConfig })
      assert.ok(!output.includes(SECRET))
      assert.match(output, /Read-only file system/)
    }
  })

  test(`${Runtime}: a shared volume whose folder is swapped for a link while others mount on it (rows 7, 9)`, async () => {
    const swap = `busybox mkdir -p /v/t; busybox rm -rf /v/t; busybox ln -s ${canary()} /v/t; busybox rm -f /v/t`
    const swapper = await run({
      Cmd: shell(`while :; do ${swap}; done`),
      HostConfig: { ...HostConfig, Binds: ['race:/v'] },
    })
    const before = execFileSync('ls', ['-A', '/'], { encoding: 'utf8' })
    for (let turn = 0; turn < 25; turn += 1) {
      const Binds = ['race:/v', 'inner:/v/t/deep']
      const request = { Cmd: shell('echo x > /v/t/deep/file; cat /v/t/secret'), HostConfig: { ...HostConfig, Binds } }
      // a start that fails is as good as one that meets the folder
      const output = await outputOf(request).catch(String)
      assert.ok(!output.includes(SECRET), output)
      assert.deepEqual(readdirSync(canary()), ['secret'])
    }
    assert.equal(execFileSync('ls', ['-A', '/'], { encoding: 'utf8' }), before)
    await engine().containers.remove(swapper, { force: true, volumes: true })
    for (const { Id } of await engine().containers.list({ all: true, size: false, filters: {} }))
      await engine().containers.remove(Id, { force: true, volumes: true })
  })

  test(`${Runtime}: masked and read-only parts of /proc and /sys (rows 10, 44)`, async () => {
    const look = [
      ...MASKED.map(
        (name) => `[ -d /proc/${name} ] && ls -A /proc/${name} || cat /proc/${name} 2>/dev/null | head -c 1`,
      ),
      'ls -A /sys/firmware; ls -A /sys/devices/virtual/powercap 2>/dev/null',
    ].join('\n')
    assert.equal((await outputOf({ Cmd: shell(look), HostConfig })).replaceAll('\0', ''), '')
    const mounts = await outputOf({ Cmd: ['cat', '/proc/mounts'], HostConfig })
    for (const path of ['/sys', ...READ_ONLY.map((name) => `/proc/${name}`)])
      if (existsSync(path)) assert.match(mounts, new RegExp(`^\\w+ ${path} \\w+ ro,`, 'm'), path)
    for (const line of mounts.split('\n').filter((text) => / cgroup2? /.test(text.split(' /sys/fs/cgroup')[1] ?? '')))
      assert.match(line, / ro,/)
  })

  test(`${Runtime}: no way to a release_agent, no mounts, no new namespaces (row 11)`, async () => {
    const script = [
      'mount -t cgroup -o memory cgroup /tmp && echo ESCAPED',
      'for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release /sys/fs/cgroup/cgroup.procs; do [ -f $f ] && echo /x > $f && echo ESCAPED; done',
      'unshare -m true && echo ESCAPED; unshare -U true && echo ESCAPED',
      'echo core > /proc/sys/kernel/core_pattern && echo ESCAPED',
      'echo end',
    ].join('\n')
    const output = await outputOf({ Cmd: shell(`{ ${script}\n} 2>&1`), HostConfig })
    assert.match(output, /end/)
    assert.doesNotMatch(output, /ESCAPED/)
  })

  test(`${Runtime}: odd users are that user or nobody; groups that are to be kept out stay out (rows 12, 13, 15)`, async () => {
    const id = await run({ Cmd: ['sleep', '1000'], HostConfig })
    for (const User of ['1:2:3', '-1', '4294967296', '2147483648', '1:-1', ' 1', '0x0'])
      await assert.rejects(exec(id, { User, Cmd: ['id', '-u'] }), User)
    assert.equal((await exec(id, { User: '1', Cmd: ['id', '-u'] })).output, '1\n')
    const keep = 'echo x > /tmp/f; busybox chown 0:1235 /tmp/f; busybox chmod 604 /tmp/f'
    await exec(id, { Cmd: shell(keep) })
    for (const User of ['worker', '1234:1235', '5:1235'])
      assert.match((await exec(id, { User, Cmd: ['cat', '/tmp/f'] })).output, /Permission denied/)
    await engine().containers.remove(id, { force: true, volumes: true })
  })
}

test('user files that lead to the host are not followed there (row 16)', async () => {
  const named = { Cmd: ['id', '-u'], User: 'canaryuser' }
  writeFileSync(join(engine().base.config.paths.temporary, 'passwd'), 'canaryuser:x:4242:4242::/:/bin/sh\n')
  const host = join(engine().base.config.paths.temporary, 'passwd')
  assert.match(await withLinks({ 'etc/passwd': host }, named), /unable to find user canaryuser|no matching entries/)
})

test('copying runs no program and loads no library of the container (row 18)', async () => {
  const id = await run({ Cmd: ['sleep', '1000'] })
  const fake = ['xz', 'gzip', 'unpigz', 'tar', 'zstd', 'ps'].map(
    (name) => `printf '#!/bin/sh\\ntouch /ran\\n' > /bin/${name}; busybox chmod 755 /bin/${name}`,
  )
  await exec(id, { Cmd: shell(fake.join('; ')) })
  const folder = engine().base.config.paths.temporary
  writeFileSync(join(folder, 'file'), 'x')
  const tar = execFileSync('tar', ['-C', folder, '-czf', '-', 'file'])
  await engine().containers.putArchive(id, '/tmp', Readable.from([tar]), { keepKinds: false })
  await (await engine().containers.getArchive(id, '/tmp/file')).tar.toArray()
  await engine().containers.top(id, 'aux') // row 41: ps is the host's
  assert.equal((await exec(id, { Cmd: shell('ls /tmp; [ ! -e /ran ] || echo RAN') })).output, 'file\n')
  await engine().containers.remove(id, { force: true, volumes: true })
})

test('the store is closed to others, set-uid files in it too (row 21)', async () => {
  const { paths } = engine().base.config
  for (const path of [paths.root, paths.layers, paths.containers, paths.volumes, paths.temporary])
    assert.equal(statSync(path).mode & 0o777, 0o700, path)
  const id = await run({ Cmd: shell('busybox cp /bin/busybox /suid; busybox chmod 4755 /suid; sleep 1000') })
  const file = join(paths.containers, id, 'merged/bin/busybox')
  const { status, stderr } = spawnSync('setpriv', [
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    'sh',
    '-c',
    `exec ${file} id`,
  ])
  assert.notEqual(status, 0)
  assert.match(stderr.toString(), /Permission denied/)
  await engine().containers.remove(id, { force: true, volumes: true })
})

test('helpers get no secret of a container, and no abstract socket is opened (rows 40, 42)', async () => {
  const id = await run({ Cmd: ['sleep', '1000'], Env: ['TOKEN=hush-hush'] })
  const { State } = await engine().containers.inspect(id)
  const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${State.Pid}/status`, 'utf8'))?.[1] ?? ''
  assert.match(readFileSync(`/proc/${parent}/comm`, 'utf8'), /conmon/)
  for (const file of ['environ', 'cmdline'])
    assert.ok(!readFileSync(`/proc/${parent}/${file}`, 'latin1').includes('hush-hush'), file)
  const inodes = new Set([process.pid, Number(parent)].flatMap((pid) => socketInodes(pid)))
  const abstract = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words[7]?.startsWith('@') === true && inodes.has(words[6] ?? ''))
  assert.deepEqual(abstract, [])
  await engine().containers.remove(id, { force: true, volumes: true })
})

function socketInodes(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(engine().base.host.files.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
    } catch {
      return [] // the descriptor of this very listing
    }
  })
}
