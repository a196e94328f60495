/** Attached `up`, signals, `logs` and `exec`: streams and exit codes as scripts rely on them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { composeFile, containersOf, idle, shell } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'

describe('attached up', () => {
  const engine = useEngine()

  test('prints the output with prefixes and ends when all services have ended', async () => {
    await using project = engine.project(composeFile('short', { a: shell('echo from a'), b: shell('echo from b >&2') }))
    const { exitCode, stdout, stderr } = await project.run('up')
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /^a-1\s+\| from a$/m)
    assert.match(stderr, /^b-1\s+\| from b$/m)
  })

  test('Ctrl-C stops the services gracefully and exits with 130', async () => {
    const line = "trap 'echo ended well; exit 0' TERM; echo ready; sleep 1000 & wait"
    await using project = engine.project(composeFile('interrupted', { a: shell(line) }))
    const up = project.start('up')
    await up.waitFor(/\| ready/)
    up.signal('SIGINT')
    const { exitCode, stdout } = await up.exited
    assert.equal(exitCode, 130)
    assert.match(stdout, /\| ended well/)
    const [container] = await containersOf(engine.client(), 'interrupted')
    assert.deepEqual([container?.State.Status, container?.State.ExitCode], ['exited', 0])
  })

  test('a second Ctrl-C kills what does not stop', async () => {
    const line = "trap 'echo will not' TERM; echo ready; while true; do sleep 1000 & wait; done"
    await using project = engine.project(composeFile('stubborn', { a: shell(line, { stop_grace_period: '600s' }) }))
    const up = project.start('up')
    await up.waitFor(/\| ready/)
    up.signal('SIGINT')
    await up.waitFor(/\| will not/)
    up.signal('SIGINT')
    const { exitCode, durationMs } = await up.exited
    assert.equal(exitCode, 130)
    assert.ok(durationMs < 300_000, `took ${durationMs} ms`)
    const [container] = await containersOf(engine.client(), 'stubborn')
    assert.equal(container?.State.ExitCode, 137)
  })

  test('--exit-code-from stops the rest and passes the code on', async () => {
    const services = { tests: shell('echo checking; exit 7'), server: idle() }
    await using project = engine.project(composeFile('checks', services))
    const { exitCode } = await project.run('up', '--exit-code-from', 'tests')
    assert.equal(exitCode, 7)
    const states = (await containersOf(engine.client(), 'checks')).map(({ State }) => State.Status)
    assert.deepEqual(states, ['exited', 'exited'])
  })
})

describe('exec', () => {
  const engine = useEngine()

  test('passes input, both outputs, environment, user, folder and exit code', async () => {
    await using project = engine.project(composeFile('execs', { a: idle() }))
    await project.ok('up', '-d')
    const line = 'cat; echo $WORD; pwd; id -u; echo oops >&2; exit 5'
    const args = ['exec', '-T', '-e', 'WORD=hello', '-w', '/tmp', '-u', 'worker', 'a', 'sh', '-c', line]
    const { exitCode, stdout, stderr } = await engine.run(args, { cwd: project.folder, input: 'typed\n' })
    assert.deepEqual([exitCode, stdout, stderr], [5, 'typed\nhello\n/tmp\n1234\n', 'oops\n'])
  })

  test('127 for a program that is not there, 126 for one that cannot run', async () => {
    await using project = engine.project(composeFile('codes', { a: idle() }))
    await project.ok('up', '-d')
    assert.equal((await project.run('exec', '-T', 'a', '/no/such/program')).exitCode, 127)
    assert.equal((await project.run('exec', '-T', 'a', '/etc/passwd')).exitCode, 126)
  })

  test('a service that does not run is an error that says so', async () => {
    await using project = engine.project(composeFile('absent', { a: idle() }))
    const { exitCode, stderr } = await project.run('exec', '-T', 'a', 'true')
    assert.equal(exitCode, 1)
    assert.match(stderr, /"a" is not running/)
  })
})

describe('logs', () => {
  const engine = useEngine()

  test('keep the order of both streams, the last lines with -n, time stamps with -t', async () => {
    const line = 'for i in 1 2 3; do echo out $i; echo err $i >&2; done'
    await using project = engine.project(composeFile('order', { a: shell(line) }))
    await project.run('up')
    const all = (await project.ok('logs', '--no-log-prefix')).trimEnd().split('\n')
    assert.deepEqual(all.toSorted(), ['err 1', 'err 2', 'err 3', 'out 1', 'out 2', 'out 3'])
    assert.deepEqual(
      all.filter((text) => text.startsWith('out')),
      ['out 1', 'out 2', 'out 3'],
    )
    assert.equal((await project.ok('logs', '-n', '2', '--no-log-prefix')).trimEnd().split('\n').length, 2)
    assert.match(
      await project.ok('logs', '-t', '-n', '1'),
      /^a-1\s+\| \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z (?:out|err) 3$/m,
    )
  })

  test('-f goes on across a restart and ends with the project', async () => {
    const line = "echo start; trap 'exit 0' TERM; sleep 1000 & wait"
    await using project = engine.project(composeFile('followed', { a: shell(line) }))
    await project.ok('up', '-d')
    const logs = project.start('logs', '-f')
    await logs.waitFor(/\| start/)
    await project.ok('restart')
    await logs.waitFor(/\| start[^]*\| start/)
    await project.ok('down')
    await logs.exited
  })

  test('a million lines', async () => {
    await using project = engine.project(composeFile('million', { a: shell('seq 1 1000000') }))
    await project.ok('up', '-d')
    await engine.client().containers.wait('million-a-1', 'not-running')
    const lines = (await project.ok('logs', '--no-log-prefix')).trimEnd().split('\n')
    assert.equal(lines.length, 1_000_000)
    assert.equal(lines.at(-1), '1000000')
  })
})
