/** Builds on a fake engine: what it is asked for, in which order, and what comes of failures. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildMessage } from '../../../../src/api/types/build.ts'
import { NotFoundError } from '../../../../src/errors.ts'
import type { ProjectContext } from '../../../../src/project/context.ts'
import { buildServices } from '../../../../src/project/build/build.ts'
import { BuildError } from '../../../../src/project/build/failure.ts'
import { prepareUp, up } from '../../../../src/project/up.ts'
import { createHarness, project, type Harness } from '../harness.ts'

interface ViewedHarness extends Harness {
  /** "web step", "- result", "close" */
  readonly seen: string[]
}

function createViewedHarness(more: Partial<ProjectContext> = {}): ViewedHarness {
  const harness = createHarness()
  const seen: string[] = []
  const context: ProjectContext = {
    ...harness.context,
    openBuildView: () =>
      Promise.resolve({
        message: (build: string | undefined, { kind }: BuildMessage) => void seen.push(`${build ?? '-'} ${kind}`),
        close() {
          seen.push('close')
          return Promise.resolve()
        },
      }),
    ...more,
  }
  return { ...harness, context, seen }
}

const failing: BuildMessage[] = [
  { kind: 'step', id: 's', name: '[2/2] RUN false', inputs: [] },
  { kind: 'started', id: 's', timeMs: 1 },
  { kind: 'ended', id: 's', timeMs: 2, cached: false, error: 'exit code: 3' },
  { kind: 'error', code: 'BUILD_STEP_FAILED', message: 'exit code: 3', id: 's', exitCode: 3, tail: ['boom'] },
]

test('an image is built, shown and told', async () => {
  const { context, engine, progress, seen } = createViewedHarness()
  const loaded = await project('services: { web: { build: ./web } }')
  const { images } = await buildServices(context, loaded, Object.values(loaded.services))
  assert.deepEqual([...images], [['p-web', 'sha256:built-p-web']])
  assert.deepEqual(engine.buildRequests[0]?.context, { kind: 'directory', path: '/work/web' })
  assert.deepEqual(progress, ['Image p-web Building', 'Image p-web Built'])
  assert.deepEqual(seen, ['- step', '- started', '- output', '- ended', '- result', 'close'])
})

test('several are named by their service', async () => {
  const { context, seen } = createViewedHarness()
  const loaded = await project('services: { a: { build: ./a }, b: { build: ./b } }')
  await buildServices(context, loaded, Object.values(loaded.services))
  assert.ok(seen.includes('a result') && seen.includes('b result'))
})

test('what is stood on comes first', async () => {
  const { context, engine } = createViewedHarness()
  const yaml = 'services: { a: { build: { context: ., additional_contexts: { x: "service:z" } } }, z: { build: ./z } }'
  const loaded = await project(yaml)
  await buildServices(context, loaded, Object.values(loaded.services))
  assert.deepEqual(engine.requests, ['build p-z', 'build p-a'])
})

test('a failure has the step, its code and its output; what depends on it is not begun', async () => {
  const { context, engine, seen, progress } = createViewedHarness()
  engine.onBuild = () => failing
  const yaml = 'services: { a: { build: { context: ., additional_contexts: { x: "service:z" } } }, z: { build: ./z } }'
  const loaded = await project(yaml)
  await assert.rejects(buildServices(context, loaded, Object.values(loaded.services)), (error) => {
    assert.ok(error instanceof BuildError)
    assert.deepEqual(
      [error.code, error.image, error.stepName, error.stepExitCode, error.tail, error.exitCode],
      ['BUILD_STEP_FAILED', 'p-z', '[2/2] RUN false', 3, ['boom'], 1],
    )
    return true
  })
  assert.deepEqual(engine.requests, ['build p-z'])
  assert.equal(seen.at(-1), 'close')
  assert.ok(!progress.includes('Image p-a Built'))
})

test('a failure ends the others', async () => {
  const { context, engine } = createViewedHarness()
  const slow = Array.from({ length: 1000 }, (): BuildMessage => ({
    kind: 'output',
    id: 's',
    stream: 'stdout',
    data: 'x\n',
  }))
  let taken = 0
  engine.onBuild = ({ tags }) =>
    tags?.[0] === 'p-a'
      ? failing
      : (slow.map((message) => ({
          ...message,
          get kind() {
            taken += 1
            return 'output' as const
          },
        })) as BuildMessage[])
  const loaded = await project('services: { a: { build: ./a }, b: { build: ./b } }')
  await assert.rejects(buildServices(context, loaded, Object.values(loaded.services)), BuildError)
  assert.ok(taken < 1000, `${taken} messages were taken`)
})

test('an interrupt is a cancel, and closes the view', async () => {
  const { context, engine, abort, seen } = createViewedHarness()
  engine.onBuild = () => {
    abort.abort()
    return failing
  }
  const loaded = await project('services: { web: { build: ./web } }')
  await assert.rejects(buildServices(context, loaded, Object.values(loaded.services)), {
    code: 'CANCELED',
    exitCode: 130,
  })
  assert.equal(seen.at(-1), 'close')
})

test('secrets come from files and variables; one that is not set is left out and told', async () => {
  const { context, engine, notices } = createViewedHarness({
    readFile: () => Promise.resolve(Buffer.from('of a file')),
  })
  const yaml = `
services: { web: { build: { context: ., secrets: [f, e, u] } } }
secrets: { f: { file: ./f }, e: { environment: TOKEN }, u: { environment: UNSET } }
`
  const loaded = await project(yaml, { environment: { TOKEN: 't' } })
  await buildServices(context, loaded, Object.values(loaded.services))
  assert.deepEqual(engine.buildRequests[0]?.secrets, [
    { id: 'f', valueBase64: Buffer.from('of a file').toString('base64') },
    { id: 'e', valueBase64: Buffer.from('t').toString('base64') },
  ])
  assert.match(notices.join(), /build secret "u" of service "web" is left out: variable UNSET is not set/)
})

test('the agent of the user and a key, as long as the build runs; without an agent that is told', async () => {
  const yaml = 'services: { web: { build: { context: ., ssh: [default, "x=./key"] } } }'
  const open = new Set<string>()
  const { context, engine } = createViewedHarness({
    openSshAgent(path) {
      open.add(path)
      return Promise.resolve({
        socketPath: `${path}.agent`,
        [Symbol.asyncDispose]() {
          open.delete(path)
          return Promise.resolve()
        },
      })
    },
  })
  engine.onBuild = ({ tags = [] }) => {
    assert.deepEqual([...open], ['/run/agent', '/work/key'])
    return [{ kind: 'result', imageId: 'sha256:x', tags, warnings: 0 }]
  }
  const loaded = await project(yaml, { environment: { SSH_AUTH_SOCK: '/run/agent' } })
  await buildServices(context, loaded, Object.values(loaded.services))
  assert.deepEqual(engine.buildRequests[0]?.ssh, [
    { id: 'default', socketPath: '/run/agent.agent' },
    { id: 'x', socketPath: '/work/key.agent' },
  ])
  assert.deepEqual([...open], [])
  const without = await project(yaml)
  await assert.rejects(buildServices(context, without, Object.values(without.services)), { code: 'BUILD_SSH' })
})

test('a context that is not there; one that is a tar', async () => {
  const loaded = await project('services: { web: { build: ./web } }')
  const services = Object.values(loaded.services)
  const missing = createViewedHarness({ kindOf: () => Promise.resolve(undefined) })
  await assert.rejects(buildServices(missing.context, loaded, services), { code: 'BUILD_CONTEXT' })
  const tar = createViewedHarness({ kindOf: () => Promise.resolve('file') })
  await buildServices(tar.context, loaded, services)
  assert.deepEqual(tar.engine.buildRequests[0]?.context, { kind: 'tar', path: '/work/web' })
})

test('logins for what the Dockerfile speaks of', async () => {
  const asked: string[] = []
  const { context, engine } = createViewedHarness({
    readFile: () => Promise.resolve(Buffer.from('FROM registry.example/base:1\n')),
    loginFor(reference) {
      asked.push(reference)
      return Promise.resolve({ username: 'u', password: 'p', serveraddress: 'registry.example' })
    },
  })
  const loaded = await project('services: { web: { build: ./web } }')
  await buildServices(context, loaded, Object.values(loaded.services))
  assert.deepEqual(asked, ['registry.example/base:1'])
  assert.deepEqual(engine.buildRequests[0]?.registryAuth, {
    'registry.example': { username: 'u', password: 'p', serveraddress: 'registry.example' },
  })
})

test('of several platforms that of this machine, told; none of them is an error', async () => {
  const { context, engine, notices } = createViewedHarness()
  const many = await project('services: { web: { build: { context: ., platforms: [linux/arm64, linux/amd64] } } }')
  await buildServices(context, many, Object.values(many.services))
  assert.deepEqual(engine.buildRequests[0]?.platforms, ['linux/amd64'])
  assert.match(notices.join(), /built for linux\/amd64 alone/)
  const other = await project('services: { web: { build: { context: ., platforms: [linux/arm64] } } }')
  await assert.rejects(buildServices(context, other, Object.values(other.services)), { code: 'BUILD_PLATFORM' })
})

test('an engine that cannot build says so', async () => {
  const { context, engine } = createViewedHarness()
  engine.failOn = () => new NotFoundError('page not found')
  const loaded = await project('services: { web: { build: ./web } }')
  await assert.rejects(buildServices(context, loaded, Object.values(loaded.services)), { code: 'UNSUPPORTED' })
})

test('up builds what is missing, once, and keeps the container of an unchanged image', async () => {
  const { context, engine, progress } = createViewedHarness()
  const loaded = await project('services: { web: { build: ./web } }')
  await up(context, loaded, {})
  assert.equal(engine.buildRequests.length, 1)
  assert.equal(engine.byName('p-web-1').imageId, 'sha256:built-p-web')
  const { id } = engine.byName('p-web-1')
  await up(context, loaded, {})
  assert.equal(engine.buildRequests.length, 1)
  await up(context, loaded, { build: 'always' })
  assert.equal(engine.buildRequests.length, 2)
  assert.equal(engine.byName('p-web-1').id, id)
  engine.onBuild = ({ tags = [] }) => [{ kind: 'result', imageId: 'sha256:changed', tags, warnings: 0 }]
  await up(context, loaded, { build: 'always' })
  assert.notEqual(engine.byName('p-web-1').id, id)
  assert.ok(progress.includes('Image p-web Built'))
})

test('--no-build of a missing image is an error that says what to do', async () => {
  const { context, engine } = createViewedHarness()
  const loaded = await project('services: { web: { build: ./web } }')
  await assert.rejects(up(context, loaded, { build: 'never' }), {
    code: 'NO_SUCH_IMAGE',
    hint: 'make it with "mycompose build web", or leave out --no-build',
  })
  assert.deepEqual(engine.buildRequests, [])
})

test('an image that another service builds is not pulled', async () => {
  const { context, engine } = createViewedHarness()
  const yaml = 'services: { web: { image: shop, build: . }, job: { image: shop } }'
  await up(context, await project(yaml), {})
  assert.deepEqual(
    engine.requests.filter((text) => text.startsWith('pull') || text.startsWith('build')),
    ['build shop'],
  )
})

test('an image that cannot be pulled is built', async () => {
  const { context, engine } = createViewedHarness()
  await up(context, await project('services: { web: { image: shop, build: ., pull_policy: missing } }'), {})
  assert.deepEqual(
    engine.requests.filter((text) => text.startsWith('pull') || text.startsWith('build')),
    ['pull shop', 'build shop'],
  )
})

test('a dry run builds nothing and plans on', async () => {
  const { context, engine, progress } = createViewedHarness()
  const loaded = await project('services: { web: { build: ./web } }')
  const { plan } = await prepareUp(context, loaded, { dryRun: true })
  assert.deepEqual(engine.buildRequests, [])
  assert.deepEqual(progress, ['Image p-web Building', 'Image p-web Built'])
  assert.ok(plan.operations.some(({ kind }) => kind === 'createContainer'))
})
