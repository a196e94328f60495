/** RUN --mount: what a step sees, what stays, and that mount points are in no layer. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { RunMount } from '../../src/engine/build/plan.ts'
import { findTraces } from '../support/leaks.ts'
import { until } from '../support/poll.ts'
import { hostOrigin, openBuildEngine, type BuildEngine, type StepWish } from './build-run-support.ts'

const main = { kind: 'context', name: 'context', source: { kind: 'directory', path: '/' } } as const

type Bind = Extract<RunMount, { kind: 'bind' }>
type Cache = Extract<RunMount, { kind: 'cache' }>

function bind(more: Partial<Bind> = {}): Bind {
  return { kind: 'bind', target: '/src', from: main, source: '', readOnly: true, ...more }
}

function cache(more: Partial<Cache> = {}): Cache {
  const owner = { mode: 0o755, uid: 0, gid: 0 }
  return {
    kind: 'cache',
    target: '/cache',
    id: 'c',
    sharing: 'shared',
    from: undefined,
    source: '',
    readOnly: false,
    ...owner,
    ...more,
  }
}

function secret(more: Partial<Extract<RunMount, { kind: 'secret' }>> = {}): RunMount {
  const owner = { mode: 0o400, uid: 0, gid: 0 }
  return {
    kind: 'secret',
    id: 'token',
    target: '/run/secrets/token',
    env: undefined,
    required: false,
    ...owner,
    ...more,
  }
}

function ssh(more: Partial<Extract<RunMount, { kind: 'ssh' }>> = {}): RunMount {
  const owner = { mode: 0o600, uid: 0, gid: 0 }
  return { kind: 'ssh', id: 'default', target: '/run/buildkit/ssh_agent.0', required: false, ...owner, ...more }
}

describe('RUN --mount', () => {
  let build: BuildEngine
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    build = await openBuildEngine({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
  })

  const withMounts = (mounts: readonly RunMount[], folder?: string, more: StepWish = {}): StepWish => ({
    ...more,
    work: { ...more.work, mounts },
    origins: new Map(folder === undefined ? [] : mounts.map((_, index) => [index, hostOrigin(folder)])),
  })

  describe('bind', () => {
    it('shows a folder of the context, read-only, with no trace in the layer', async () => {
      const folder = build.folder({ 'a/b.txt': 'B' })
      const { stdout, layer } = await build.run(
        'cat /src/a/b.txt; echo; touch /src/x 2>&1 || true',
        withMounts([bind()], folder),
      )
      assert.match(stdout, /^B\n.*Read-only file system/)
      assert.equal(layer, undefined)
    })

    it('takes a folder or a file inside, links within the origin followed', async () => {
      const folder = build.folder({ 'a/b.txt': 'B' })
      fs.symlinkSync('/a', join(folder, 'link'))
      const mounts = [bind({ source: 'link' }), bind({ source: 'a/b.txt', target: '/one.txt' })]
      assert.equal((await build.run('cat /src/b.txt /one.txt', withMounts(mounts, folder))).stdout, 'BB')
    })

    it('hides what .dockerignore leaves out', async () => {
      const folder = build.folder({ 'a/keep': 'K', 'a/.env': 'E', '.git/config': 'G', 'a/deep/x': 'X' })
      const hidden = ['a/.env', '.git', 'a/deep/x']
      const wish = withMounts([bind()], folder)
      const { stdout } = await build.run('cd /src; find . | sort', {
        ...wish,
        origins: new Map([[0, hostOrigin(folder, hidden)]]),
      })
      assert.equal(stdout, '.\n./a\n./a/deep\n./a/keep\n')
      const written = await build.run('cd /src; find . | sort', {
        ...withMounts([bind({ readOnly: false })], folder),
        origins: new Map([[0, hostOrigin(folder, hidden)]]),
      })
      assert.equal(written.stdout, stdout)
      for (const source of ['.git', '.git/config', 'a/.env']) {
        const failure = await build.failure('true', {
          ...withMounts([bind({ source })], folder),
          origins: new Map([[0, hostOrigin(folder, hidden)]]),
        })
        assert.equal(failure.code, 'MOUNT_SOURCE', source)
      }
      const below = await build.run('ls -A /src', {
        ...withMounts([bind({ source: 'a' })], folder),
        origins: new Map([[0, hostOrigin(folder, hidden)]]),
      })
      assert.equal(below.stdout, 'deep\nkeep\n')
    })

    it('is root’s, though the folder of the host is another user’s: git asks', async () => {
      const folder = build.folder({ '.git/config': 'G', 'a/f': 'F' })
      execFileSync('chown', ['-R', '1000:1000', folder])
      for (const readOnly of [true, false]) {
        const { stdout } = await build.run(
          'stat -c "%u %g" /src /src/.git; cat /src/.git/config',
          withMounts([bind({ readOnly })], folder),
        )
        assert.equal(stdout, '0 0\n0 0\nG')
      }
      const inside = await build.run('stat -c %u /src', withMounts([bind({ source: 'a' })], folder))
      assert.equal(inside.stdout, '0\n')
      assert.equal(fs.statSync(join(folder, '.git')).uid, 1000)
    })

    it('throws away what is written to one that is rw, folder or file', async () => {
      const folder = build.folder({ f: 'old', g: 'old' })
      const mounts = [bind({ readOnly: false }), bind({ readOnly: false, source: 'g', target: '/g' })]
      const script = 'echo new > /src/f; echo more > /src/more; rm -f /src/g; cat /src/f; echo new > /g; cat /g'
      const { stdout, layer } = await build.run(script, withMounts(mounts, folder))
      assert.equal(stdout, 'new\nnew\n')
      assert.equal(layer, undefined)
      assert.deepEqual(fs.readdirSync(folder).toSorted(), ['f', 'g'])
      assert.equal(fs.readFileSync(join(folder, 'f'), 'utf8'), 'old')
      assert.equal(fs.readFileSync(join(folder, 'g'), 'utf8'), 'old')
      assert.deepEqual(fs.readdirSync(build.config.paths.temporary), [])
    })

    it('may hold other mounts where the context has no folder for them', async () => {
      const folder = build.folder({ 'package.json': '{}' })
      const mounts = [
        bind(),
        cache({ target: '/src/node_modules' }),
        bind({ target: '/src/one', source: 'package.json' }),
      ]
      const { stdout, layer } = await build.run(
        'echo x > /src/node_modules/x; ls /src; cat /src/one',
        withMounts(mounts, folder),
      )
      assert.equal(stdout, 'node_modules\none\npackage.json\n{}')
      assert.equal(layer, undefined)
      assert.deepEqual(fs.readdirSync(folder), ['package.json'])
    })

    it('shows a state', async () => {
      const chainIds = await build.state((root) => fs.writeFileSync(join(root, 'data/stage'), 'S'))
      await build.engine.context.layers.withImageMounted(chainIds, async (root) => {
        const origins = new Map([[0, { folder: root, kind: 'state' as const, identity: 'x' }]])
        const script = 'cat /src/stage; touch /src/new 2>&1 || true'
        const wish = { work: { mounts: [bind({ source: '/data' })] }, origins }
        assert.match((await build.run(script, wish)).stdout, /^S.*Read-only/)
        const written = { work: { mounts: [bind({ source: '/data', readOnly: false })] }, origins }
        assert.equal((await build.run('echo N > /src/stage; cat /src/stage', written)).stdout, 'N\n')
        assert.equal(fs.readFileSync(join(root, 'data/stage'), 'utf8'), 'S')
      })
    })

    it('says when the file system of the context cannot be under an overlay', async () => {
      const folder = build.folder()
      for (const name of ['a', 'b', 'one', 'two']) fs.mkdirSync(join(folder, name))
      const over = (lower: string, target: string): void => {
        const options = `lowerdir=${join(folder, lower)}:${join(folder, 'b')}`
        execFileSync('mount', ['-t', 'overlay', '-o', options, 'overlay', join(folder, target)])
      }
      over('a', 'one')
      over('one', 'two') // as deep as the kernel lets them be
      try {
        const failure = await build.failure('true', withMounts([bind()], join(folder, 'two')))
        assert.equal(failure.code, 'MOUNT_SOURCE')
        assert.match(failure.message, /file system cannot be below an overlay/)
      } finally {
        for (const name of ['two', 'one']) execFileSync('umount', [join(folder, name)])
      }
    })

    it('says which source is not there', async () => {
      const failure = await build.failure('true', withMounts([bind({ source: 'no/such' })], build.folder()))
      assert.deepEqual(
        [failure.code, failure.message],
        ['MOUNT_SOURCE', 'cannot mount "no/such" on /src: it is not there'],
      )
    })
  })

  describe('cache', () => {
    it('keeps what is written from step to step, apart by id and owner', async () => {
      const put = (mount: RunMount, text: string): StepWish =>
        withMounts([mount], undefined, { work: { env: [`T=${text}`] } })
      const { layer } = await build.run('echo $T > /cache/f', put(cache({ id: 'kept' }), 'one'))
      assert.equal(layer, undefined)
      const read = async (mount: RunMount): Promise<string> =>
        (await build.run('cat /cache/f 2>/dev/null || echo none', withMounts([mount]))).stdout
      assert.equal(await read(cache({ id: 'kept' })), 'one\n')
      assert.equal(await read(cache({ id: 'kept', target: '/cache' })), 'one\n')
      assert.equal(await read(cache({ id: 'other' })), 'none\n')
      assert.equal(await read(cache({ id: 'kept', uid: 1234 })), 'none\n')
    })

    it('has the mode and the owner that it is given', async () => {
      const mount = cache({ id: 'owned', uid: 1234, gid: 1235, mode: 0o700 })
      const { stdout, exitCode } = await build.run('stat -c "%u %g %a" /cache; touch /cache/mine', {
        ...withMounts([mount]),
        work: { mounts: [mount], user: 'worker' },
      })
      assert.deepEqual([stdout, exitCode], ['1234 1235 700\n', 0])
    })

    it('begins with a folder of its origin, once', async () => {
      const folder = build.folder({ 'seed/f': 'S', 'other/g': 'O' })
      const mount = cache({ id: 'seeded', from: main, source: 'seed' })
      const first = await build.run('cat /cache/f; ls /cache; echo changed > /cache/f', withMounts([mount], folder))
      assert.equal(first.stdout, 'Sf\n')
      assert.equal((await build.run('cat /cache/f', withMounts([mount], folder))).stdout, 'changed\n')
      assert.equal(fs.readFileSync(join(folder, 'seed/f'), 'utf8'), 'S')
    })

    it('is only read where that is asked for', async () => {
      const { stdout } = await build.run(
        'touch /cache/x 2>&1 || true',
        withMounts([cache({ id: 'ro', readOnly: true })]),
      )
      assert.match(stdout, /Read-only/)
    })

    it('shows a folder inside of it, and none outside', async () => {
      await build.run('echo in > /cache/out', withMounts([cache({ id: 'sub' })]))
      const sub = cache({ id: 'sub', source: '../../../inner' })
      const { stdout } = await build.run('ls -A /cache; echo deep > /cache/deep', withMounts([sub]))
      assert.equal(stdout, '')
      assert.equal((await build.run('cat /cache/inner/deep', withMounts([cache({ id: 'sub' })]))).stdout, 'deep\n')
    })

    /** Two steps at once; each says when it begins and ends. */
    async function overlap(sharing: Cache['sharing']): Promise<string[]> {
      const events: string[] = []
      const step = (name: string): Promise<unknown> =>
        build.run(`echo ${name}+; sleep 0.5; echo ${name}-`, {
          ...withMounts([cache({ id: `o-${sharing}`, sharing })]),
          onOutput: (text) => events.push(...text.trim().split('\n')),
        })
      await Promise.all([step('a'), step('b')])
      return events.map((event) => event.slice(1))
    }

    it('shared: both at once', async () => assert.deepEqual(await overlap('shared'), ['+', '+', '-', '-']))
    it('private: both at once', async () => assert.deepEqual(await overlap('private'), ['+', '+', '-', '-']))
    it('locked: one after the other', async () => assert.deepEqual(await overlap('locked'), ['+', '-', '+', '-']))

    it('private: a second user at the same time has another folder', async () => {
      const mount = cache({ id: 'p', sharing: 'private' })
      const script = 'echo x >> /cache/f; sleep 0.5; wc -l < /cache/f'
      const runs = await Promise.all([build.run(script, withMounts([mount])), build.run(script, withMounts([mount]))])
      assert.deepEqual(
        runs.map(({ stdout }) => stdout),
        ['1\n', '1\n'],
      )
      assert.equal((await build.run(script, withMounts([mount]))).stdout, '2\n')
    })

    it('twice in one step is one, and two steps with two never wait for each other', async () => {
      const twice = [cache({ id: 't', sharing: 'locked' }), cache({ id: 't', sharing: 'locked', target: '/again' })]
      assert.equal((await build.run('echo x > /cache/f; cat /again/f', withMounts(twice))).stdout, 'x\n')
      const [one, two] = [
        cache({ id: 'l1', sharing: 'locked' }),
        cache({ id: 'l2', sharing: 'locked', target: '/two' }),
      ]
      const orders = [
        [one, two],
        [two, one],
      ]
      await Promise.all([...orders, ...orders].map((mounts) => build.run('sleep 0.1', withMounts(mounts))))
    })

    it('is let go when a step that waits for it is canceled', async () => {
      const mount = cache({ id: 'w', sharing: 'locked' })
      const controller = new AbortController()
      const holder = build.run('sleep 1', withMounts([mount]))
      const waiter = build.failure('true', { ...withMounts([mount]), signal: controller.signal })
      setTimeout(() => controller.abort(), 200)
      assert.equal((await waiter).code, 'CANCELED')
      await holder
      assert.equal((await build.run('true', withMounts([mount]))).exitCode, 0)
    })

    it('is listed and can be removed when it is not in use', async () => {
      const { cacheMounts } = build.context
      const mount = cache({ id: 'gone' })
      await build.run('head -c 100000 /dev/zero > /cache/f', withMounts([mount]))
      const found = (await cacheMounts.list()).find(({ id }) => id === 'gone')
      assert.ok(found !== undefined)
      assert.ok(found.sizeBytes >= 100_000)
      assert.equal(found.inUse, false)
      let isUp = false
      const holder = build.run('echo up; sleep 0.5', { ...withMounts([mount]), onOutput: () => (isUp = true) })
      await until(() => isUp, { what: 'the step runs' })
      assert.equal(await cacheMounts.remove(found.key), false)
      await holder
      assert.equal(await cacheMounts.remove(found.key), true)
      assert.equal(await cacheMounts.remove(found.key), false)
      assert.equal(await cacheMounts.remove('../../layers'), false)
      assert.equal((await build.run('ls -A /cache', withMounts([mount]))).stdout, '')
    })
  })

  it('tmpfs: empty, of the size that is given, with programs that run', async () => {
    const mount: RunMount = { kind: 'tmpfs', target: '/mem', sizeBytes: 2 ** 20 }
    const script =
      'df -k /mem | tail -n 1; cp /bin/busybox /mem/ 2>/dev/null; printf "#!/bin/sh\\necho ran" > /mem/p; chmod +x /mem/p; /mem/p'
    const { stdout, layer } = await build.run(
      'rm -f /mem/busybox; ' + script.replace('cp /bin/busybox /mem/ 2>/dev/null; ', ''),
      withMounts([mount]),
    )
    assert.match(stdout, /\b1024\b/)
    assert.match(stdout, /ran\n$/)
    assert.equal(layer, undefined)
  })

  describe('secret', () => {
    const secrets = new Map([['token', Buffer.from('s3cr3t-value')]])

    it('is a file that only its owner reads, in no layer', async () => {
      const { stdout, layer } = await build.run(
        'stat -c "%a %u %g" /run/secrets/token; cat /run/secrets/token; ls /run',
        {
          ...withMounts([secret()]),
          secrets,
        },
      )
      assert.equal(stdout, '400 0 0\ns3cr3t-valuesecrets\n')
      assert.equal(layer, undefined)
    })

    it('has the owner and mode that it is given', async () => {
      const mount = secret({ uid: 1234, gid: 1235, mode: 0o440, target: '/etc/token' })
      const { stdout } = await build.run('stat -c "%a %u %g" /etc/token; cat /etc/token', {
        work: { mounts: [mount], user: 'worker' },
        secrets,
      })
      assert.equal(stdout, '440 1234 1235\ns3cr3t-value')
    })

    it('is a variable, a file, or both', async () => {
      const only = secret({ target: undefined, env: 'TOKEN' })
      const { stdout } = await build.run('echo $TOKEN; ls -A /run 2>/dev/null || true', {
        ...withMounts([only]),
        secrets,
      })
      assert.equal(stdout, 's3cr3t-value\n')
      const both = secret({ env: 'TOKEN' })
      assert.equal(
        (await build.run('echo $TOKEN; cat /run/secrets/token', { ...withMounts([both]), secrets })).stdout,
        's3cr3t-value\ns3cr3t-value',
      )
    })

    it('is missed only when it is required', async () => {
      assert.equal((await build.run('ls /run/secrets 2>&1 || true', withMounts([secret()]))).exitCode, 0)
      assert.equal((await build.failure('true', withMounts([secret({ required: true })]))).code, 'BUILD_SECRET_MISSING')
    })

    it('is no variable with a NUL byte', async () => {
      const wish = { ...withMounts([secret({ env: 'T' })]), secrets: new Map([['token', Buffer.from('a\0b')]]) }
      assert.equal((await build.failure('true', wish)).code, 'BUILD_SECRET_VALUE')
    })

    it('is on no disk, in no argument and no environment of the host while the step runs', async () => {
      let isUp = false
      const running = build.run('echo up; read x < /proc/self/fd/0 || true; sleep 1', {
        ...withMounts([secret({ env: 'TOKEN' })]),
        secrets,
        onOutput: () => (isUp = true),
      })
      await until(() => isUp, { what: 'the step runs' })
      const { root, run } = build.config.paths
      // -xdev: the step's own tmpfs is another file system
      const found = execFileSync(
        'sh',
        ['-c', `find ${root} ${run} -xdev -type f -exec grep -l s3cr3t-value {} + 2>/dev/null || true`],
        { encoding: 'utf8' },
      )
      assert.equal(found, '')
      const processes = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
      const names: string[] = []
      for (const pid of processes)
        for (const file of ['cmdline', 'environ'])
          try {
            if (fs.readFileSync(`/proc/${pid}/${file}`).includes('s3cr3t-value'))
              names.push(`${file} ${fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]}`)
          } catch {} // it has ended
      // the step's own processes have it as their variable: that was asked for
      assert.deepEqual(
        names.filter((name) => !/^environ (\/bin\/sh|sleep)/.test(name)),
        [],
      )
      const step = fs
        .readdirSync(build.config.paths.buildSteps)
        .map((name) => join(build.config.paths.buildSteps, name))
      for (const folder of step)
        assert.equal(execFileSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }), 'tmpfs\n')
      assert.equal(fs.statSync(build.config.paths.buildSteps).mode & 0o7777, 0o700)
      await running
    })
  })

  describe('ssh', () => {
    /** Answers each message with itself, as a stand-in for an agent. */
    function openAgent(): Disposable & { readonly path: string } {
      const path = join(build.folder(), 'agent')
      const open = new Set<Socket>()
      const server = createServer((socket) => {
        open.add(socket)
        socket.on('error', () => {})
        socket.pipe(socket)
      }).listen(path)
      return {
        path,
        [Symbol.dispose]() {
          server.close()
          for (const socket of open) socket.destroy()
        },
      }
    }

    /** A step that waits for its end; and a connection to the socket that it sees. */
    async function connectInside(mount: RunMount, agentPath: string) {
      const controller = new AbortController()
      let text = ''
      const ended = build
        .run('echo $SSH_AUTH_SOCK; stat -c "%F %a %u %g" $SSH_AUTH_SOCK; sleep 60', {
          work: { mounts: [mount], user: 'worker' },
          ssh: new Map([['default', agentPath]]),
          signal: controller.signal,
          onOutput: (chunk) => (text += chunk),
        })
        .catch(() => {})
      await until(() => text.includes('socket'), { what: 'the step runs' })
      const { processes } = await findTraces(build.config)
      const pid = Number.parseInt(processes.find((line) => line.includes('sleep 60')) ?? '', 10)
      const socket = connect(`/proc/${pid}/root/run/buildkit/ssh_agent.0`)
      const end = async (): Promise<void> => {
        controller.abort()
        await ended
      }
      return { socket, text, end }
    }

    it('hands connections on to the agent, by a socket with the owner that is asked for', async () => {
      using agent = openAgent()
      const mount = ssh({ uid: 1234, gid: 1235, mode: 0o660 })
      const { socket, text, end } = await connectInside(mount, agent.path)
      socket.write('hello')
      const [answer] = (await once(socket, 'data')) as [Buffer]
      assert.equal(answer.toString(), 'hello')
      assert.equal(text, '/run/buildkit/ssh_agent.0\nsocket 660 1234 1235\n')
      const closed = once(socket, 'close') // open at the end of the step: closed with it
      await end()
      await closed
      assert.deepEqual(fs.readdirSync(build.config.paths.buildSteps), [])
    })

    it('has no socket when the agent has gone', async () => {
      const agent = openAgent()
      const { socket, end } = await connectInside(ssh(), agent.path)
      agent[Symbol.dispose]()
      await once(socket, 'close')
      await end()
    })

    it('is missed only when it is required', async () => {
      assert.equal((await build.run('echo "[$SSH_AUTH_SOCK]"', withMounts([ssh()]))).stdout, '[]\n')
      assert.equal((await build.failure('true', withMounts([ssh({ required: true })]))).code, 'BUILD_SSH_MISSING')
    })
  })

  describe('mount points', () => {
    it('go again with all folders that were made for them, times and all', async () => {
      const mounts: RunMount[] = [
        { kind: 'tmpfs', target: '/new/deep/point', sizeBytes: undefined },
        secret({ target: '/etc/deep/token' }),
      ]
      const { layer } = await build.run('true', {
        ...withMounts(mounts),
        secrets: new Map([['token', Buffer.from('x')]]),
      })
      assert.equal(layer, undefined)
    })

    it('stay with what the step put beside them', async () => {
      const mounts: RunMount[] = [{ kind: 'tmpfs', target: '/new/deep/point', sizeBytes: undefined }]
      const { layer } = await build.run('echo x > /new/beside; echo y > /new/deep/point/lost', withMounts(mounts))
      assert.deepEqual(layer, ['+ new', '+ new/beside'])
    })

    it('that were there stay', async () => {
      const mounts: RunMount[] = [{ kind: 'tmpfs', target: '/data', sizeBytes: undefined }]
      const { layer, stdout } = await build.run('ls -A /data', withMounts(mounts))
      assert.deepEqual([layer, stdout], [undefined, ''])
    })

    it('lie where links of the image lead', async () => {
      const chainIds = await build.state((root) => {
        fs.mkdirSync(join(root, 'real'))
        fs.symlinkSync('/real', join(root, 'link'))
      })
      const mounts: RunMount[] = [{ kind: 'tmpfs', target: '/link/point', sizeBytes: undefined }]
      const { layer, stdout } = await build.run('grep -c " /real/point " /proc/self/mountinfo', {
        ...withMounts(mounts),
        chainIds,
      })
      assert.deepEqual([layer, stdout], [undefined, '1\n'])
    })

    it('cannot be made in a file', async () => {
      const mounts: RunMount[] = [{ kind: 'tmpfs', target: '/etc/passwd/point', sizeBytes: undefined }]
      assert.equal((await build.failure('true', withMounts(mounts))).code, 'MOUNT_TARGET')
    })

    it('for resolv.conf, when that is a link to nowhere, are made there and go again', async () => {
      const chainIds = await build.state((root) =>
        fs.symlinkSync('../run/resolve/stub.conf', join(root, 'etc/resolv.conf')),
      )
      const { layer, stdout } = await build.run('cat /etc/resolv.conf', { work: { network: 'default' }, chainIds })
      assert.match(stdout, /nameserver/)
      assert.equal(layer, undefined)
    })
  })
})
