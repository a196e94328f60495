/** Builds over the API: our own stream, the classic one, and what is refused. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'node:test'
import { checkBuildRequest } from '../../../src/api/server/build-request.ts'
import { createClassicOutput } from '../../../src/api/server/classic-build-output.ts'
import { toBuildRequest } from '../../../src/api/server/classic-build-query.ts'
import { createQuery } from '../../../src/api/server/query.ts'
import type { BuildMessage, BuildRequest } from '../../../src/api/types/build.ts'
import type { ProgressMessage } from '../../../src/api/types/index.ts'
import { CanceledError, MycomposeError } from '../../../src/errors.ts'
import { serve } from './fake-engine.ts'

const REQUEST: BuildRequest = { context: { kind: 'directory', path: '/w' }, tags: ['web'] }
const RESULT: BuildMessage = { kind: 'result', imageId: 'sha256:abc', tags: ['web'], warnings: 0 }

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('messages arrive as they were told', async () => {
  const asked: BuildRequest[] = []
  await using engine = await serve({
    builds: {
      async build(request, emit) {
        asked.push(request)
        emit({ kind: 'step', id: 's', name: '[1/1] RUN é', inputs: [] })
        await delay(1)
        emit(RESULT)
      },
    },
  })
  assert.deepEqual(await collect(engine.client.builds.build(REQUEST)), [
    { kind: 'step', id: 's', name: '[1/1] RUN é', inputs: [] },
    RESULT,
  ])
  assert.deepEqual(asked, [REQUEST])
})

test('what the service throws is the last message', async () => {
  await using engine = await serve({
    builds: { build: () => Promise.reject(new MycomposeError('no room', { code: 'DISK_FULL', hint: 'make some' })) },
  })
  assert.deepEqual(await collect(engine.client.builds.build(REQUEST)), [
    { kind: 'error', message: 'no room', code: 'DISK_FULL', hint: 'make some' },
  ])
})

test('a bug is told to the client and logged', async () => {
  await using engine = await serve({ builds: { build: () => Promise.reject(new TypeError('oops')) } })
  assert.deepEqual(await collect(engine.client.builds.build(REQUEST)), [
    { kind: 'error', message: 'internal error: oops', code: 'INTERNAL' },
  ])
  assert.deepEqual(engine.log, ['error bug in a build'])
})

test('a client that leaves cancels its build', async () => {
  const { promise: canceled, resolve } = Promise.withResolvers<string>()
  await using engine = await serve({
    builds: {
      async build(_request, emit, signal) {
        emit({ kind: 'step', id: 's', name: 'x', inputs: [] })
        await new Promise((done) => signal.addEventListener('abort', done, { once: true }))
        resolve('canceled')
        throw new CanceledError()
      },
    },
  })
  const abort = new AbortController()
  for await (const { kind } of engine.client.builds.build(REQUEST, abort.signal)) {
    assert.equal(kind, 'step')
    abort.abort()
  }
  assert.equal(await canceled, 'canceled')
})

test('a malformed request is refused before anything is built', async () => {
  await using engine = await serve({ builds: {} })
  const bad = [{}, { context: { kind: 'directory', path: 'relative' } }, { ...REQUEST, surprise: true }]
  for (const request of bad)
    await assert.rejects(collect(engine.client.builds.build(request as BuildRequest)), {
      status: 400,
      code: 'INVALID_REQUEST',
    })
})

test('each field is checked', () => {
  const wrong: Readonly<Record<string, unknown>> = {
    dockerfile: 1,
    args: { A: 1 },
    tags: 'web',
    labels: [],
    secrets: [{ id: 'x' }],
    ssh: [{ id: 'x', socketPath: 'relative' }],
    shmSizeBytes: -1,
    ulimits: [{ Name: 'x' }],
    platforms: [1],
    pull: 'yes',
    cacheFrom: ['web'],
    registryAuth: { x: 'y' },
    additionalContexts: { x: { kind: 'directory', path: '/x', more: 1 } },
    target: 'a\0b',
  }
  for (const [name, value] of Object.entries(wrong))
    assert.throws(() => checkBuildRequest({ ...REQUEST, [name]: value }), { code: 'INVALID_REQUEST' }, name)
  const all: BuildRequest = {
    ...REQUEST,
    secrets: [{ id: 'x', valueBase64: 'eA==' }],
    ssh: [{ id: 'default', socketPath: '/s' }],
    ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
    cacheTo: [{ type: 'local', options: { dest: '/c' } }],
    registryAuth: { 'docker.io': { username: 'u' } },
  }
  assert.deepEqual(checkBuildRequest(all), all)
})

test('the cache is pruned with its limits, and counted', async () => {
  const asked: unknown[] = []
  await using engine = await serve({
    builds: {
      prune(options) {
        asked.push(options)
        return Promise.resolve({ CachesDeleted: ['a'], SpaceReclaimed: 5 })
      },
    },
  })
  assert.deepEqual(await engine.client.builds.prune({ all: true, keepBytes: 10, filters: { until: ['24h'] } }), {
    CachesDeleted: ['a'],
    SpaceReclaimed: 5,
  })
  assert.deepEqual(asked, [{ all: true, keepBytes: 10, filters: { until: ['24h'] } }])
})

test('the session protocol of BuildKit is refused by name', async () => {
  await using engine = await serve({ builds: {} })
  for (const target of ['/session', '/grpc', '/build?version=2', '/build?session=x']) {
    const answer = await engine.raw(`POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 501 /, target)
    assert.match(answer, /DOCKER_BUILDKIT=0/, target)
  }
})

test('classic: the parameters', () => {
  const query = new URLSearchParams([
    ['t', 'web:1'],
    ['t', 'web:latest'],
    ['dockerfile', 'docker/Dockerfile'],
    ['buildargs', '{"A":"1","B":null}'],
    ['labels', '{"l":"v"}'],
    ['target', 'release'],
    ['networkmode', 'host'],
    ['nocache', '1'],
    ['pull', '1'],
    ['cachefrom', '["web:cache"]'],
    ['extrahosts', '["db:10.0.0.1"]'],
    ['shmsize', '67108864'],
    ['memory', '1000000'],
    ['ulimits', '[{"Name":"nofile","Hard":20,"Soft":10}]'],
    ['platform', 'linux/amd64'],
    ['cgroupparent', 'x'],
    ['rm', '1'],
    ['forcerm', '0'],
    ['version', '1'],
  ])
  assert.deepEqual(toBuildRequest(createQuery(query.toString())), {
    request: {
      dockerfile: 'docker/Dockerfile',
      target: 'release',
      tags: ['web:1', 'web:latest'],
      args: { A: '1' },
      labels: { l: 'v' },
      network: 'host',
      extraHosts: ['db:10.0.0.1'],
      shmSizeBytes: 67108864,
      memoryBytes: 1000000,
      cgroupParent: 'x',
      ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }],
      platforms: ['linux/amd64'],
      pull: true,
      noCache: true,
      cacheFrom: [{ type: 'registry', options: { ref: 'web:cache' } }],
    },
    remote: undefined,
    quiet: false,
  })
})

test('classic: contexts from elsewhere, and what is not there', () => {
  const remote = (text: string): unknown => toBuildRequest(createQuery(`remote=${encodeURIComponent(text)}`)).remote
  assert.deepEqual(remote('https://e.org/a.git#main'), { kind: 'git', url: 'https://e.org/a.git#main' })
  assert.deepEqual(remote('https://e.org/a.tgz'), { kind: 'http', url: 'https://e.org/a.tgz' })
  for (const bad of ['squash=1', 'outputs=[{}]', 'isolation=hyperv', 'remote=file:///etc'])
    assert.throws(() => toBuildRequest(createQuery(bad)), { code: 'UNSUPPORTED' }, bad)
  for (const bad of ['buildargs=[]', 'buildargs={', 'labels={"a":1}', 'cachefrom={}', 'ulimits={}'])
    assert.throws(() => toBuildRequest(createQuery(bad)), { code: 'INVALID_REQUEST' }, bad)
})

/** The text of the stream, and what is no text. */
function classic(messages: readonly BuildMessage[], quiet = false): { text: string; others: ProgressMessage[] } {
  const told: ProgressMessage[] = []
  const output = createClassicOutput((message) => told.push(message), { quiet })
  for (const message of messages) output.message(message)
  return {
    text: told.map(({ stream = '' }) => stream).join(''),
    others: told.filter(({ stream }) => stream === undefined),
  }
}

const TWO: readonly BuildMessage[] = [
  { kind: 'step', id: 'i', name: '[internal] load build context', inputs: [] },
  { kind: 'step', id: 'a', name: '[ 1/2] FROM debian', inputs: [] },
  { kind: 'step', id: 'b', name: '[web 2/2] RUN make [all]', inputs: [] },
  { kind: 'started', id: 'i', timeMs: 0 },
  { kind: 'ended', id: 'i', timeMs: 0, cached: false },
  { kind: 'ended', id: 'a', timeMs: 0, cached: true },
  { kind: 'started', id: 'b', timeMs: 0 },
  { kind: 'output', id: 'b', stream: 'stderr', data: 'made\n' },
]

test('classic: steps as docker tells them', () => {
  const { text, others } = classic([...TWO, { kind: 'ended', id: 'b', timeMs: 1, cached: false }, RESULT])
  assert.equal(
    text,
    `Step 1/2 : FROM debian
 ---> Using cache
Step 2/2 : RUN make [all]
made
Successfully built abc
Successfully tagged web
`,
  )
  assert.deepEqual(others, [{ aux: { ID: 'sha256:abc' } }])
})

test('classic: quiet is the id alone; a failure is the last line, once', () => {
  assert.equal(classic([...TWO, RESULT], true).text, 'sha256:abc\n')
  const failure: BuildMessage = { kind: 'error', message: 'exit code: 2', code: 'BUILD_STEP_FAILED', exitCode: 2 }
  const { text, others } = classic([...TWO, failure, failure])
  assert.match(text, /made\n$/)
  assert.deepEqual(others, [{ errorDetail: { code: 2, message: 'exit code: 2' }, error: 'exit code: 2' }])
})

test('classic: the context waits in a file that is gone afterwards', async () => {
  const seen: { path: string; text: string }[] = []
  await using engine = await serve({
    builds: {
      build({ context, tags, registryAuth }, emit) {
        if (context.kind === 'tar') seen.push({ path: context.path, text: readFileSync(context.path, 'utf8') })
        assert.deepEqual(registryAuth, { 'r.example': { username: 'u' } })
        emit({ kind: 'result', imageId: 'sha256:abc', tags: tags ?? [], warnings: 0 })
        return Promise.resolve()
      },
    },
  })
  const auth = Buffer.from('{"r.example":{"username":"u"}}').toString('base64url')
  mkdirSync(join(dirname(engine.socketPath), 'tmp'), { recursive: true })
  const answer = await post(engine.socketPath, '/v1.43/build?t=web', { 'X-Registry-Config': auth }, 'the tar')
  assert.match(answer, /Successfully tagged web/)
  assert.equal(seen[0]?.text, 'the tar')
  assert.throws(() => readFileSync(seen[0]?.path ?? ''), { code: 'ENOENT' })
})

/** As docker's client does it: a chunked body, the connection kept. */
function post(socketPath: string, path: string, headers: Record<string, string>, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, method: 'POST', headers }, (answer) => {
      let text = ''
      answer.on('data', (data) => (text += String(data)))
      answer.once('end', () => resolve(text))
    })
    request.once('error', reject)
    request.write(body)
    request.end()
  })
}
