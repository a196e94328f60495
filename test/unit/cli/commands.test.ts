import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EngineClient } from '../../../src/api/client/client.ts'
import { NotFoundError } from '../../../src/errors.ts'
import { container, fakeClient, matchGolden, runCli } from './harness.ts'

const P = ['-p', 'p']

function listing(...containers: ReturnType<typeof container>[]): EngineClient {
  return fakeClient({ containers: { list: () => Promise.resolve(containers) } })
}

describe('ps', () => {
  const web = container('web', 1, {
    Ports: [
      { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    ],
    Status: 'Up 2 minutes (healthy)',
  })
  const migrate = container('migrate', 1, { State: 'exited', Status: 'Exited (3) 5 seconds ago' })
  const client = listing(web, migrate)

  test('table of what runs', async (t) => {
    const { stdout, stderr, exitCode } = await runCli([...P, 'ps'], { client })
    assert.deepEqual([exitCode, stderr], [0, ''])
    matchGolden(t, 'ps.txt', stdout)
  })

  test('json: one object a line with docker compose’s keys in order', async (t) => {
    const { stdout } = await runCli([...P, 'ps', '-a', '--format', 'json'], { client })
    const objects = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      objects.map(({ Name, ExitCode, State }) => [Name, ExitCode, State]),
      [
        ['p-migrate-1', 3, 'exited'],
        ['p-web-1', 0, 'running'],
      ],
    )
    for (const object of objects) assert.deepEqual(Object.keys(object), Object.keys(object).toSorted())
    matchGolden(t, 'ps.json', stdout)
  })

  const filtered = [
    { argv: ['-q'], want: `${web.Id}\n` },
    { argv: ['--services', '-a'], want: 'migrate\nweb\n' },
    { argv: ['-q', '--status', 'exited'], want: `${migrate.Id}\n` },
    { argv: ['-q', '--filter', 'status=exited'], want: `${migrate.Id}\n` },
    { argv: ['-q', '-a', 'migrate'], want: `${migrate.Id}\n` },
  ]
  for (const { argv, want } of filtered)
    test(`ps ${argv.join(' ')}`, async () => {
      assert.equal((await runCli([...P, 'ps', ...argv], { client })).stdout, want)
    })

  test('an unknown service is an error', async () => {
    const { exitCode, stderr } = await runCli([...P, 'ps', 'nobody'], { client })
    assert.equal(exitCode, 1)
    assert.match(stderr, /no such service: nobody/)
  })

  test('-p alone reads no file', async () => {
    const files = { '/project/compose.yaml': 'services: [' }
    assert.equal((await runCli([...P, 'ps', '-q'], { client, files })).exitCode, 0)
    assert.equal((await runCli(['ps', '-q'], { client, files })).exitCode, 1)
  })

  test('COMPOSE_PROJECT_NAME needs no file either', async () => {
    const named = await runCli(['ps', '-q'], { client, files: {}, env: { COMPOSE_PROJECT_NAME: 'p' } })
    assert.deepEqual([named.exitCode, named.stdout, named.stderr], [0, `${web.Id}\n`, ''])
    const unnamed = await runCli(['ps', '-q'], { client, files: {} })
    assert.equal(unnamed.exitCode, 1)
    assert.match(unnamed.stderr, /no Compose file/)
  })

  test('a required variable that is unset is told and no obstacle', async () => {
    const files = { '/project/compose.yaml': 'name: p\nservices: { web: { image: "${TAG:?set it}" } }\n' }
    const { exitCode, stdout, stderr } = await runCli(['ps', '-q'], { client, files })
    assert.deepEqual([exitCode, stdout], [0, `${web.Id}\n`])
    assert.match(stderr, /compose\.yaml:2:\d+: warning: .*TAG[^]*project "p" is found by its labels alone/)
    assert.equal((await runCli(['up', '-d'], { client, files })).exitCode, 1)
  })
})

describe('ls', () => {
  const client = listing(container('web'), container('db', 1, { State: 'exited' }))
  test('json', async () => {
    const { stdout } = await runCli(['ls', '--format', 'json'], { client })
    const [project] = JSON.parse(stdout) as { Name: string; Status: string }[]
    assert.equal(project?.Name, 'p')
    assert.match(project?.Status ?? '', /running\(1\)/)
  })
  test('filter', async () => {
    assert.equal((await runCli(['ls', '-q', '--filter', 'name=^x'], { client })).stdout, '')
    assert.equal((await runCli(['ls', '-q', '--filter', 'name=^p'], { client })).stdout, 'p\n')
    assert.equal((await runCli(['ls', '--filter', 'name=('], { client })).exitCode, 1)
  })
})

describe('port', () => {
  const client = listing(
    container('web', 1, { Ports: [{ IP: '::1', PrivatePort: 80, PublicPort: 32768, Type: 'tcp' }] }),
    container('web', 2, { Ports: [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 32769, Type: 'tcp' }] }),
  )
  test('the lowest replica, IPv6 in brackets', async () => {
    assert.equal((await runCli([...P, 'port', 'web', '80'], { client })).stdout, '[::1]:32768\n')
  })
  test('--index', async () => {
    assert.equal((await runCli([...P, 'port', '--index', '2', 'web', '80'], { client })).stdout, '0.0.0.0:32769\n')
  })
  test('what is not published, and what does not run', async () => {
    const { stderr, exitCode } = await runCli([...P, 'port', 'web', '81'], { client })
    assert.match(stderr, /service "web" does not publish port 81\/tcp/)
    assert.equal(exitCode, 1)
    assert.match((await runCli([...P, 'port', '--index', '3', 'web', '80'], { client })).stderr, /container #3 is not/)
  })
})

describe('pause', () => {
  test('all are tried, one that fails is told and fails the command', async () => {
    const paused: string[] = []
    const client = fakeClient({
      containers: {
        list: () => Promise.resolve([container('a'), container('b'), container('c', 1, { State: 'exited' })]),
        pause(id) {
          paused.push(id)
          return id === container('a').Id ? Promise.reject(new NotFoundError('it is gone')) : Promise.resolve()
        },
      },
    })
    const { exitCode, stderr } = await runCli([...P, 'pause'], { client })
    assert.equal(exitCode, 1)
    assert.equal(paused.length, 2)
    assert.match(stderr, /^ Container p-a-1 Error it is gone$/m)
    assert.match(stderr, /^ Container p-b-1 Paused $/m)
    assert.match(stderr, /^error: it is gone$/m)
  })

  test('--dry-run, before or after the command, changes nothing', async () => {
    const client = listing(container('a')) // pause would be a bug
    for (const argv of [
      ['--dry-run', ...P, 'pause'],
      [...P, 'pause', '--dry-run'],
    ]) {
      const { exitCode, stderr } = await runCli(argv, { client })
      assert.equal(exitCode, 0)
      assert.match(stderr, /^ DRY-RUN MODE - Container p-a-1 Paused $/m)
    }
  })
})

describe('rm', () => {
  const removing = (removed: string[]): EngineClient =>
    fakeClient({
      containers: {
        list: () => Promise.resolve([container('a', 1, { State: 'exited', Status: 'Exited (0) now' }), container('b')]),
        remove(id) {
          removed.push(id)
          return Promise.resolve()
        },
      },
    })

  const cases = [
    { name: 'yes', argv: ['rm'], input: 'y\n', want: 1 },
    { name: 'no', argv: ['rm'], input: 'n\n', want: 0 },
    { name: 'an empty line', argv: ['rm'], input: '\n', want: 0 },
    { name: 'end of input', argv: ['rm'], input: '', want: 0 },
    { name: '-f asks nothing', argv: ['rm', '-f'], input: undefined, want: 1 },
  ]
  for (const { name, argv, input, want } of cases)
    test(name, async () => {
      const removed: string[] = []
      const options = { client: removing(removed), ...(input === undefined ? {} : { input }) }
      const { exitCode, stderr } = await runCli([...P, ...argv], options)
      assert.equal(exitCode, 0)
      assert.equal(removed.length, want)
      assert.equal(stderr.includes('Going to remove p-a-1'), input !== undefined)
    })

  test('nothing to remove', async () => {
    const { exitCode, stderr } = await runCli([...P, 'rm', '-f'], { client: listing(container('a')) })
    assert.deepEqual([exitCode, stderr], [0, 'No stopped containers\n'])
  })
})

describe('config', () => {
  const files = {
    '/project/compose.yaml': `services:
  web: { image: nginx, ports: ["8080:80"], depends_on: [db], volumes: ["data:/d"] }
  db: { image: postgres }
  dev: { image: tools, profiles: [debug] }
volumes: { data: {} }
`,
  }
  const cases = [
    { argv: ['--services'], want: 'db\nweb\n' },
    { argv: ['--volumes'], want: 'data\n' },
    { argv: ['--networks'], want: 'default\n' },
    { argv: ['--images'], want: 'postgres\nnginx\n' },
    { argv: ['--profiles'], want: 'debug\n' },
    { argv: ['-q'], want: '' },
  ]
  for (const { argv, want } of cases)
    test(argv.join(' '), async () => {
      const { exitCode, stdout, stderr } = await runCli(['config', ...argv], { files })
      assert.deepEqual([exitCode, stdout, stderr], [0, want, ''])
    })

  test('json is one object', async () => {
    const { stdout } = await runCli(['config', '--format', 'json'], { files })
    const project = JSON.parse(stdout) as { name: string; services: object }
    assert.deepEqual([project.name, Object.keys(project.services)], ['project', ['db', 'web']])
  })

  test('--hash of one and of all', async () => {
    const all = (await runCli(['config', '--hash', '*'], { files })).stdout
    assert.match(all, /^db [0-9a-f]{64}\nweb [0-9a-f]{64}\n$/)
    assert.equal((await runCli(['config', '--hash', 'web'], { files })).stdout, all.slice(all.indexOf('web')))
    assert.equal((await runCli(['config', '--hash', 'x'], { files })).exitCode, 1)
  })

  test('--no-interpolate keeps dollars as they are', async () => {
    const input = 'services: {a: {image: "b:${TAG:-1}", command: ["echo", "$$HOME"]}}'
    const { stdout } = await runCli(['-f', '-', 'config', '--no-interpolate'], { input })
    assert.match(stdout, /image: b:\$\{TAG:-1\}\n/)
    assert.match(stdout, /- \$\$HOME\n/)
  })

  test('what the engine does not honour is told by what starts it, not here', async () => {
    const { stderr, exitCode } = await runCli(['-f', '-', 'config', '-q'], {
      input: 'services: {a: {image: b, storage_opt: {size: 1g}}}',
    })
    assert.deepEqual([stderr, exitCode], ['', 0])
  })

  test('from standard input', async () => {
    const { stdout } = await runCli(['-f', '-', 'config', '--services'], { input: 'services: {a: {image: b}}' })
    assert.equal(stdout, 'a\n')
  })
})

describe('doctor', () => {
  test('the engine’s findings replace ours of the same name; a failure is exit code 1', async () => {
    const { exitCode, stdout } = await runCli(['--root', '/nonexistent/mycompose-root', 'doctor', '--json'], {})
    const findings = JSON.parse(stdout) as { check: string; status: string }[]
    assert.ok(findings.some(({ check, status }) => check === 'node' && status === 'ok'))
    assert.equal(exitCode, findings.some(({ status }) => status === 'failed') ? 1 : 0)
  })
})

describe('engine status', () => {
  test('1 when it does not run', async () => {
    const { exitCode, stdout } = await runCli(['--root', '/nonexistent/mycompose-root', 'engine', 'status'])
    assert.equal(exitCode, 1)
    assert.match(stdout, /^The engine does not run/)
  })
})
