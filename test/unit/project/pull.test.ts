/** When images are pulled: policies, platforms, `pull` and `push`, and what `up` makes of failures. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isForPlatform, mustPull, pullPolicyOf } from '../../../src/project/pull-policy.ts'
import { pull, push } from '../../../src/project/pull.ts'
import { up } from '../../../src/project/up.ts'
import { createHarness, project, type Harness } from './harness.ts'

const HOUR_MS = 3_600_000

for (const [text, want] of [
  [undefined, { kind: 'missing' }],
  ['if_not_present', { kind: 'missing' }],
  ['always', { kind: 'always' }],
  ['daily', { kind: 'refresh', everyMs: 24 * HOUR_MS }],
  ['weekly', { kind: 'refresh', everyMs: 168 * HOUR_MS }],
  ['every_1d12h', { kind: 'refresh', everyMs: 36 * HOUR_MS }],
  ['every_30m', { kind: 'refresh', everyMs: HOUR_MS / 2 }],
] as const)
  test(`pull_policy ${text}`, () => {
    assert.deepEqual(pullPolicyOf(text === undefined ? {} : { pullPolicy: text }), want)
  })

test('what is built is not pulled unless the file or the command line says so', () => {
  assert.equal(pullPolicyOf({ build: { context: '.' } }).kind, 'build')
  assert.equal(pullPolicyOf({ build: { context: '.' }, pullPolicy: 'missing' }).kind, 'missing')
  assert.equal(pullPolicyOf({ pullPolicy: 'never' }, 'always').kind, 'always')
})

test('an image is refreshed once it is old enough', () => {
  const policy = pullPolicyOf({ pullPolicy: 'every_2h' })
  const tagged = { taggedAt: '2026-11-21T10:00:00Z', platform: 'linux/amd64' }
  const now = Date.parse(tagged.taggedAt)
  assert.equal(mustPull(policy, tagged, now + HOUR_MS), false)
  assert.equal(mustPull(policy, tagged, now + 2 * HOUR_MS), true)
  assert.equal(mustPull(policy, undefined, now), true)
  assert.equal(mustPull(policy, { ...tagged, taggedAt: '' }, now), true)
})

test('platforms in several spellings', () => {
  assert.equal(isForPlatform('linux/amd64', 'linux/x86_64'), true)
  assert.equal(isForPlatform('linux/arm64/v8', 'aarch64'), true)
  assert.equal(isForPlatform('linux/amd64', 'linux/arm64'), false)
  assert.equal(isForPlatform('linux/arm/v6', 'linux/arm/v7'), false)
})

function pulls({ engine }: Harness): string[] {
  return engine.requests.filter((request) => request.startsWith('pull ')).toSorted()
}

test('up pulls what is missing, each image once, before it makes anything', async () => {
  const harness = createHarness()
  const { engine, context, progress } = harness
  engine.registry.set('web:1', 'sha256:web').set('cache:1', 'sha256:cache')
  const model = await project(
    'services: { a: { image: web:1 }, b: { image: web:1 }, c: { image: cache:1 }, d: { image: app } }',
  )
  await up(context, model, {})
  assert.deepEqual(pulls(harness), ['pull cache:1', 'pull web:1'])
  const lastPull = engine.requests.findLastIndex((request) => request.startsWith('pull '))
  assert.ok(engine.requests.findIndex((request) => request.startsWith('create ')) > lastPull)
  assert.ok(progress.includes('Image web:1 Pulling') && progress.includes('Image web:1 Pulled'))
  assert.equal(engine.containers.size, 4)
  engine.requests.length = 0
  await up(context, model, {})
  assert.deepEqual(pulls(harness), [], 'nothing is asked of the registry for what is here')
})

test('--pull always renews images and recreates what runs on old ones', async () => {
  const harness = createHarness()
  const { engine, context } = harness
  engine.addImage('web:1', { id: 'sha256:old' })
  engine.registry.set('web:1', 'sha256:new')
  const model = await project('services: { a: { image: web:1 } }')
  await up(context, model, {})
  assert.equal(engine.byName('p-a-1').imageId, 'sha256:old')
  await up(context, model, { pull: 'always' })
  assert.equal(engine.byName('p-a-1').imageId, 'sha256:new')
})

test('a dry run pulls nothing', async () => {
  const harness = createHarness()
  harness.engine.registry.set('web:1', 'sha256:web')
  const { plan } = await up(harness.context, await project('services: { a: { image: web:1 } }'), { dryRun: true })
  assert.deepEqual(pulls(harness), [])
  assert.ok(plan.operations.some(({ kind }) => kind === 'createContainer'))
  assert.deepEqual(harness.progress, ['Image web:1 Pulling', 'Image web:1 Pulled'])
})

test('platform of the service, else DOCKER_DEFAULT_PLATFORM', async () => {
  const harness = createHarness()
  harness.engine.registry.set('web:1', 'a').set('web:2', 'b')
  const yaml = 'services: { a: { image: web:1, platform: linux/arm64 }, b: { image: web:2 } }'
  const model = await project(yaml, { environment: { DOCKER_DEFAULT_PLATFORM: 'linux/386' } })
  await pull(harness.context, model, Object.values(model.services), {})
  assert.deepEqual(pulls(harness), ['pull web:1 for linux/arm64', 'pull web:2 for linux/386'])
})

test('the login of each registry goes with the pull', async () => {
  const harness = createHarness()
  harness.engine.registry.set('web:1', 'a')
  const context = { ...harness.context, loginFor: () => Promise.resolve({ username: 'u', password: 'p' }) }
  await up(context, await project('services: { a: { image: web:1 } }'), {})
  assert.deepEqual(pulls(harness), ['pull web:1 as u'])
  assert.ok(harness.progress.every((line) => !line.includes('p ')))
})

test('pull: what is skipped, and why', async () => {
  const harness = createHarness()
  harness.engine.registry.set('web:1', 'a').set('app', 'b')
  const model = await project(`services:
  built: { build: . }
  never: { image: n:1, pull_policy: never }
  here: { image: db:1, pull_policy: missing }
  latest: { image: app, pull_policy: missing }
  web: { image: web:1 }`)
  harness.engine.addImage('db:1')
  await pull(harness.context, model, Object.values(model.services), {})
  assert.deepEqual(pulls(harness), ['pull app', 'pull web:1'])
  const skipped = harness.progress.filter((line) => line.includes('Skipped')).toSorted()
  assert.deepEqual(skipped, [
    'Image db:1 Skipped: Image is already present locally',
    'Image n:1 Skipped: Image is not pulled (pull_policy: never)',
    'built Skipped: No image to be pulled',
  ])
})

test('pull: a failure is an error, a warning when ignored or when the image can be built', async () => {
  const harness = createHarness()
  const run = async (yaml: string, ignoreFailures = false): Promise<void> => {
    const model = await project(yaml)
    await pull(harness.context, model, Object.values(model.services), { ignoreFailures })
  }
  const message = 'cannot pull image "web:1" of service "a": the registry has not got web:1'
  await assert.rejects(run('services: { a: { image: web:1 } }'), { message })
  await run('services: { a: { image: web:1 } }', true)
  await run('services: { a: { image: web:1, build: . } }')
  assert.deepEqual(harness.notices, [message, `${message}; it has to be built: mycompose build a`])
})

test('push: only what is built and named, with its further tags', async () => {
  const harness = createHarness()
  const model = await project(
    'services: { a: { image: r.example/a:1, build: { tags: ["r.example/a:2"] } }, b: { image: db } }',
  )
  await push(harness.context, Object.values(model.services), {})
  const pushed = harness.engine.requests.filter((request) => request.startsWith('push'))
  assert.deepEqual(pushed.toSorted(), ['push r.example/a:1', 'push r.example/a:2'])
})
