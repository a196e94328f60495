/**
 * Containers on the real kernel, through the service: what a process in one sees, how it ends, what is left behind.
 * Checks read /proc, /sys/fs/cgroup and mountinfo.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerCreateRequest } from '../../src/api/types/index.ts'
import { NO_ABORT, createDriver, shell } from './containers-driver.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

let engine: TestEngine
let keepAlive: NodeJS.Timeout // the engine's own watchers do not hold the process

before(async () => {
  keepAlive = setInterval(() => {}, 1000)
  engine = await openTestEngine()
})
after(async () => {
  clearInterval(keepAlive)
  const { config } = engine.base
  await engine[Symbol.asyncDispose]()
  assert.deepEqual(engine.log, [], 'nothing went wrong behind the scenes')
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(config.paths.root), 'no mount is left')
  const trees = readdirSync('/sys/fs/cgroup').filter((name) =>
    existsSync(join('/sys/fs/cgroup', name, config.cgroupParent)),
  )
  assert.deepEqual(trees, [], 'no cgroup is left')
  assert.ok(!existsSync(join('/sys/fs/cgroup', config.cgroupParent)))
})

const { run, logsOf, until, obedient, waitFor, outputOf, exec } = createDriver(() => engine)

for (const runtime of ['crun', 'runc'])
  test(`${runtime}: capabilities, seccomp, groups, environment, descriptors`, async () => {
    const text = await outputOf({
      Cmd: shell('cat /proc/self/status; id; unshare -U true; env; ls /proc/self/fd; exit 3'),
      User: 'worker',
      Env: ['A=b'],
      HostConfig: { Runtime: runtime },
    })
    assert.match(text, /CapBnd:\s00000000a80425fb/)
    for (const set of ['CapInh', 'CapAmb', 'CapEff']) assert.match(text, new RegExp(`${set}:\\s0000000000000000`))
    assert.match(text, /Seccomp:\s2/)
    assert.match(text, /unshare\(0x10000000\): Operation not permitted/)
    assert.match(text, /uid=1234\(worker\) gid=1235\(worker\) groups=1235\(worker\),2000\(extra\)/)
    assert.deepEqual(text.match(/^(?:A|HOME|PATH|TERM|_OCI\w*)=.*$/gm)?.toSorted(), [
      'A=b',
      'HOME=/tmp',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ])
    // 3 is the folder that ls itself reads
    assert.match(text, /^0\n1\n2\n3$/m)
  })

test('exit codes: the process, SIGKILL, out of memory', async () => {
  const failing = await run({ Cmd: shell('exit 42') })
  assert.equal(await waitFor(failing), 42)
  const killed = await obedient()
  await engine.containers.kill(killed, 'SIGKILL')
  assert.equal(await waitFor(killed), 137)
  const hungry = await run({
    Cmd: shell('awk "BEGIN{s=\\"x\\"; while(1) s=s s}"'),
    HostConfig: { Memory: 8 * 2 ** 20 },
  })
  assert.equal(await waitFor(hungry), 137)
  assert.equal((await engine.containers.inspect(hungry)).State.OOMKilled, true)
})

test('a program that is not there is 127, one that cannot be run 126; nothing is left', async () => {
  for (const [program, code] of [
    ['nope', 127],
    ['/etc/passwd', 126],
    ['/data', 126],
  ] as const) {
    const { Id } = await engine.containers.create({ Image: 'test', Cmd: [program] }, {})
    await assert.rejects(engine.containers.start(Id), { exitCode: code })
    const { State } = await engine.containers.inspect(Id)
    assert.deepEqual([State.Status, State.ExitCode, State.Pid], ['created', code, 0])
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    assert.ok(!mounts.includes(`${Id}/merged`) && !mounts.includes(`netns/${Id}`))
    await engine.containers.remove(Id, { force: false, volumes: false })
  }
})

test('stop asks, and is remembered; a second stop changes nothing', async () => {
  const id = await obedient({ HostConfig: { RestartPolicy: { Name: 'always' } } })
  assert.equal(await engine.containers.stop(id, {}), true)
  const { State } = await engine.containers.inspect(id)
  assert.deepEqual([State.Status, State.ExitCode], ['exited', 0])
  assert.equal(await engine.containers.stop(id, {}), false)
  await delay(200) // twice the first delay of the policy
  assert.equal(engine.containers.isRunning(id), false)
})

test('who does not listen is killed after the grace', async () => {
  const id = await run({ Cmd: ['sleep', '1000'] })
  const start = Date.now()
  await engine.containers.stop(id, { timeoutSeconds: 1 })
  assert.ok(Date.now() - start >= 1000)
  assert.equal((await engine.containers.inspect(id)).State.ExitCode, 137)
})

test('on-failure restarts as often as it may', async () => {
  const id = await run({
    Cmd: shell('echo again; exit 4'),
    HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } },
  })
  await until(async () => (await engine.containers.inspect(id)).State.Status === 'exited')
  const { RestartCount, State } = await engine.containers.inspect(id)
  assert.deepEqual([RestartCount, State.ExitCode], [2, 4])
  assert.equal(await logsOf(id), 'again\nagain\nagain\n')
})

test('AutoRemove', async () => {
  const id = await run({ Cmd: ['true'], HostConfig: { AutoRemove: true } })
  await engine.containers.wait(id, 'removed', NO_ABORT).catch(() => {}) // it may be gone already
  await until(() => !existsSync(join(engine.base.config.paths.containers, id)))
  await assert.rejects(engine.containers.inspect(id), { code: 'NO_SUCH_CONTAINER' })
})

test('restarts at the same time keep an AutoRemove container', async () => {
  const id = await obedient({ HostConfig: { AutoRemove: true } })
  await Promise.all([1, 2, 3].map(() => engine.containers.restart(id, { timeoutSeconds: 0 })))
  assert.equal((await engine.containers.inspect(id)).State.Running, true)
  await engine.containers.stop(id, { timeoutSeconds: 0 })
  await until(() => !existsSync(join(engine.base.config.paths.containers, id)))
})

test('mounts, limits, sysctls, init, hostname and hosts are as asked', async () => {
  const id = await run(
    {
      Cmd: ['sleep', '1000'],
      Hostname: 'web',
      HostConfig: {
        Init: true,
        ReadonlyRootfs: true,
        Tmpfs: { '/tmp': 'size=1m' },
        ShmSize: 2 ** 20,
        Memory: 64 * 2 ** 20,
        PidsLimit: 50,
        Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }],
        Sysctls: { 'net.core.somaxconn': '500' },
        CapDrop: ['ALL'],
        CapAdd: ['NET_ADMIN'],
        SecurityOpt: ['no-new-privileges'],
        ExtraHosts: ['foo:1.2.3.4'],
      },
    },
    'web1',
  )
  const script = 'touch /x; touch /tmp/y && echo writable; ulimit -n; cat /proc/sys/net/core/somaxconn /proc/1/comm'
  const { output } = await exec(id, {
    Cmd: shell(`${script}; hostname; cat /etc/hosts /proc/self/status /proc/mounts`),
  })
  assert.match(output, /touch: \/x: Read-only file system/)
  assert.match(output, /^writable\n100\n500\ndocker-init\nweb$/m)
  assert.match(output, /^1\.2\.3\.4\tfoo$/m)
  assert.match(output, /CapEff:\s0000000000001000/)
  assert.match(output, /NoNewPrivs:\s1/)
  assert.match(output, /\/dev\/shm tmpfs \S*size=1024k/)
  const [tree = '', file = ''] = existsSync('/sys/fs/cgroup/cgroup.controllers')
    ? ['', 'memory.max']
    : ['memory', 'memory.limit_in_bytes']
  const limit = join('/sys/fs/cgroup', tree, engine.base.config.cgroupParent, id, file)
  assert.equal(Number(readFileSync(limit, 'utf8')), 64 * 2 ** 20)
  await engine.containers.remove(id, { force: true, volumes: false })
})

test('namespaces of another container are joined', async () => {
  const owner = await run({ Cmd: ['sleep', '1000'], HostConfig: { IpcMode: 'shareable' } }, 'owner')
  const guest = await run({
    Cmd: ['sleep', '1000'],
    HostConfig: { IpcMode: 'container:owner', PidMode: 'container:owner', NetworkMode: 'container:owner' },
  })
  const pidOf = async (id: string): Promise<number> => (await engine.containers.inspect(id)).State.Pid
  const [a, b] = [await pidOf(owner), await pidOf(guest)]
  const { files } = engine.base.host
  for (const type of ['ipc', 'pid', 'net'])
    assert.equal(files.readlinkSync(`/proc/${a}/ns/${type}`), files.readlinkSync(`/proc/${b}/ns/${type}`), type)
  for (const type of ['mnt', 'uts'])
    assert.notEqual(files.readlinkSync(`/proc/${a}/ns/${type}`), files.readlinkSync(`/proc/${b}/ns/${type}`), type)
  assert.equal((await exec(guest, { Cmd: ['hostname'] })).output, `${owner.slice(0, 12)}\n`)
  for (const id of [guest, owner]) await engine.containers.remove(id, { force: true, volumes: false })
})

test("the host's network comes with the host's name and resolver", async () => {
  const text = await outputOf({ Cmd: shell('hostname; cat /etc/resolv.conf'), HostConfig: { NetworkMode: 'host' } })
  assert.ok(text.startsWith(`${hostname()}\n`))
  const servers = (of: string): string[] => of.match(/^nameserver .*$/gm) ?? []
  assert.deepEqual(servers(text), servers(readFileSync('/etc/resolv.conf', 'utf8')))
  assert.equal(await outputOf({ Cmd: ['hostname'], Hostname: 'own', HostConfig: { NetworkMode: 'host' } }), 'own\n')
})

test('exec: output, input, user, folder, codes', async () => {
  const id = await obedient()
  assert.deepEqual(await exec(id, { Cmd: shell('echo out; echo err >&2; exit 7') }).then(({ exitCode }) => exitCode), 7)
  assert.deepEqual(await exec(id, { Cmd: ['cat'], AttachStdin: true }, 'hello'), { output: 'hello', exitCode: 0 })
  const { output } = await exec(id, {
    Cmd: shell('id -u; pwd; echo $A'),
    User: '77:88',
    WorkingDir: '/tmp',
    Env: ['A=b'],
  })
  assert.equal(output, '77\n/tmp\nb\n')
  const missing = await exec(id, { Cmd: ['nope'] })
  assert.equal(missing.exitCode, 127)
  assert.match(missing.output, /not found in \$PATH/)
  assert.equal((await exec(id, { Cmd: ['/etc/passwd'] })).exitCode, 126)
  const guarded = await exec(id, { Cmd: shell('grep -E "CapInh|Seccomp:" /proc/self/status; unshare -U true') })
  assert.match(guarded.output, /CapInh:\s0000000000000000/)
  assert.match(guarded.output, /Seccomp:\s2/)
  assert.match(guarded.output, /Operation not permitted/)
  await assert.rejects(engine.containers.createExec(id, { Cmd: ['id'], User: '1:2:3' }), { code: 'INVALID_REQUEST' })
  await engine.containers.stop(id, {})
  await assert.rejects(engine.containers.createExec(id, { Cmd: ['id'] }), { code: 'NOT_RUNNING' })
})

// crun starts the process as soon as it has sent the terminal: the size may come a moment later, as with docker
test('exec with a terminal: size, echo, code', async () => {
  const id = await obedient()
  const { output, exitCode } = await exec(
    id,
    {
      Cmd: shell('tty; until stty size 2>/dev/null; do sleep 0.01; done; read x; echo got $x; exit 9'),
      Tty: true,
      AttachStdin: true,
    },
    { after: '33 99\r\n', text: 'yes\n' }, // the terminal echoes it where the output has come to
  )
  assert.equal(output, '/dev/pts/0\r\n33 99\r\nyes\r\ngot yes\r\n')
  assert.equal(exitCode, 9)
  await engine.containers.remove(id, { force: true, volumes: false })
})

test('pause freezes the processes', async () => {
  const id = await run({ Cmd: shell('while :; do echo x; sleep 0.02; done') })
  await until(async () => (await logsOf(id)).length > 0)
  await engine.containers.pause(id)
  const before = (await logsOf(id)).length
  await delay(200)
  assert.equal((await logsOf(id)).length, before)
  await assert.rejects(engine.containers.createExec(id, { Cmd: ['true'] }), /paused/)
  await engine.containers.unpause(id)
  await until(async () => (await logsOf(id)).length > before)
  await engine.containers.remove(id, { force: true, volumes: false })
})

test('health: ready within a moment, timed-out probes are killed', async () => {
  const id = await run({
    Cmd: shell('sleep 0.3; touch /tmp/ok; sleep 1000'),
    Healthcheck: { Test: ['CMD-SHELL', 'test -e /tmp/ok && echo fine'], Interval: 30e9 },
  })
  await until(async () => (await engine.containers.inspect(id)).State.Health?.Status === 'healthy')
  const { Health } = (await engine.containers.inspect(id)).State
  assert.deepEqual([Health?.FailingStreak, Health?.Log.at(-1)?.Output], [0, 'fine\n'])
  assert.ok(engine.events.some(({ Action, Actor }) => Action === 'health_status: healthy' && Actor.ID === id))
  await engine.containers.remove(id, { force: true, volumes: false })

  const slow = await run({
    Cmd: ['sleep', '1000'],
    Healthcheck: { Test: ['CMD', 'sleep', '77'], Interval: 1e8, Timeout: 2e8, Retries: 1 },
  })
  await until(async () => (await engine.containers.inspect(slow)).State.Health?.Status === 'unhealthy')
  await engine.containers.remove(slow, { force: true, volumes: false })
})

test('followed logs end with the container, and go on across a restart when they may', async () => {
  const id = await run({ Cmd: shell('echo one; sleep 0.2; echo two') })
  assert.equal(await logsOf(id, { follow: true, untilExit: true }), 'one\ntwo\n')
  const following = logsOf(id, { follow: true })
  await engine.containers.restart(id, {})
  await waitFor(id)
  assert.equal(await logsOf(id, { tail: 1 }), 'two\n')
  await engine.containers.remove(id, { force: true, volumes: false })
  assert.equal(await following, 'one\ntwo\none\ntwo\n')
})

test('names: refused when taken, free again after a failed create', async () => {
  const id = await obedient({}, 'taken')
  await assert.rejects(engine.containers.create({ Image: 'test', Cmd: ['true'] }, { name: '/taken' }), {
    code: 'NAME_TAKEN',
    message: new RegExp(`^Conflict\\. The container name "/taken" is already in use by container "${id}"`),
  })
  await assert.rejects(engine.containers.create({ Image: 'test', Cmd: ['true'], User: 'a:b:c' }, { name: 'free' }), {
    code: 'INVALID_REQUEST',
  })
  const { Id } = await engine.containers.create({ Image: 'test', Cmd: ['true'] }, { name: 'free' })
  await engine.containers.rename(Id, 'other')
  assert.equal((await engine.containers.inspect('other')).Id, Id)
  await assert.rejects(engine.containers.remove(id, { force: false, volumes: false }), { code: 'CONTAINER_RUNNING' })
  for (const each of [id, Id]) await engine.containers.remove(each, { force: true, volumes: false })
})

test('hostile images: links for /dev, FIFO and giant user files, a working folder that leads out', async () => {
  const { containers } = engine
  const { config } = engine.base
  const prepared = async (request: ContainerCreateRequest): Promise<{ Id: string; upper: string }> => {
    const { Id } = await containers.create({ Image: 'test', Cmd: ['true'], ...request }, {})
    return { Id, upper: join(config.paths.containers, Id, 'upper') }
  }
  const dev = await prepared({})
  symlinkSync('../../../../tmp', join(dev.upper, 'dev'))
  await assert.rejects(containers.start(dev.Id), { code: 'HOSTILE_IMAGE' })

  const giant = await prepared({ User: 'worker' })
  await engine.base.host.files.mkdir(join(giant.upper, 'etc'))
  writeFileSync(join(giant.upper, 'etc/passwd'), '')
  await engine.base.host.files.truncate(join(giant.upper, 'etc/passwd'), 2 ** 31)
  await assert.rejects(containers.start(giant.Id), { code: 'HOSTILE_FILE' })

  const link = await prepared({ User: 'worker' })
  await engine.base.host.files.mkdir(join(link.upper, 'etc'))
  symlinkSync('/../../../../../etc/passwd', join(link.upper, 'etc/passwd'))
  // resolved inside it leads to itself: ELOOP, or EAGAIN where something is renamed all the time
  await assert.rejects(containers.start(link.Id), { code: 'KERNEL', message: /\/etc\/passwd inside/ })

  const canary = join(config.paths.root, 'canary')
  const cwd = await prepared({ WorkingDir: '/out/made' })
  symlinkSync(canary, join(cwd.upper, 'out'))
  await containers.start(cwd.Id).catch(() => {})
  assert.ok(!existsSync(canary), 'nothing was made on the host')
  for (const { Id } of [dev, giant, link, cwd]) await containers.remove(Id, { force: true, volumes: false })
})

test('after an engine restart: what lives is adopted, what ended is finished', async () => {
  const living = await obedient()
  const ending = await obedient()
  const before = (await engine.containers.inspect(living)).State
  const { Pid } = (await engine.containers.inspect(ending)).State
  await engine.containers.shutdown()
  process.kill(Pid, 'SIGKILL')
  await until(() => existsSync(join(engine.base.config.paths.exits, ending)))
  await engine.restart()
  const { State } = await engine.containers.inspect(living)
  assert.deepEqual([State.Pid, State.StartedAt, State.Status], [before.Pid, before.StartedAt, 'running'])
  const ended = (await engine.containers.inspect(ending)).State
  assert.deepEqual([ended.Status, ended.ExitCode], ['exited', 137])
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(`${ending}/merged`))
  assert.equal(await engine.containers.stop(living, {}), true)
  assert.equal((await engine.containers.inspect(living)).State.ExitCode, 0)
  for (const id of [living, ending]) await engine.containers.remove(id, { force: true, volumes: false })
})

test('a container whose conmon was killed is ended, and its restart policy decides', async () => {
  const { containers: folder } = engine.base.config.paths
  const ids = [
    await obedient(),
    await run({ HostConfig: { RestartPolicy: { Name: 'always' } }, Cmd: ['sleep', '1000'] }),
  ]
  const stateOf = async (id: string) => (await engine.containers.inspect(id)).State
  const pids = await Promise.all(ids.map(async (id) => (await stateOf(id)).Pid))
  for (const id of ids) process.kill(Number(readFileSync(join(folder, id, 'bundle/conmon.pid'), 'utf8')), 'SIGKILL')
  const [plain = '', always = ''] = ids
  await until(async () => (await stateOf(plain)).Status === 'exited', 20)
  const { ExitCode, Error: reason } = await stateOf(plain)
  assert.equal(ExitCode, 137)
  assert.match(reason, /conmon/)
  await until(async () => {
    const { Running, Pid } = await stateOf(always)
    return Running && Pid > 0 && Pid !== pids[1]
  }, 20)
  assert.equal((await stateOf(always)).Error, '')
  assert.equal(engine.log.splice(0).length, 2, 'both were told in the log')
  for (const id of ids) await engine.containers.remove(id, { force: true, volumes: false })
})

test('removal leaves no file, whatever was written', async () => {
  const id = await run({ Cmd: shell('echo x > /file; exit 0') })
  await waitFor(id)
  const { containers } = engine.base.config.paths
  assert.ok(existsSync(join(containers, id, 'upper/file')))
  await engine.containers.remove(id, { force: false, volumes: true })
  await until(() => !existsSync(join(containers, id))) // a moment later, in the background
})
