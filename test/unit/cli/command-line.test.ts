import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fakeClient, runCli } from './harness.ts'

const FILES = { '/project/compose.yaml': 'services: { web: { image: a }, db: { image: b } }\n' }
/** Any use of the engine is a failure. */
const client = fakeClient({})

describe('wrong command lines end with 1 and say why on standard error', () => {
  const cases: readonly (readonly [argv: string, error: RegExp])[] = [
    ['frobnicate', /unknown command 'frobnicate'/],
    ['upp', /Did you mean up\?/],
    ['up --frob', /unknown option '--frob'/],
    ['up --detatch', /Did you mean --detach\?/],
    ['up --scale web', /--scale.*'web' is invalid.*SERVICE=NUM/],
    ['up --scale web=-1', /must look like SERVICE=NUM/],
    ['scale web', /cannot scale by "web"/],
    ['up -t soon', /whole number/],
    ['logs -n some', /whole number/],
    ['kill -s "a b"', /must be a signal/],
    ['up --pull sometimes', /Allowed choices are always, missing, never/],
    ['exec web', /missing required argument 'COMMAND'/],
    ['port web', /missing required argument 'PRIVATE_PORT'/],
    ['ps --status asleep', /unknown status "asleep"/],
    ['ps --filter name=x', /invalid filter "name=x"/],
    ['--progress loud ps', /Allowed choices are auto, tty, plain, json, quiet/],
    ['--parallel 0 ps', /cannot work with 0 calls/],
    ['up -d --attach web', /--detach cannot be used together with --attach/],
    ['up --wait --abort-on-container-exit', /--wait cannot be used together with --abort-on-container-exit/],
    ['up -d --exit-code-from web', /--detach cannot be used together with --exit-code-from/],
    ['up --no-recreate --force-recreate', /--no-recreate cannot be used together with --force-recreate/],
    ['up --no-recreate -V', /--no-recreate cannot be used together with --renew-anon-volumes/],
    ['up --no-recreate --always-recreate-deps', /--no-recreate cannot be used together/],
    ['up --abort-on-container-exit --abort-on-container-failure', /cannot be used together/],
    ['up --attach web --attach-dependencies', /--attach cannot be used together with --attach-dependencies/],
    ['up -d --wait-timeout -1', /must not be negative/],
    ['up --exit-code-from nobody', /no such service: nobody/],
    ['publish web', /mycompose does not have "publish" yet\nhint: /],
    ['publish', /mycompose does not have "publish" yet/],
    ['--dry-run exec web true', /cannot be done as a dry run/],
    ['up -d --build --no-build', /--build cannot be used together with --no-build/],
    ['create --build --no-build', /--build cannot be used together with --no-build/],
    ['build --builder other', /there is no builder "other"/],
    ['build --sbom', /cannot make attestations \(--sbom\)/],
    ['build --provenance=mode=max', /cannot make attestations \(--provenance\)/],
    ['build --push --check', /--push cannot be used together with --check/],
    ['build -m lots', /invalid --memory "lots"/],
    ['builder prune -f --keep-storage lots', /invalid size "lots"/],
    ['-H tcp://example.org:2375 engine start', /is not supported/],
    ['-H unix:///run/docker.sock engine start', /not ours to start or stop/],
  ]
  for (const [line, error] of cases)
    test(line, async () => {
      const argv = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
      const { exitCode, stdout, stderr } = await runCli(argv, { files: FILES, client })
      assert.match(stderr, error)
      assert.equal(exitCode, 1)
      assert.equal(stdout, '')
    })
})

describe('environment', () => {
  test('COMPOSE_PARALLEL_LIMIT must be a number', async () => {
    const { exitCode, stderr } = await runCli(['ls'], { client, env: { COMPOSE_PARALLEL_LIMIT: 'many' } })
    assert.match(stderr, /COMPOSE_PARALLEL_LIMIT must be a whole number, not "many"/)
    assert.equal(exitCode, 1)
  })

  test('COMPOSE_PROGRESS=json makes errors JSON', async () => {
    const { exitCode, stderr } = await runCli(['up', '-d', '--wait-timeout', '-1'], {
      client,
      files: FILES,
      env: { COMPOSE_PROGRESS: 'json' },
    })
    assert.equal(exitCode, 1)
    const { error, code } = JSON.parse(stderr) as { error: boolean; code: string }
    assert.deepEqual({ error, code }, { error: true, code: 'USAGE' })
  })

  test('removing and ignoring orphans contradict each other', async () => {
    const { stderr, exitCode } = await runCli(['up', '-d', '--remove-orphans'], {
      client,
      files: FILES,
      env: { COMPOSE_IGNORE_ORPHANS: 'true' },
    })
    assert.match(stderr, /cannot remove orphans/)
    assert.equal(exitCode, 1)
  })
})

describe('what goes wrong inside', () => {
  test('a plain Error is a bug: stack and exit code 70', async () => {
    const { exitCode, stderr } = await runCli(['volume', 'ls'], { client })
    assert.equal(exitCode, 70)
    assert.match(stderr, /has a bug, please report this:\nError: the test's engine has no volumes\.list\n {4}at /)
  })

  test('only root starts an engine', async () => {
    const { exitCode, stderr } = await runCli(['--root', '/nonexistent/mycompose-root', 'volume', 'ls'], {
      userId: 1000,
    })
    assert.equal(exitCode, 1)
    assert.match(stderr, /only root can start it\nhint: run it with sudo/)
  })

  test('problems of the file come all at once, with places', async () => {
    const text = 'services:\n  web:\n    imagee: x\n    ports: [a]\n'
    const { exitCode, stderr, stdout } = await runCli(['config'], { files: { '/project/compose.yaml': text } })
    assert.equal(exitCode, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /compose\.yaml:3:5: error: .*\n {2}3 \| {5}imagee: x\n {4}\| {5}\^\n/)
    assert.match(stderr, /compose\.yaml:4:13: error: .*\n {2}4 \| {5}ports: \[a\]\n {4}\| {13}\^\n/)
  })
})

describe('version touches no engine and no file', () => {
  const cases = [
    { argv: ['version'], want: /^mycompose version v\d+\.\d+\.\d+\n$/ },
    { argv: ['version', '--short'], want: /^\d+\.\d+\.\d+\n$/ },
    { argv: ['version', '-f', 'json'], want: /^\{"version":"v\d+\.\d+\.\d+"\}\n$/ },
    { argv: ['--version'], want: /^mycompose version v\d+\.\d+\.\d+\n$/ },
  ]
  for (const { argv, want } of cases)
    test(argv.join(' '), async () => {
      const { exitCode, stdout } = await runCli(argv, { client })
      assert.match(stdout, want)
      assert.equal(exitCode, 0)
    })
})
