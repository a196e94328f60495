/** The container's process: identity, limits in the cgroup, init, restart policies. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { describeResult, runCommand } from '../support/command.ts'
import { composeFile, containersOf, idle, shell } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'
import { until } from '../support/poll.ts'

/** The value of a cgroup file of the process, on v2 or in the v1 hierarchy of the controller. */
function cgroupValue(
  pid: number,
  names: { readonly v1: readonly [controller: string, file: string]; readonly v2: string },
): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  const [controller, file] = names.v1
  for (const line of lines) {
    const [, controllers = '', path = ''] = line.split(':')
    const isUnified = controllers === ''
    if (!isUnified && !controllers.split(',').includes(controller)) continue
    const candidate = isUnified ? `/sys/fs/cgroup${path}/${names.v2}` : `/sys/fs/cgroup/${controllers}${path}/${file}`
    if (existsSync(candidate)) return readFileSync(candidate, 'utf8').trim()
  }
  throw new Error(`no ${controller} cgroup of process ${pid}: ${lines.join(' ')}`)
}

describe('process', () => {
  const engine = useEngine()
  const pidOf = async (project: string): Promise<number> =>
    (await containersOf(engine.client(), project))[0]?.State.Pid ?? 0

  test('what the caller has open reaches neither engine, conmon nor container (CVE-2024-21626)', async () => {
    await using project = engine.project(composeFile('open', { a: idle() }))
    await engine.ok(['engine', 'stop'])
    project.write('secret', 'not for containers')
    const secret = join(project.folder, 'secret')
    const line = 'exec 5<"$0" 17<"$0" 251<"$0"; exec "$@"'
    const cli = join(import.meta.dirname, '../../bin/mycompose')
    const started = await runCommand(['bash', '-c', line, secret, cli, 'up', '-d'], {
      cwd: project.folder,
      env: { PATH: process.env['PATH'] ?? '', MYCOMPOSE_ROOT: engine.config.paths.root },
    })
    assert.equal(started.exitCode, 0, describeResult(started))
    const openFiles = (pid: number): string[] =>
      readdirSync(`/proc/${pid}/fd`).map((fd) => {
        try {
          return readlinkSync(`/proc/${pid}/fd/${fd}`)
        } catch {
          return '' // closed this moment
        }
      })
    const inside = await pidOf('open')
    const conmon = Number(/^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${inside}/status`, 'utf8'))?.[1])
    assert.match(readFileSync(`/proc/${conmon}/comm`, 'utf8'), /conmon/)
    for (const pid of [engine.pid() ?? 0, conmon, inside]) assert.ok(!openFiles(pid).includes(secret), `process ${pid}`)
    // the descriptors of conmon are its own: standard ones, its pipes, sockets and files, none of the engine's
    const ofEngine = openFiles(conmon).filter((file) => /state\.db|engine\.(log|lock|sock)|^\/tmp\/.*secret/.test(file))
    assert.deepEqual(ofEngine, [])
    assert.match(
      await project.ok('exec', '-T', 'a', 'sh', '-c', 'for f in /proc/self/fd/*; do echo ${f##*/}; done'),
      /^0\n1\n2\n(?:\d+\n)?$/,
    )
  })

  test('limits stand in the cgroup', async () => {
    const limits = { memory: '64M', cpus: '0.5', pids: 42 }
    await using project = engine.project(composeFile('limits', { a: idle({ deploy: { resources: { limits } } }) }))
    await project.ok('up', '-d')
    const pid = await pidOf('limits')
    assert.equal(cgroupValue(pid, { v1: ['memory', 'memory.limit_in_bytes'], v2: 'memory.max' }), String(64 * 2 ** 20))
    assert.equal(cgroupValue(pid, { v1: ['pids', 'pids.max'], v2: 'pids.max' }), '42')
    assert.match(cgroupValue(pid, { v1: ['cpu', 'cpu.cfs_quota_us'], v2: 'cpu.max' }), /^50000\b/)
  })

  test('user, groups, folder, environment, hostname, sysctls and ulimits', async () => {
    const service = idle({
      user: 'worker',
      group_add: ['3000'],
      working_dir: '/tmp',
      environment: { WORD: 'hello' },
      hostname: 'box',
      sysctls: { 'net.core.somaxconn': '512' },
      ulimits: { nofile: { soft: 100, hard: 200 } },
    })
    await using project = engine.project(composeFile('identity', { a: service }))
    await project.ok('up', '-d')
    const status = readFileSync(`/proc/${await pidOf('identity')}/status`, 'utf8')
    assert.match(status, /^Uid:\t1234\t1234/m)
    assert.match(status, /^Gid:\t1235\t1235/m)
    assert.match(status, /^Groups:\t.*\b2000\b.*\b3000\b/m)
    const line = 'pwd; echo $WORD; hostname; cat /proc/sys/net/core/somaxconn; ulimit -Sn'
    assert.equal(await project.ok('exec', '-T', 'a', 'sh', '-c', line), '/tmp\nhello\nbox\n512\n100\n')
  })

  test('default confinement: few capabilities, a seccomp filter, no way to new ones of the host', async () => {
    await using project = engine.project(composeFile('confined', { a: idle() }))
    await project.ok('up', '-d')
    const status = readFileSync(`/proc/${await pidOf('confined')}/status`, 'utf8')
    assert.match(status, /^CapEff:\t00000000a80425fb$/m)
    assert.match(status, /^Seccomp:\t2$/m)
    assert.notEqual((await project.run('exec', '-T', 'a', 'sh', '-c', 'echo 1 > /proc/sys/kernel/sysrq')).exitCode, 0)
    assert.notEqual((await project.run('exec', '-T', 'a', 'mount', '-t', 'tmpfs', 'x', '/tmp')).exitCode, 0)
  })

  test('init: a small process 1 that reaps and passes signals on', async () => {
    const service = { ...idle(), command: ['sleep', '1000'], init: true }
    await using project = engine.project(composeFile('reaped', { a: service }))
    await project.ok('up', '-d')
    const pid = await pidOf('reaped')
    // `start` returns a moment before the runtime's own process becomes the container's
    await until(() => /init/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')), { what: 'an init as process 1' })
    await project.ok('stop')
    // not 137: the signal got through before the grace period was over
    assert.equal((await containersOf(engine.client(), 'reaped'))[0]?.State.ExitCode, 143)
  })

  test('stop_grace_period over: killed, 137', async () => {
    const line = "trap '' TERM; while true; do sleep 1; done"
    await using project = engine.project(composeFile('deaf', { a: shell(line, { stop_grace_period: '500ms' }) }))
    await project.ok('up', '-d')
    await project.ok('stop')
    assert.equal((await containersOf(engine.client(), 'deaf'))[0]?.State.ExitCode, 137)
  })

  test('restart: on-failure gives up after its number, always comes back, a stop by hand is respected', async () => {
    const services = {
      failing: shell('exit 4', { restart: 'on-failure:2' }),
      steady: shell('sleep 0.2', { restart: 'always' }),
    }
    await using project = engine.project(composeFile('again', services))
    await project.ok('up', '-d')
    await until(
      async () => {
        const [failing, steady] = await containersOf(engine.client(), 'again')
        return (
          failing?.State.Status === 'exited' &&
          failing.RestartCount === 2 &&
          failing.State.ExitCode === 4 &&
          (steady?.RestartCount ?? 0) >= 2
        )
      },
      { what: 'two restarts each' },
    )
    await project.ok('stop')
    assert.equal((await containersOf(engine.client(), 'again'))[1]?.State.Status, 'exited')
  })
})
