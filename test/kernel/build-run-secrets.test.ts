/** Secrets and ssh agents of RUN: in no layer, on no disk, in no environment but the step’s. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { RunMount } from '../../src/engine/build/plan.ts'
import { findTraces } from '../support/leaks.ts'
import { until } from '../support/poll.ts'
import { secret, ssh, withMounts } from './build-run-mount-kinds.ts'
import { openBuildEngine, type BuildEngine } from './build-run-support.ts'

describe('RUN with secrets', () => {
  let build: BuildEngine
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    build = await openBuildEngine({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
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
})
