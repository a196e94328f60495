/** `build` and `builder` from argv to what is printed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import type { BuildMessage, BuildRequest } from '../../../../src/api/types/build.ts'
import { fakeClient, runCli, type RunResult } from '../harness.ts'

const FILES = {
  '/project/compose.yaml': `
name: p
services:
  web: { image: "registry.example/web:1", build: { context: web, args: { A: "1" }, target: release } }
  db: { image: db }
`,
  '/project/web/Dockerfile': 'FROM scratch\n',
}

const BUILT: readonly BuildMessage[] = [
  { kind: 'step', id: 's', name: '[1/1] RUN true', inputs: [] },
  { kind: 'started', id: 's', timeMs: 0 },
  { kind: 'ended', id: 's', timeMs: 100, cached: false },
  { kind: 'result', imageId: 'sha256:abc', tags: ['registry.example/web:1'], warnings: 0 },
]
const FINDING: BuildMessage = {
  kind: 'warning',
  rule: 'StageNameCasing',
  message: 'Stage name "A" should be lowercase',
  description: 'Stage names should be lowercase',
  source: {
    file: 'web/Dockerfile',
    range: { line: 1, column: 1, endLine: 1, endColumn: 5 },
    firstLine: 1,
    lines: ['FROM x AS A'],
  },
}

interface BuildRun extends RunResult {
  readonly requests: readonly BuildRequest[]
}

async function build(
  argv: readonly string[],
  messages: readonly BuildMessage[] = BUILT,
  options: Parameters<typeof runCli>[1] = {},
): Promise<BuildRun> {
  const requests: BuildRequest[] = []
  const client = fakeClient({
    builds: {
      async *build(request) {
        requests.push(request)
        yield* await Promise.resolve(messages)
      },
    },
  })
  return { ...(await runCli(argv, { files: FILES, client, ...options })), requests }
}

describe('build', () => {
  test('plain lines, and the image', async () => {
    const { exitCode, stdout, stderr } = await build(['build'])
    assert.equal(
      stderr,
      ` Image registry.example/web:1 Building 
#1 [1/1] RUN true
#1 DONE 0.1s

 Image registry.example/web:1 Built 
`,
    )
    assert.deepEqual([exitCode, stdout], [0, ''])
  })

  test('its options reach the engine', async (t) => {
    const env = { TOKEN: 't' }
    const agent = join(mkdtempSync(join(tmpdir(), 'mycompose-build-')), 'agent')
    const server = createServer().listen(agent)
    await once(server, 'listening')
    t.after(() => {
      server.close()
      rmSync(dirname(agent), { recursive: true })
    })
    const argv = ['build', '--build-arg', 'B=2=3', '--build-arg', 'TOKEN', '--no-cache', '--pull', '-m', '64m', 'web']
    const { requests } = await build([...argv, '--ssh', `x=${agent}`, '--builder', 'default', '--sbom=false'], BUILT, {
      env,
    })
    const [request] = requests
    assert.deepEqual(request?.args, { A: '1', B: '2=3', TOKEN: 't' })
    assert.deepEqual(
      [request?.noCache, request?.pull, request?.memoryBytes, request?.target],
      [true, true, 64 * 1024 * 1024, 'release'],
    )
    assert.deepEqual(request?.ssh, [{ id: 'x', socketPath: agent }])
  })

  test('quiet says nothing', async () => {
    const { exitCode, stdout, stderr } = await build(['build', '-q'])
    assert.deepEqual([exitCode, stdout, stderr], [0, '', ''])
  })

  test('JSON is JSON alone', async () => {
    for (const argv of [
      ['--progress', 'json', 'build'],
      ['build', '--progress', 'json'],
    ]) {
      const lines = (await build(argv)).stderr.trim().split('\n')
      const kinds = lines.map((line) => (JSON.parse(line) as { kind?: string; text?: string }).kind ?? '-')
      assert.deepEqual(kinds, ['-', 'step', 'started', 'ended', 'result', '-'])
    }
  })

  test('a failure is exit code 1, with the step', async () => {
    const { exitCode, stderr } = await build(
      ['build'],
      [
        ...BUILT.slice(0, 2),
        { kind: 'ended', id: 's', timeMs: 5, cached: false, error: 'exit code: 9' },
        { kind: 'error', message: 'exit code: 9', code: 'BUILD_STEP_FAILED', id: 's', exitCode: 9, tail: ['boom'] },
      ],
    )
    assert.equal(exitCode, 1)
    assert.match(stderr, /#1 ERROR: exit code: 9\n/)
    assert.match(stderr, /------\n > \[1\/1\] RUN true:\nboom\n------\nerror: cannot build image /)
  })

  test('--check prints the findings and ends with 1', async () => {
    const result: BuildMessage = { kind: 'result', tags: [], warnings: 1 }
    const found = await build(['build', '--check'], [FINDING, result])
    assert.equal(found.requests[0]?.check, true)
    assert.equal(found.exitCode, 1)
    assert.equal(
      found.stdout,
      `WARNING: StageNameCasing - Stage name "A" should be lowercase
Stage names should be lowercase
web/Dockerfile:1
--------------------
   1 | >>> FROM x AS A
--------------------

Check complete, 1 warning has been found!
`,
    )
    assert.equal(found.stderr, '')
    const clean = await build(['build', '--check'], [result])
    assert.deepEqual([clean.exitCode, clean.stdout], [0, 'Check complete, no warnings found.\n'])
  })

  test('--print is a bake file and asks no engine', async () => {
    const { exitCode, stdout, requests } = await build(['build', '--print'])
    assert.deepEqual([exitCode, requests], [0, []])
    const { group, target } = JSON.parse(stdout) as { group: unknown; target: Record<string, Record<string, unknown>> }
    assert.deepEqual(group, { default: { targets: ['web'] } })
    const { labels: _labels, ...web } = target['web'] ?? {}
    assert.deepEqual(web, {
      context: '/project/web',
      dockerfile: 'Dockerfile',
      args: { A: '1' },
      tags: ['registry.example/web:1'],
      target: 'release',
      output: [{ type: 'docker' }],
    })
  })

  test('nothing to build is told', async () => {
    const { exitCode, stderr } = await build(['build', 'db'])
    assert.deepEqual([exitCode, stderr], [0, 'No services to build\n'])
  })

  test('a dry run builds nothing', async () => {
    const { exitCode, stderr, requests } = await build(['build', '--dry-run'])
    assert.deepEqual([exitCode, requests], [0, []])
    assert.match(stderr, /DRY-RUN MODE - Image registry\.example\/web:1 Built/)
  })

  test('Ctrl-C is exit code 130', async () => {
    const client = fakeClient({
      builds: {
        async *build(_request, abort) {
          yield* BUILT.slice(0, 2)
          await new Promise((done) => abort?.addEventListener('abort', done, { once: true }))
        },
      },
    })
    const { exitCode, stderr } = await runCli(['build'], {
      files: FILES,
      client,
      during: async ({ signal, stderr: told }) => {
        while (!told.text.includes('RUN true')) await new Promise((done) => setTimeout(done, 5))
        signal('SIGINT')
      },
    })
    assert.equal(exitCode, 130)
    assert.match(stderr, /canceled\n$/)
    assert.doesNotMatch(stderr, /Built/)
  })
})

describe('builder', () => {
  const record = {
    ID: 'sha256:0123456789abcdef',
    Type: 'regular' as const,
    Description: '[1/1] RUN true',
    InUse: false,
    Shared: false,
    Size: 2_000_000,
    CreatedAt: '2026-11-21T12:00:00.123Z',
    LastUsedAt: null,
    UsageCount: 3,
  }

  test('prune passes on what was asked for', async () => {
    const asked: unknown[] = []
    const client = fakeClient({
      builds: {
        prune(options) {
          asked.push(options)
          return Promise.resolve({ CachesDeleted: ['a', 'b'], SpaceReclaimed: 2_000_000 })
        },
      },
    })
    const argv = ['builder', 'prune', '-af', '--keep-storage', '1GB', '--filter', 'until=24h', '--filter', 'inuse']
    const { exitCode, stdout } = await runCli(argv, { client })
    assert.equal(exitCode, 0)
    assert.deepEqual(asked, [{ all: true, keepBytes: 1024 ** 3, filters: { until: ['24h'], inuse: ['true'] } }])
    assert.equal(stdout, 'Deleted build cache objects:\na\nb\n\nTotal reclaimed space: 2MB\n')
  })

  test('prune asks first', async () => {
    const { stdout, stderr } = await runCli(['builder', 'prune'], { client: fakeClient({}), input: 'n\n' })
    assert.match(stderr, /WARNING! This will remove all dangling build cache/)
    assert.equal(stdout, '')
  })

  test('du lists the records', async () => {
    const usage = { LayersSize: 0, Images: [], Containers: [], Volumes: [], BuildCache: [record] }
    const client = fakeClient({ diskUsage: () => Promise.resolve(usage) })
    const { stdout } = await runCli(['builder', 'du'], { client })
    assert.match(
      stdout,
      /^CACHE ID +TYPE +SIZE +CREATED +LAST USED +USAGE +IN USE +DESCRIPTION\n0123456789ab +regular +2MB /,
    )
    assert.deepEqual(JSON.parse((await runCli(['builder', 'du', '--format', 'json'], { client })).stdout), record)
  })
})
