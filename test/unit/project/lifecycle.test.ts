import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { down } from '../../../src/project/down.ts'
import { exec } from '../../../src/project/exec.ts'
import { kill } from '../../../src/project/kill.ts'
import { ls } from '../../../src/project/ls.ts'
import { ps } from '../../../src/project/ps.ts'
import { restart } from '../../../src/project/restart.ts'
import { findRemovable, rm } from '../../../src/project/rm.ts'
import { start } from '../../../src/project/start.ts'
import { stop } from '../../../src/project/stop.ts'
import { up } from '../../../src/project/up.ts'
import { wait } from '../../../src/project/wait.ts'
import { createHarness, project } from './harness.ts'
import type { Harness } from './harness.ts'

const STACK = `
services:
  web: { image: app, depends_on: { db: { condition: service_healthy, restart: true } } }
  db: { image: db, healthcheck: { test: [ CMD, x ] }, volumes: [ "data:/d", /anonymous ] }
  other: { image: app }
volumes: { data: {} }
`
/** By name only: everything comes from labels. */
const P = { name: 'p' }

async function running(yaml: string = STACK): Promise<Harness> {
  const harness = createHarness()
  const { engine, context, progress } = harness
  engine.onStart = ({ name, health }) => {
    if (health !== undefined) engine.setHealth(name, 'healthy')
  }
  await up(context, await project(yaml), {})
  engine.requests.length = 0
  progress.length = 0
  return harness
}

function did(harness: Harness, verb: string): string[] {
  return harness.engine.requests
    .filter((request) => request.startsWith(`${verb} `))
    .map((request) => request.slice(verb.length + 1))
}

test('stop: dependents first, and again is nothing', async () => {
  const harness = await running()
  await stop(harness.context, P, {})
  const order = did(harness, 'stop')
  assert.deepEqual(order.toSorted(), ['p-db-1', 'p-other-1', 'p-web-1'])
  assert.ok(order.indexOf('p-web-1') < order.indexOf('p-db-1'))
  assert.ok(harness.progress.includes('Container p-db-1 Stopped'))
  harness.engine.requests.length = 0
  await stop(harness.context, P, {})
  assert.deepEqual(harness.engine.requests, ['list containers'])
})

test('stop of one service stops only that', async () => {
  const harness = await running()
  await stop(harness.context, P, { services: ['db'] })
  assert.deepEqual(did(harness, 'stop'), ['p-db-1'])
})

test('start of one service starts its dependencies, and waits for their health', async () => {
  const harness = await running()
  await stop(harness.context, P, {})
  await start(harness.context, P, { services: ['web'] })
  assert.deepEqual(did(harness, 'start'), ['p-db-1', 'p-web-1'])
  assert.ok(
    harness.progress.indexOf('Container p-db-1 Healthy') < harness.progress.indexOf('Container p-web-1 Starting'),
  )
})

test('start of a service without container says what to do', async () => {
  const { context } = await running('services: { a: { image: app } }')
  const model = await project('services: { a: { image: app }, b: { image: app } }')
  await assert.rejects(start(context, { name: 'p', project: model }, { services: ['b'] }), { code: 'NO_CONTAINER' })
})

test('restart takes dependents with restart: true along, unless --no-deps', async () => {
  const harness = await running()
  await restart(harness.context, P, { services: ['db'] })
  assert.deepEqual(did(harness, 'restart'), ['p-db-1', 'p-web-1'])
  harness.engine.requests.length = 0
  await restart(harness.context, P, { services: ['db'], noDeps: true })
  assert.deepEqual(did(harness, 'restart'), ['p-db-1'])
})

test('kill of a container that ends meanwhile is no failure', async () => {
  const harness = await running()
  harness.engine.failOn = (request) => {
    if (request === 'kill p-other-1 SIGKILL') harness.engine.exit('p-other-1', 0)
    return undefined
  }
  await kill(harness.context, P, { services: ['other'] })
  assert.ok(harness.progress.includes('Container p-other-1 Killed'))
})

test('kill sends the signal to running ones; nothing to kill is told', async () => {
  const harness = await running()
  await kill(harness.context, P, { services: ['other'], signal: 'SIGHUP' })
  assert.deepEqual(did(harness, 'kill'), ['p-other-1 SIGHUP'])
  await kill(harness.context, P, {})
  await kill(harness.context, P, {})
  assert.deepEqual(harness.notices, ['No container to kill'])
})

test('rm removes stopped ones only, unless told to stop', async () => {
  const harness = await running()
  await stop(harness.context, P, { services: ['web'] })
  assert.deepEqual(await findRemovable(harness.context, P, {}), ['p-web-1'])
  assert.deepEqual(await rm(harness.context, P, {}), ['p-web-1'])
  assert.deepEqual(await rm(harness.context, P, { stop: true, volumes: true }), ['p-db-1', 'p-other-1'])
  assert.deepEqual(did(harness, 'remove'), ['p-web-1', 'p-db-1 with volumes', 'p-other-1 with volumes'])
})

test('down by name: all containers and the network go, the volume stays', async () => {
  const harness = await running()
  await down(harness.context, P, {})
  const { engine, progress } = harness
  assert.equal(engine.containers.size, 0)
  assert.equal(engine.networks.size, 0)
  assert.deepEqual([...engine.volumes.keys()], ['p_data'])
  for (const line of ['Container p-web-1 Removed', 'Network p_default Removed']) assert.ok(progress.includes(line))
  assert.deepEqual(engine.requests.slice(0, 3), ['list containers', 'list networks', 'list volumes'])
})

test('down -v: the named volume goes too; a second down warns', async () => {
  const { engine, context, notices } = await running()
  const target = { name: 'p', project: await project(STACK) }
  await down(context, target, { volumes: true })
  assert.equal(engine.volumes.size, 0)
  await down(context, target, {})
  assert.deepEqual(notices, ['No resource found to remove for project "p".'])
})

const BUILT = `
services:
  web: { build: . }
  api: { image: app-api, build: . }
  db: { image: db }
`

/** With the images p-web and app-api built, another project's, and one of a service that was taken out of the file. */
async function builtStack(): Promise<ReturnType<typeof createHarness>> {
  const harness = createHarness()
  await up(harness.context, await project(`${BUILT}  old: { image: app-old, build: . }`), { build: 'always' })
  await up(harness.context, await project(BUILT), { removeOrphans: true })
  harness.engine.requests.length = 0
  return harness
}

const removed = ({ engine }: ReturnType<typeof createHarness>): string[] =>
  engine.requests.flatMap((request) => /^remove image (.*)$/.exec(request)?.[1] ?? [])

for (const { name, options, byName = false, want } of [
  { name: 'none by itself', options: {}, want: [] },
  {
    name: 'local: what was built for services',
    options: { images: 'local' },
    want: ['app-api:latest', 'p-web:latest'],
  },
  {
    name: 'local with orphans: also of services that are no more',
    options: { images: 'local', removeOrphans: true },
    want: ['app-api:latest', 'app-old:latest', 'p-web:latest'],
  },
  {
    name: 'all: what services name, too',
    options: { images: 'all' },
    want: ['app-api:latest', 'db:latest', 'p-web:latest'],
  },
  {
    name: 'all by name',
    options: { images: 'all' },
    byName: true,
    want: ['app-api:latest', 'db:latest', 'p-web:latest'],
  },
  { name: 'of one service', options: { images: 'all', services: ['web'] }, want: ['p-web:latest'] },
] as const)
  test(`down --rmi: ${name}`, async () => {
    const harness = await builtStack()
    await down(harness.context, { name: 'p', ...(byName ? {} : { project: await project(BUILT) }) }, options)
    assert.deepEqual(removed(harness).toSorted(), want)
    for (const image of want) assert.ok(harness.progress.includes(`Image ${image} Removed`))
    assert.ok(harness.engine.images.has('app'), 'of nobody of the project')
  })

test('down --rmi: an image that others use is a warning, and no failure', async () => {
  const harness = await builtStack()
  await harness.context.client.containers.create('outsider', { Image: 'db' })
  await down(harness.context, { name: 'p', project: await project(BUILT) }, { images: 'all' })
  assert.ok(harness.progress.includes('Image db:latest Resource is still in use'))
  assert.ok(harness.engine.images.has('db'))
})

test('down: a network that others joined is a warning', async () => {
  const { engine, context, progress } = await running()
  const outsider = await context.client.containers.create('outsider', {
    Image: 'app',
    NetworkingConfig: { EndpointsConfig: { p_default: {} } },
  })
  await down(context, P, {})
  assert.ok(progress.includes('Network p_default Resource is still in use'))
  assert.ok(engine.containers.has(outsider.Id))
})

test('ps: running ones by name, all with -a, by status, unknown services are an error', async () => {
  const { engine, context } = await running()
  engine.exit('p-other-1', 3)
  const names = async (options: Parameters<typeof ps>[2]): Promise<string[]> =>
    (await ps(context, P, options)).map(({ name }) => name)
  assert.deepEqual(await names({}), ['p-db-1', 'p-web-1'])
  assert.deepEqual(await names({ all: true }), ['p-db-1', 'p-other-1', 'p-web-1'])
  assert.deepEqual(await names({ statuses: ['exited'] }), ['p-other-1'])
  assert.deepEqual(await names({ services: ['web'] }), ['p-web-1'])
  await assert.rejects(names({ services: ['nope'] }), { message: 'no such service: nope' })
  const [db, other] = await ps(context, P, { all: true })
  assert.equal(db?.health, 'healthy')
  assert.equal(other?.exitCode, 3)
})

test('ls: projects with their states', async () => {
  const { engine, context } = await running()
  engine.exit('p-other-1', 0)
  assert.deepEqual(await ls(context, { all: true }), [
    { name: 'p', status: 'exited(1), running(2)', configFiles: ['/work/compose.yaml'] },
  ])
})

test('wait yields containers in the order of their ends', async () => {
  const { engine, context } = await running()
  const ends = wait(context, P, { services: ['web', 'other'] })
  const first = ends.next()
  const isWaitedFor = (name: string): boolean => engine.requests.includes(`wait ${name}`)
  while (!isWaitedFor('p-other-1') || !isWaitedFor('p-web-1')) await setImmediate()
  engine.exit('p-other-1', 4)
  const { value: other } = await first
  const second = ends.next()
  engine.exit('p-web-1', 0)
  const { value: web } = await second
  assert.deepEqual([other?.name, other?.exitCode, web?.name, web?.exitCode], ['p-other-1', 4, 'p-web-1', 0])
  assert.equal((await ends.next()).done, true)
})

test('exec: the lowest replica or the index; not running is an error with a hint', async () => {
  const { engine, context } = await running('services: { a: { image: app, scale: 3 } }')
  engine.exit('p-a-1', 0)
  const options = { service: 'a', command: ['true'], tty: false, interactive: false, detach: true }
  await exec(context, P, options)
  await exec(context, P, { ...options, index: 3 })
  assert.deepEqual(
    engine.requests.filter((request) => request.startsWith('exec ')),
    ['exec p-a-2', 'exec p-a-3'],
  )
  await assert.rejects(exec(context, P, { ...options, index: 1 }), {
    code: 'SERVICE_NOT_RUNNING',
    message: 'service "a" is not running container #1',
  })
})
