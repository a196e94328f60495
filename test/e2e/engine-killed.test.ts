/**
 * The engine is killed in the middle of requests of every kind: each command line ends by itself, with code 1 and words
 * that say what happened, none hangs or shows a stack, and the next command works on what is there.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { describeResult, type CommandResult, type RunningCommand } from '../support/command.ts'
import { composeFile, containersOf, idle, shell } from '../support/compose.ts'
import { useEngine, type EngineUnderTest } from '../support/engine.ts'
import { until } from '../support/poll.ts'

const GONE =
  /^error: .*(?:the engine at \S+ ended|the engine has gone away|the connection to the engine is lost|cannot reach the engine)/m
const talker = shell('i=0; while true; do i=$((i+1)); echo "line $i"; sleep 0.1; done', { stop_signal: 'SIGKILL' })
const stubborn = shell("trap '' TERM; echo up; while true; do sleep 1; done", { stop_grace_period: '600s' })
const sick = idle({
  healthcheck: { test: ['CMD', 'false'], interval: '1s', start_period: '1000s', start_interval: '1s' },
})

function signalEngine(engine: EngineUnderTest, signal: NodeJS.Signals): void {
  const pid = engine.pid()
  assert.ok(pid !== undefined, 'the engine runs')
  process.kill(pid, signal)
}

function checkGone(result: CommandResult): void {
  assert.equal(result.exitCode, 1, describeResult(result))
  assert.match(result.stderr, GONE, describeResult(result))
  assert.match(result.stderr, /^hint: /m, describeResult(result))
  assert.doesNotMatch(result.stderr, /^\s+at .*:\d+:\d+/m, 'no stack')
}

/** Sockets of the engine's path: its own, and one for each connection that it has not taken yet. */
function socketCount(path: string): number {
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(` ${path}`)).length
}

describe('an engine that is killed', () => {
  const engine = useEngine()

  test('ends what was waiting for it, whatever that was, and the containers go on', async () => {
    await using project = engine.project(composeFile('midway', { talker }))
    await using stuck = engine.project(composeFile('stuck', { stubborn }))
    await using waiting = engine.project(composeFile('waiting', { sick }))
    await using attached = engine.project(composeFile('attached', { talker }))
    await project.ok('up', '-d')
    await stuck.ok('up', '-d')
    await until(async () => /up/.test(await stuck.ok('logs', 'stubborn')), { what: 'stubborn ignores SIGTERM' })
    const begun = (command: RunningCommand, pattern: RegExp) => ({ command, pattern })
    const say = ['sh', '-c', 'echo begun; exec sleep 1000'] as const
    const commands = [
      begun(project.start('logs', '-f', 'talker'), /line \d/),
      begun(project.start('exec', '-T', 'talker', ...say), /begun/),
      begun(project.start('run', '--rm', '-T', 'talker', ...say), /begun/),
      begun(project.start('attach', '--no-stdin', 'talker'), /line \d/),
      begun(project.start('stats', 'talker'), /midway-talker-1/),
      begun(stuck.start('down', '-t', '600'), /stubborn-1 +Stopping/),
      begun(waiting.start('up', '-d', '--wait'), /sick-1 +Waiting/),
      begun(attached.start('up'), /line \d/),
    ]
    const wait = project.start('wait', 'talker')
    const events = project.start('events')
    for (const { command, pattern } of commands) await command.waitFor(pattern)
    signalEngine(engine, 'SIGKILL')
    for (const { exited } of [...commands.map(({ command }) => command), wait, events]) checkGone(await exited)
    const states = async (name: string): Promise<string[]> =>
      (await containersOf(engine.client(), name)).map(({ Name, State }) => `${Name} ${State.Status}`)
    await waiting.ok('ps')
    assert.deepEqual(await states('waiting'), ['/waiting-sick-1 running'])
    assert.deepEqual(await states('attached'), ['/attached-talker-1 running'])
    assert.deepEqual(await states('stuck'), ['/stuck-stubborn-1 running'])
    assert.ok((await states('midway')).includes('/midway-talker-1 running'))
  })

  test('and so does one that had not even taken the connection', async () => {
    await using project = engine.project(composeFile('unheard', { one: idle() }))
    await project.ok('up', '-d')
    signalEngine(engine, 'SIGSTOP')
    const before = socketCount(engine.config.paths.socket)
    const ps = project.start('ps')
    // one to see whether it listens, one with the request
    await until(() => socketCount(engine.config.paths.socket) >= before + 2, { what: 'ps waits for its answer' })
    signalEngine(engine, 'SIGKILL')
    checkGone(await ps.exited)
    assert.match(await project.ok('ps'), /unheard-one-1/)
  })

  test('a pull that was under way is told by its end, and leaves nothing', async () => {
    const asked = Promise.withResolvers<void>()
    const registry = createServer(() => asked.resolve()).listen(0, '127.0.0.1')
    await once(registry, 'listening')
    const { port } = registry.address() as AddressInfo
    const sockets = new Set<Socket>()
    registry.on('connection', (socket) => void sockets.add(socket.on('error', () => {})))
    const pull = request({
      socketPath: engine.config.paths.socket,
      method: 'POST',
      path: `/images/create?fromImage=127.0.0.1:${port}/some/image&tag=1`,
    })
    const over = new Promise<void>((resolve) => pull.once('close', resolve).on('error', () => {}))
    pull.on('response', (response) => void response.on('error', () => {}).resume()).end()
    await asked.promise
    signalEngine(engine, 'SIGKILL')
    await over
    for (const socket of sockets) socket.destroy()
    registry.close()
    await engine.ok(['ls'])
    assert.deepEqual(readdirSync(engine.config.paths.temporary), [])
  })
})
