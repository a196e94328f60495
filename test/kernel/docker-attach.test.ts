/**
 * run, attach, start -ai and exec by the docker command line against our engine: standard input through pipes, half-closed
 * streams, exit codes, terminals (util-linux' script makes one), keys to leave, and an engine that is killed meanwhile.
 * Where there is no docker CLI nothing but the API itself is tested here.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { StreamSession } from '../../src/api/client/client.ts'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import {
  describeResult,
  runCommand,
  startCommand,
  type CommandResult,
  type RunningCommand,
} from '../support/command.ts'
import { useEngine } from '../support/engine.ts'
import { until } from '../support/poll.ts'

const hasDocker = spawnSync('docker', ['--version']).status === 0
const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

describe('input that nobody reads', () => {
  const engine = useEngine()
  const PASTE = '0123456789abcdef'.repeat(200_000 / 16)
  // more than the kernel keeps in both directions: who waits for the one must not keep the other from going on
  const SCRIPT = `stty raw -echo; echo READY; until [ -e /go ]; do sleep 0.02; done
    head -c 300000 /dev/zero; head -c ${PASTE.length} | md5sum; echo DONE`

  async function paste(id: string, session: StreamSession): Promise<void> {
    const { containers } = engine.client()
    let text = ''
    let isPasted = false
    for await (const { data } of session.output) {
      text = `${text}${data.toString()}`.slice(-1000)
      if (!isPasted && text.includes('READY')) {
        isPasted = true
        session.input.write(PASTE)
        // the engine answers others while that terminal is full
        await engine.ok(['version'])
        await containers.startExecDetached(await containers.createExec(id, { Cmd: ['touch', '/go'] }))
      }
      if (text.includes('DONE')) break
    }
    assert.ok(text.includes(`${md5(PASTE)}  -`), text.slice(-100))
    session.close()
  }

  it('a long paste into exec -t stops nobody, and arrives whole', async () => {
    const { containers } = engine.client()
    const { Id: id } = await containers.create('idle', { Image: BUSYBOX_IMAGE, Cmd: ['sleep', '1000'] })
    await containers.start(id)
    const Cmd = ['sh', '-c', SCRIPT]
    const streams = { Tty: true, AttachStdin: true, AttachStdout: true, AttachStderr: true }
    await paste(id, await containers.startExec(await containers.createExec(id, { Cmd, ...streams }), { tty: true }))
    await containers.remove(id, { force: true })
  })

  it('a long paste into an attached terminal stops nobody, and arrives whole', async () => {
    const { containers } = engine.client()
    const made = { Image: BUSYBOX_IMAGE, Cmd: ['sh', '-c', SCRIPT], Tty: true, OpenStdin: true }
    const { Id: id } = await containers.create('pasted', made)
    const stream = await containers.attach(id, { tty: true, stdin: true })
    await containers.start(id)
    await paste(id, stream)
    await containers.remove(id, { force: true })
  })
})

if (!hasDocker) console.log('no docker CLI on this machine: its tests are not run')
else
  describe('docker CLI: attached', () => {
    const engine = useEngine()
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nonexistent',
      TERM: 'dumb',
      DOCKER_HOST: `unix://${engine.config.paths.socket}`,
    }
    const docker = (args: readonly string[], input?: string): Promise<CommandResult> =>
      runCommand(['docker', ...args], { env, timeoutMs: 60_000, ...(input === undefined ? {} : { input }) })
    const ok = async (args: readonly string[], input?: string): Promise<string> => {
      const result = await docker(args, input)
      assert.equal(result.exitCode, 0, describeResult(result))
      return result.stdout.trimEnd()
    }
    /** In a terminal of its own, into which `input` is typed. */
    const typed = (line: string, input: string): Promise<CommandResult> =>
      runCommand(['script', '-qec', `stty rows 33 cols 77; docker ${line}`, '/dev/null'], {
        env,
        input,
        timeoutMs: 60_000,
      })
    const start = (args: readonly string[]): RunningCommand => startCommand(['docker', ...args], { env })
    const sh = (line: string): string[] => [BUSYBOX_IMAGE, 'sh', '-c', line]

    it('run -i: the end of input, much of it, output after it, exit code', async () => {
      assert.equal(await ok(['run', '--rm', '-i', BUSYBOX_IMAGE, 'cat'], ''), '')
      const much = `${'x'.repeat(63)}\n`.repeat(65_536)
      const summed = await docker(['run', '--rm', '-i', ...sh('md5sum; echo after; exit 9')], much)
      assert.deepEqual([summed.exitCode, summed.stdout], [9, `${md5(much)}  -\nafter\n`], summed.stderr)
      const echoed = await docker(['run', '--rm', '-i', BUSYBOX_IMAGE, 'cat'], much)
      assert.ok(echoed.stdout === much, `${echoed.stdout.length} of ${much.length} bytes came back`)
    })

    it('run -i: who reads no input ends all the same; exit codes 125, 126, 127, 128 + signal', async () => {
      const much = 'y'.repeat(2 ** 20)
      assert.equal((await docker(['run', '--rm', '-i', ...sh('exec <&-; exit 4')], much)).exitCode, 4)
      assert.equal((await docker(['run', '--rm', '-i', BUSYBOX_IMAGE, 'true'], much)).exitCode, 0)
      assert.equal((await docker(['run', '--rm', '--no-such-option', BUSYBOX_IMAGE])).exitCode, 125)
      assert.equal((await docker(['run', '--rm', BUSYBOX_IMAGE, '/etc/passwd'])).exitCode, 126)
      assert.equal((await docker(['run', '--rm', BUSYBOX_IMAGE, 'no-such-program'])).exitCode, 127)
      assert.equal((await docker(['run', '--rm', '--init', ...sh('kill -9 $$')])).exitCode, 137)
      assert.equal(await ok(['ps', '-aq']), '')
    })

    it('start -ai, attach: streams apart, input by name, the container’s exit code', async () => {
      await ok(['create', '-i', '--name', 'again', ...sh('read line; echo got $line; echo err >&2; exit 6')])
      for (const word of ['one', 'two']) {
        const result = await docker(['start', '-ai', 'again'], `${word}\n`)
        assert.deepEqual([result.exitCode, result.stdout, result.stderr], [6, `got ${word}\n`, 'err\n'])
      }
      await ok(['rm', 'again'])
      await ok(['run', '-d', '-i', '--name', 'joined', ...sh('read line; echo got $line; exit 5')])
      // as dockerd: the end of input that stays open for others is the end of the session, but not of the wait
      assert.equal((await docker(['attach', 'joined'], 'late\n')).exitCode, 5)
      assert.equal(await ok(['logs', 'joined']), 'got late')
      assert.notEqual((await docker(['attach', 'joined'])).exitCode, 0)
      await ok(['rm', 'joined'])
    })

    it('attach --sig-proxy: a signal to the client reaches the process', async () => {
      await ok([
        'run',
        '-d',
        '--name',
        'trapped',
        ...sh('trap "echo caught; exit 3" INT; while :; do sleep 0.05; done'),
      ])
      const client = start(['attach', 'trapped'])
      const events = ['events', '--filter', 'container=trapped', '--since', '1m', '--until', '0s']
      await until(async () => /attach/.test(await ok(events)), { what: 'attached' })
      client.signal('SIGINT')
      const { exitCode, stdout } = await client.exited
      assert.deepEqual([exitCode, stdout], [3, 'caught\n'])
      await ok(['rm', 'trapped'])
    })

    it('a terminal: size, keys to leave, joined again after the engine was killed, removed at its end', async () => {
      const left = await typed(
        `run --rm -it --name shell --detach-keys ctrl-a,d ${BUSYBOX_IMAGE} sh`,
        'W=kept; stty size\n\x01d',
      )
      assert.equal(left.exitCode, 0, describeResult(left))
      await until(async () => /33 77/.test(await ok(['logs', 'shell'])), { what: 'the size has arrived' })
      const pid = engine.pid()
      assert.ok(pid !== undefined)
      process.kill(pid, 'SIGKILL')
      await engine.ok(['engine', 'start'])
      const ended = await typed('attach shell', 'echo $W-again\nexit 4\n')
      assert.match(ended.stdout, /kept-again/)
      assert.equal(ended.exitCode, 4)
      await until(async () => (await ok(['ps', '-aq'])) === '', { what: 'removed' })
    })

    it('exec: events, detached, input that ends, a user; codes 126 and 127', async () => {
      await ok(['run', '-d', '--name', 'x1', BUSYBOX_IMAGE, 'sleep', '1000'])
      assert.equal(await ok(['exec', '-i', '-u', 'worker', 'x1', 'sh', '-c', 'cat; id -un'], 'in\n'), 'in\nworker')
      await ok(['exec', '-d', 'x1', 'touch', '/tmp/made'])
      await until(async () => (await docker(['exec', 'x1', 'test', '-e', '/tmp/made'])).exitCode === 0, {
        what: 'made',
      })
      assert.equal((await docker(['exec', 'x1', '/etc/passwd'])).exitCode, 126)
      assert.equal((await docker(['exec', 'x1', 'no-such-program'])).exitCode, 127)
      const lines = (await ok(['events', '--since', '1m', '--until', '0s', '--format', '{{json .}}'])).split('\n')
      const actions = lines.map((line) => (JSON.parse(line) as { Action: string }).Action)
      for (const action of ['exec_create: touch /tmp/made', 'exec_start: touch /tmp/made', 'exec_die'])
        assert.ok(actions.includes(action), `${action} in ${actions.join(', ')}`)
      await ok(['rm', '-f', 'x1'])
    })
  })
