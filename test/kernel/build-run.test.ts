/** RUN: the process, its surroundings, its output and its end. Mounts are in build-run-mounts, attacks in build-run-attacks. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { recoverSteps } from '../../src/engine/build/run/recovery.ts'
import { runStep } from '../../src/engine/build/run/run.ts'
import { openSnapshot } from '../../src/engine/build/snapshot/snapshot.ts'
import { findTraces } from '../support/leaks.ts'
import { until } from '../support/poll.ts'
import { openBuildEngine, type BuildEngine } from './build-run-support.ts'

describe('RUN', () => {
  let build: BuildEngine
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    build = await openBuildEngine({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
  })

  it('leaves what the command wrote, and nothing else', async () => {
    const { exitCode, layer } = await build.run('echo made > /data/made; rm /data/from-image; mkdir /srv')
    assert.equal(exitCode, 0)
    assert.deepEqual(layer, ['+ data', '+ data/made', '+ srv', '- data/from-image'])
  })

  it('leaves no layer when nothing was written, though mount points were missing', async () => {
    assert.equal((await build.run('ls / /proc /dev /sys /etc/hosts >/dev/null')).layer, undefined)
  })

  it('streams both outputs apart, as they come', async () => {
    const heard: string[] = []
    const ended = build.run('echo one; echo two >&2; read x < /data/wait; echo three', {
      chainIds: await build.state((root) => execFileSync('mkfifo', [join(root, 'data/wait')])),
      onOutput: (text) => heard.push(text),
    })
    await until(() => heard.join('').includes('one') && heard.join('').includes('two'), { what: 'both outputs' })
    // the pipe of the state is in the step's overlay: found by the process that waits for it
    const traces = await findTraces(build.config)
    const shell = traces.processes.find((line) => line.includes('read x')) ?? ''
    fs.writeFileSync(`/proc/${Number.parseInt(shell, 10)}/root/data/wait`, 'go\n')
    const { stdout, stderr } = await ended
    assert.deepEqual([stdout, stderr], ['one\nthree\n', 'two\n'])
  })

  const exits = [
    { name: 'the command’s own', script: 'exit 7', want: 7 },
    { name: 'that of a signal', script: `sh -c 'kill -TERM $$'; echo never`, want: 143 },
    { name: '127 for a program that is not there', script: '', want: 127, work: { argv: ['/no/such'] } },
    { name: '126 for a file that is no program', script: '', want: 126, work: { argv: ['/etc/passwd'] } },
  ]
  for (const { name, script, want, work = {} } of exits)
    it(`ends with an exit code: ${name}`, async () => {
      const { exitCode, stderr } = await build.run(script, { work })
      assert.equal(exitCode, want)
      if (want === 126 || want === 127) assert.match(stderr, /unable to start container process/)
    })

  it('has the default PATH, HOME of the user, the variables that it is given, and no others', async () => {
    const { stdout } = await build.run('', {
      work: { argv: ['/bin/env'], env: ['A=1', 'B=2'], hiddenEnv: ['http_proxy=p'], user: 'worker' },
    })
    assert.deepEqual(stdout.trim().split('\n').toSorted(), [
      'A=1',
      'B=2',
      'HOME=/tmp',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'http_proxy=p',
    ])
  })

  const users = [
    { user: '', want: 'uid=0(root) gid=0(root) groups=0(root)' },
    { user: 'worker', want: 'uid=1234(worker) gid=1235(worker) groups=1235(worker),2000(extra)' },
    { user: '1234', want: 'uid=1234(worker) gid=1235(worker) groups=1235(worker),2000(extra)' },
    { user: 'worker:extra', want: 'uid=1234(worker) gid=2000(extra) groups=2000(extra)' },
    { user: '77:88', want: 'uid=77 gid=88 groups=88' },
  ]
  for (const { user, want } of users)
    it(`runs as ${JSON.stringify(user)}`, async () => {
      assert.equal((await build.run('id', { work: { user } })).stdout.trim(), want)
    })

  it('refuses a user that the image does not have', async () => {
    assert.match((await build.failure('id', { work: { user: 'nobody-here' } })).message, /unable to find user/)
  })

  it('can write to its own output files as a user', async () => {
    const { exitCode, stdout } = await build.run('echo told > /dev/stdout', { work: { user: 'worker' } })
    assert.deepEqual([exitCode, stdout], [0, 'told\n'])
  })

  it('reads an empty standard input that is no file of the host', async () => {
    const before = fs.statSync('/dev/null')
    const { stdout } = await build.run('cat; readlink /proc/self/fd/0; chmod 600 /proc/self/fd/0 || true', {
      work: { user: 'worker' },
    })
    assert.match(stdout, /^pipe:/)
    const now = fs.statSync('/dev/null')
    assert.deepEqual([now.mode, now.uid], [before.mode, before.uid])
  })

  it('makes the working directory', async () => {
    const { stdout, layer } = await build.run('pwd; stat -c "%u %a" .', { work: { workingDirectory: '/srv/app' } })
    assert.equal(stdout, '/srv/app\n0 755\n')
    assert.deepEqual(layer, ['+ srv', '+ srv/app'])
  })

  it('runs a script of a heredoc as a program, which no layer has', async () => {
    const { stdout, layer } = await build.run('', {
      work: { argv: ['/dev/pipes/EOF'], script: '#!/bin/awk -f\nBEGIN { print "from awk" }\n' },
    })
    assert.deepEqual([stdout, layer], ['from awk\n', undefined])
  })

  it('is a sandbox: capabilities, seccomp, masked and read-only paths, devices', async () => {
    const { stdout } = await build.run(
      'grep -E "CapEff|CapBnd|CapInh|Seccomp:" /proc/self/status; cat /proc/kcore | wc -c; ' +
        '(echo x > /proc/sys/kernel/hostname) 2>&1 || true; ls /dev | sort | tr "\\n" " "; (mount -t tmpfs x /mnt) 2>&1 || true',
    )
    assert.match(stdout, /CapInh:\t0{16}/)
    assert.match(stdout, /CapEff:\t00000000a80425fb/)
    assert.match(stdout, /Seccomp:\t2/)
    assert.match(stdout, /\n0\n/, 'kcore is empty')
    assert.match(stdout, /hostname: Read-only file system/)
    assert.doesNotMatch(stdout, /\bkmsg\b|\bmem\b|\bvda\b/)
    assert.match(stdout, /denied|not permitted/)
  })

  it('has more only with the entitlement security.insecure', async () => {
    const work = { security: 'insecure' } as const
    assert.equal((await build.failure('true', { work })).code, 'BUILD_ENTITLEMENT')
    const { stdout } = await build.run(
      'grep -E "CapEff|Seccomp:" /proc/self/status; mount -t tmpfs x /mnt && echo mounted',
      {
        work,
        entitlements: ['security.insecure'],
        chainIds: await build.state((root) => fs.mkdirSync(join(root, 'mnt'))),
      },
    )
    assert.match(stdout, /Seccomp:\t0/)
    assert.match(stdout, /mounted/)
    assert.doesNotMatch(stdout, /a80425fb/)
  })

  it('has no network but loopback with "none"', async () => {
    const { stdout } = await build.run('ip -o link | wc -l; ip -o addr show lo | grep -c 127.0.0.1', {
      work: { network: 'none' },
    })
    assert.equal(stdout, '1\n1\n')
  })

  it('is on the default bridge with "default", and finds names', async () => {
    const { stdout, layer } = await build.run(
      'ip -o -4 addr show eth0 | grep -c inet; cat /etc/resolv.conf; hostname; grep -c buildkitsandbox /etc/hosts; ping -c 1 -W 2 "$(ip route | sed -n "s/default via \\([^ ]*\\).*/\\1/p")" | grep -c "1 packets received"',
      { work: { network: 'default', extraHosts: ['db=10.1.2.3', 'up:host-gateway'] } },
    )
    assert.match(stdout, /^1\n/)
    assert.match(stdout, /nameserver 127\.0\.0\.11/)
    assert.match(stdout, /buildkitsandbox\n1\n1\n$/)
    assert.equal(layer, undefined, 'no /etc file is in the layer')
    const hosts = await build.run('cat /etc/hosts', { work: { network: 'default', extraHosts: ['db=10.1.2.3'] } })
    assert.match(hosts.stdout, /10\.1\.2\.3\tdb/)
  })

  it('is on the network that the build names', async () => {
    const { networks } = build.engine.context
    await networks.create({ Name: 'side', IPAM: { Config: [{ Subnet: '10.213.77.0/24' }] } })
    const { stdout } = await build.run('ip -o -4 addr show eth0', { network: 'side', work: { network: 'default' } })
    assert.match(stdout, /10\.213\.77\./)
    assert.deepEqual(Object.keys((await networks.inspect('side')).Containers ?? {}), [])
  })

  it('is in the network of the host only with the entitlement network.host', async () => {
    const work = { network: 'host' } as const
    assert.equal((await build.failure('true', { work })).code, 'BUILD_ENTITLEMENT')
    const { stdout } = await build.run('readlink /proc/self/ns/net', { work, entitlements: ['network.host'] })
    assert.equal(stdout.trim(), fs.readlinkSync('/proc/self/ns/net'))
  })

  it('has the limits that it is given', async () => {
    const { stdout } = await build.run(
      'ulimit -n; ulimit -Hn; df -k /dev/shm | tail -n 1; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null || true',
      {
        work: { ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }], shmSizeBytes: 8 * 2 ** 20 },
        memoryBytes: 64 * 2 ** 20,
      },
    )
    assert.match(stdout, /^100\n200\n/)
    assert.match(stdout, /\b8192\b/)
  })

  it('is ended by the kernel beyond its memory', async () => {
    const work = { argv: ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1'] }
    assert.equal((await build.run('', { work, memoryBytes: 24 * 2 ** 20 })).exitCode, 137)
    assert.equal((await build.run('', { work })).exitCode, 0)
  })

  it('is in the cgroup parent that it is given, which goes with it', async () => {
    // from outside: on cgroup v2 a step sees itself at the root of a namespace of its own
    const look = (): string =>
      execFileSync('find', ['/sys/fs/cgroup', '-path', '*/mycompose-test-parent*'], { encoding: 'utf8' })
    let during = ''
    const wish = { cgroupParent: '/mycompose-test-parent', onOutput: () => void (during = look()) }
    await build.run('echo up; sleep 1', wish)
    assert.match(during, /\/mycompose-test-parent\/[0-9a-f]{64}$/m)
    assert.equal(look(), '')
  })

  it('has its own hostname', async () => {
    assert.equal((await build.run('hostname', { work: { hostname: 'other' } })).stdout, 'other\n')
  })

  it('ends all that it started', async () => {
    const { stdout } = await build.run('sleep 1000 & setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!')
    assert.match(stdout, /\d/)
    const { processes } = await findTraces(build.config)
    assert.deepEqual(processes, [])
  })

  it('leaves nothing when it is canceled, whatever it does', async () => {
    const controller = new AbortController()
    const failed = build.failure('trap "" TERM INT HUP; setsid sleep 1000 & echo up; while :; do sleep 1000; done', {
      signal: controller.signal,
      onOutput: () => controller.abort(),
      work: { network: 'default' },
    })
    assert.equal((await failed).code, 'CANCELED')
    const { processes, mounts, netns, files, cgroups } = await findTraces(build.config)
    const { paths, cgroupParent } = build.config
    const ours = mounts.filter((point) => ![paths.containers, paths.buildSteps].includes(point))
    assert.deepEqual({ processes, ours, netns, files }, { processes: [], ours: [], netns: [], files: [] })
    assert.deepEqual(
      cgroups.filter((path) => !path.endsWith(`/${cgroupParent}`)),
      [],
    )
    assert.deepEqual(fs.readdirSync(paths.buildSteps), [])
  })

  it('leaves nothing when it is canceled while it is set up, at any moment', async () => {
    for (let delay = 0; delay < 60; delay += 6) {
      const signal = AbortSignal.timeout(delay)
      const failure = await build
        .run('sleep 1000', { signal, work: { network: 'default' } })
        .catch((error: unknown) => error)
      assert.equal((failure as { code?: string }).code, 'CANCELED', `after ${delay} ms: ${String(failure)}`)
      const { processes, netns, files } = await findTraces(build.config)
      assert.deepEqual({ processes, netns, files }, { processes: [], netns: [], files: [] }, `after ${delay} ms`)
    }
  })

  it('is the same with runc', async () => {
    const runc = { runtime: 'runc' }
    const { exitCode, stdout, stderr, layer } = await build.run(
      'id -un; readlink /proc/self/fd/0; echo told >&2; echo x > /tmp/f; grep CapEff /proc/self/status; exit 3',
      {
        ...runc,
        work: { user: 'worker', network: 'default' },
        chainIds: await build.state((root) => fs.chmodSync(join(root, 'tmp'), 0o1777)),
      },
    )
    assert.match(stdout, /^worker\npipe:.*\nCapEff:\t0{16}\n$/)
    assert.deepEqual([exitCode, stderr, layer], [3, 'told\n', ['+ tmp', '+ tmp/f']])
    assert.equal((await build.run('', { ...runc, work: { argv: ['/no/such'] } })).exitCode, 127)
    const controller = new AbortController()
    const wish = { ...runc, signal: controller.signal, onOutput: () => controller.abort() }
    assert.equal((await build.failure('echo up; sleep 1000', wish)).code, 'CANCELED')
    assert.deepEqual((await findTraces(build.config)).processes, [])
  })

  it('many at a time do not disturb each other', async () => {
    const numbers = Array.from({ length: 6 }, (_, index) => index)
    const runs = await Promise.all(
      numbers.map((number) => build.run(`echo ${number} > /data/own; cat /data/own`, { work: { network: 'default' } })),
    )
    assert.deepEqual(
      runs.map(({ stdout }) => stdout),
      numbers.map((number) => `${number}\n`),
    )
  })

  it('of an engine that died is ended by the next one, with all that it had', async () => {
    const snapshot = await openSnapshot(build.context, build.busybox)
    let isUp = false
    const work = { ...workOf(['/bin/sh', '-c', 'echo up; sleep 1000 & sleep 1000']), network: 'default' as const }
    const step = { snapshot, work, origins: new Map(), secrets: new Map(), ssh: new Map(), entitlements: [] }
    const running = runStep(build.context, step, () => (isUp = true), new AbortController().signal)
    await until(() => isUp, { what: 'the step runs' })
    // the rest of the old engine's work fails or not: it is dead
    running.catch(() => {})
    await recoverSteps(build.engine.context)
    await running.catch(() => {})
    await snapshot.discard()
    const { processes } = await findTraces(build.config)
    assert.deepEqual(processes, [])
    assert.deepEqual(fs.readdirSync(build.config.paths.buildSteps), [])
  })
})

function workOf(argv: readonly string[]): Parameters<typeof runStep>[1]['work'] {
  return {
    kind: 'run',
    argv,
    commandText: 'test',
    env: [],
    hiddenEnv: [],
    workingDirectory: '/',
    user: '',
    mounts: [],
    network: 'none',
    security: 'sandbox',
    script: undefined,
    shmSizeBytes: undefined,
    ulimits: [],
    extraHosts: [],
    hostname: undefined,
  }
}
