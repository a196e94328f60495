/**
 * run, attach, exec, cp and events as a user has them: pipes, terminals (util-linux' script makes one), keys to leave,
 * exit codes, and an engine that dies meanwhile.
 */
import assert from 'node:assert/strict'
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { runCommand, type CommandResult } from '../support/command.ts'
import { composeFile, idle, shell } from '../support/compose.ts'
import { useEngine, type ProjectUnderTest } from '../support/engine.ts'
import { until } from '../support/poll.ts'

const CLI = join(import.meta.dirname, '../../bin/mycompose')

describe('interactive', () => {
  const engine = useEngine()
  const env = { MYCOMPOSE_ROOT: engine.config.paths.root, PATH: process.env['PATH'] ?? '', TERM: 'dumb' }

  /** In a terminal of its own, in which `input` is typed. */
  const typed = (project: ProjectUnderTest, args: string, input: string): Promise<CommandResult> =>
    runCommand(['script', '-qec', `stty rows 33 cols 77; ${CLI} --progress quiet ${args}`, '/dev/null'], {
      cwd: project.folder,
      env,
      input,
    })
  const piped = (project: ProjectUnderTest, args: readonly string[], input: string): Promise<CommandResult> =>
    engine.run(args, { cwd: project.folder, input })

  test('run: input through a pipe, both outputs, exit code; what it depends on is there, nothing stays', async () => {
    const db = idle({ healthcheck: { test: ['CMD', 'true'], interval: '1s' } })
    const web = shell('echo default', { depends_on: { db: { condition: 'service_healthy' } }, restart: 'always' })
    await using project = engine.project(composeFile('ran', { db, web }))
    const command = 'cat; echo "after $WORD"; echo err >&2; exit 7'
    const args = ['run', '--rm', '-T', '-e', 'WORD=x$$y', 'web', 'sh', '-c', command]
    const result = await piped(project, args, 'one\ntwo\n')
    assert.deepEqual([result.exitCode, result.stdout], [7, 'one\ntwo\nafter x$$y\n'])
    assert.match(result.stderr, /^err$/m)
    const left = await engine.client().containers.list({ all: true })
    assert.deepEqual(
      left.map(({ Names, Status }) => [Names[0], /healthy/.test(Status)]),
      [['/ran-db-1', true]],
    )
    const again = await project.run('run', '--rm', '--no-deps', '--quiet', 'web')
    assert.deepEqual([again.exitCode, again.stdout, again.stderr], [0, 'default\n', ''])
  })

  test('run -d: name, labels, ports and folder as told; hidden from ps and the service’s name', async () => {
    await using project = engine.project(composeFile('detached', { web: idle({ ports: ['127.0.0.1:0:80'] }) }))
    const id = await project.ok('run', '-d', '--name', 'job', '-l', 'a=b', '-w', '/tmp', '-v', './x:/x:ro', 'web')
    const made = await engine.client().containers.inspect(id.trim())
    assert.equal(made.Name, '/job')
    assert.equal(made.Config.WorkingDir, '/tmp')
    assert.equal(made.Config.Labels?.['a'], 'b')
    assert.equal(made.Config.Labels?.['com.docker.compose.oneoff'], 'True')
    assert.equal(made.Config.Labels?.['com.docker.compose.container-number'], undefined)
    assert.deepEqual(made.HostConfig.PortBindings ?? {}, {})
    assert.deepEqual(made.NetworkSettings.Networks['detached_default']?.Aliases, ['job'])
    assert.equal(made.Mounts.find(({ Destination }) => Destination === '/x')?.Source, join(project.folder, 'x'))
    const twice = await project.run('run', '--publish', '1:2', '--service-ports', 'web')
    assert.deepEqual([twice.exitCode, /incompatible/.test(twice.stderr)], [1, true])
    const noTerminal = await project.run('run', '-t', 'web')
    assert.deepEqual([noTerminal.exitCode, /not a TTY/.test(noTerminal.stderr)], [1, true])
    await engine.client().containers.remove('job', { force: true })
  })

  test('run: variables of a file, capabilities, names and ports of the service, a dependency behind a profile', async () => {
    const job = shell('echo ran', { depends_on: ['db'], profiles: ['jobs'], ports: ['127.0.0.1:0:80'] })
    await using project = engine.project(composeFile('flags', { web: idle(), job, db: idle({ profiles: ['data'] }) }))
    project.write('vars.env', 'A=1\nB="two words"\nC=${A}x\n')
    const run = (...args: readonly string[]): Promise<string> => project.ok('run', '--rm', '-T', '--quiet', ...args)
    const variables = await run('--env-from-file', 'vars.env', '-e', 'B=over', 'web', 'sh', '-c', 'echo $A $B $C')
    assert.equal(variables, '1 over 1x\n')
    const line = 'grep CapEff /proc/self/status'
    const effective = await run('--cap-add', 'NET_ADMIN', '--cap-drop', 'CHOWN', 'web', 'sh', '-c', line)
    const bits = BigInt(`0x${effective.trim().split('\t')[1] ?? ''}`)
    assert.deepEqual([(bits >> 12n) & 1n, bits & 1n], [1n, 0n])
    const refused = await project.run('run', '--rm', '-T', 'job')
    assert.deepEqual([refused.exitCode, /--profile data/.test(refused.stderr)], [1, true])
    assert.equal(await project.ok('--profile', 'data', 'run', '--rm', '-T', '--quiet', 'job'), 'ran\n')
    await project.ok('run', '-d', '--name', 'named', '--use-aliases', 'web')
    const { NetworkSettings } = await engine.client().containers.inspect('named')
    assert.ok(NetworkSettings.Networks['flags_default']?.Aliases?.includes('web'))
    await project.ok('--profile', 'data', 'run', '-d', '--name', 'open', '-P', 'job', 'sleep', '1000')
    const published = (await engine.client().containers.inspect('open')).NetworkSettings.Ports
    assert.equal(published?.['80/tcp']?.[0]?.HostIp, '127.0.0.1')
    for (const name of ['named', 'open']) await engine.client().containers.remove(name, { force: true })
  })

  test('run: Ctrl-C reaches the process, whose exit code counts', async () => {
    const trapped = shell('trap "echo caught; exit 3" INT; echo ready; while :; do sleep 0.05; done')
    await using project = engine.project(composeFile('signals', { web: trapped }))
    const client = project.start('run', '--rm', '-T', 'web')
    await client.waitFor(/ready/)
    client.signal('SIGINT')
    const { exitCode, stdout } = await client.exited
    assert.deepEqual([exitCode, stdout], [3, 'ready\ncaught\n'])
  })

  test('a terminal: size, keys to leave, and joining again after the engine was killed', async () => {
    await using project = engine.project(
      composeFile('terminal', { sh: { image: BUSYBOX_IMAGE, command: 'sh', tty: true, stdin_open: true, init: true } }),
    )
    const ran = await typed(project, 'run --rm sh', 'stty size; exit 3\n')
    assert.match(ran.stdout, /33 77/)
    assert.equal(ran.exitCode, 3)
    await project.ok('up', '-d')
    const isTyped = async (): Promise<boolean> => {
      const left = await typed(project, 'attach --detach-keys ctrl-a,d sh', 'WORD=kept; stty size\n\x01d')
      assert.equal(left.exitCode, 1, left.stdout) // both as docker compose attach
      assert.match(left.stdout, /read escape sequence\r\n$/)
      return (await project.ok('logs', 'sh')).includes('33 77')
    }
    // a shell that draws its prompt anew at this moment throws away what was typed
    await until(isTyped, { what: 'the size has arrived' })
    const pid = engine.pid()
    assert.ok(pid !== undefined)
    process.kill(pid, 'SIGKILL')
    const ended = await typed(project, 'attach sh', 'echo $WORD-again\nexit 4\n')
    assert.match(ended.stdout, /kept-again/)
    assert.equal(ended.exitCode, 4)
  })

  test('attach: input reaches a service, its end leaves the service alone', async () => {
    const service = { image: BUSYBOX_IMAGE, command: 'cat', stdin_open: true, init: true }
    await using project = engine.project(composeFile('joined', { cat: service }))
    await project.ok('up', '-d')
    assert.equal((await piped(project, ['attach', 'cat'], 'hello\n')).exitCode, 0)
    await until(async () => (await project.ok('logs', 'cat')).includes('hello'), { what: 'the input has arrived' })
    const watching = project.start('attach', '--no-stdin', '--sig-proxy=false', 'cat')
    await until(async () => /"attach"/.test(await project.ok('events', '--json', '--since', '1m', '--until', '0s')), {
      what: 'somebody watches',
    })
    assert.equal((await piped(project, ['attach', 'cat'], 'again\n')).exitCode, 0)
    await watching.waitFor(/again/)
    watching.signal('SIGINT')
    assert.equal((await watching.exited).exitCode, 130)
    assert.match(await project.ok('ps', '--format', 'json'), /"State":"running"/)
  })

  test('who does not read stops the process, not the engine: it is killed all the same', async () => {
    await using project = engine.project(composeFile('slow', { yes: { image: BUSYBOX_IMAGE, command: 'sleep 1000' } }))
    await project.ok('create')
    const { containers } = engine.client()
    const id = (await containers.create('slow-reader', { Image: BUSYBOX_IMAGE, Cmd: ['yes', 'x'.repeat(1000)] })).Id
    const stream = await containers.attach(id, { tty: false, stdin: false })
    await containers.start(id)
    const log = join(engine.config.paths.containers, id, 'ctr.log')
    const size = (): number => (existsSync(log) ? readFileSync(log).length : 0)
    let last = -1
    // the log stands still: nothing is taken from the process any more
    await until(() => (size() > 0 && size() === last) || void (last = size()), { what: 'the process waits' })
    const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${engine.pid()}/status`, 'utf8'))?.[1])
    assert.ok(rss < 200_000, `the engine has ${rss} kB`)
    await containers.kill(id, 'SIGKILL')
    await containers.wait(id, 'not-running')
    stream.close()
    await containers.remove(id)
  })

  test('exec: both outputs and the exit code', async () => {
    await using project = engine.project(composeFile('inside', { web: idle() }))
    await project.ok('up', '-d')
    const result = await piped(project, ['exec', '-T', 'web', 'sh', '-c', 'cat; echo err >&2; exit 9'], 'in\n')
    assert.deepEqual([result.exitCode, result.stdout, result.stderr], [9, 'in\n', 'err\n'])
  })

  test('cp: owners kept by number on the way in, -a gives it to the user of the container', async () => {
    await using project = engine.project(composeFile('owned', { web: idle({ user: 'worker' }), any: idle() }))
    await project.ok('up', '-d')
    project.write('file', 'text\n')
    chownSync(join(project.folder, 'file'), 7000, 7001)
    const owner = async (service: string, path: string): Promise<string> =>
      (await project.ok('exec', '-T', service, 'stat', '-c', '%u:%g', path)).trim()
    for (const service of ['web', 'any']) {
      await project.ok('cp', 'file', `${service}:/tmp/kept`)
      await project.ok('cp', '-a', 'file', `${service}:/tmp/given`)
    }
    assert.deepEqual(
      [await owner('web', '/tmp/kept'), await owner('web', '/tmp/given'), await owner('any', '/tmp/given')],
      ['7000:7001', '1234:1235', '7000:7001'],
    )
    await project.ok('cp', 'any:/tmp/kept', 'mine')
    await project.ok('cp', '-a', 'any:/tmp/kept', 'theirs')
    const ids = ['mine', 'theirs'].map((name) => statSync(join(project.folder, name)).uid)
    assert.deepEqual(ids, [0, 7000])
  })

  test('cp: to every container and from the first, under a new name, as a tar; refusals', async () => {
    await using project = engine.project(composeFile('copied', { web: idle({ scale: 2 }) }))
    await project.ok('up', '-d')
    mkdirSync(join(project.folder, 'a/b'), { recursive: true })
    writeFileSync(join(project.folder, 'a/b/we,ird &name'), 'text\n')
    await project.ok('cp', 'a', 'web:/new')
    for (const index of ['1', '2'])
      assert.equal(await project.ok('exec', '-T', '--index', index, 'web', 'cat', '/new/b/we,ird &name'), 'text\n')
    await project.ok('cp', 'a/.', 'web:/new/b')
    await project.ok('cp', '--index', '2', 'a/b/we,ird &name', 'web:/one,&two')
    await project.ok('cp', '--index', '2', 'web:/one,&two', 'back')
    assert.equal(readFileSync(join(project.folder, 'back'), 'utf8'), 'text\n')
    assert.equal((await project.run('cp', 'web:/one,&two', 'nothing')).exitCode, 1)
    await project.ok('cp', 'web:/new', 'folder')
    assert.equal(readFileSync(join(project.folder, 'folder/b/b/we,ird &name'), 'utf8'), 'text\n')
    const tar = await project.ok('cp', 'web:/new/b', '-')
    assert.equal(
      (await runCommand(['tar', '-tf', '-'], { input: tar })).stdout,
      'b/\nb/b/\nb/b/we,ird &name\nb/we,ird &name\n',
    )
    const oneOff = (await project.ok('run', '-d', 'web')).trim()
    await project.ok('cp', '--all', 'back', 'web:/everywhere')
    await project.ok('cp', 'back', 'web:/numbered')
    const { containers } = engine.client()
    const places = ['/everywhere', '/numbered'].map((path) => containers.statPath(oneOff, path))
    assert.deepEqual(
      (await Promise.all(places)).map((found) => found !== undefined),
      [true, false],
    )
    await containers.remove(oneOff, { force: true })
    assert.match((await project.run('attach', '--index', '3', 'web')).stderr, /not running container #3/)
    assert.match((await project.run('cp', 'a', 'web:/etc/passwd')).stderr, /cannot copy a folder over the file/)
    assert.match((await project.run('cp', 'a', 'b')).stderr, /unknown copy direction/)
  })
})
