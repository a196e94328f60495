import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigErrors, MycomposeError } from '../../../src/errors.ts'
import { LABEL } from '../../../src/project/labels.ts'
import { up } from '../../../src/project/up.ts'
import { createHarness, project } from './harness.ts'

const WEB_DB = `
services:
  web:
    image: app
    depends_on: { db: { condition: service_healthy } }
    volumes: [ "/cache" ]
  db:
    image: db
    volumes: [ "data:/var/lib/db" ]
    healthcheck: { test: [ CMD, pg_isready ] }
volumes: { data: {} }
`

test('up creates and starts with one create and one start per container, in order', async () => {
  const { engine, context, progress } = createHarness()
  engine.onStart = ({ name }) => {
    if (name === 'p-db-1') setImmediate(() => engine.setHealth(name, 'healthy'))
  }
  const result = await up(context, await project(WEB_DB), {})
  assert.deepEqual(
    result.containers.map(({ name }) => name),
    ['p-db-1', 'p-web-1'],
  )
  assert.deepEqual(engine.requests.slice(0, 4), ['list containers', 'list networks', 'list volumes', 'list images'])
  assert.deepEqual(engine.requests.filter((request) => /^(create|start|remove|stop)/.test(request)).toSorted(), [
    'create network p_default',
    'create p-db-1',
    'create p-web-1',
    'create volume p_data',
    'start p-db-1',
    'start p-web-1',
  ])
  for (const line of [
    'Network p_default Created',
    'Volume p_data Created',
    'Container p-db-1 Healthy',
    'Container p-web-1 Started',
  ]) {
    assert.ok(progress.includes(line), `${line} in ${progress.join('\n')}`)
  }
  assert.ok(progress.indexOf('Container p-db-1 Healthy') < progress.indexOf('Container p-web-1 Starting'))
})

test('a second up does nothing and asks four questions', async () => {
  const { engine, context, progress } = createHarness()
  engine.onStart = ({ name }) => {
    if (name === 'p-db-1') setImmediate(() => engine.setHealth(name, 'healthy'))
  }
  const model = await project(WEB_DB)
  await up(context, model, {})
  engine.requests.length = 0
  progress.length = 0
  const { plan } = await up(context, model, { wait: false })
  assert.deepEqual(plan.operations, [])
  assert.deepEqual(engine.requests, ['list containers', 'list networks', 'list volumes', 'list images'])
  assert.deepEqual(progress, ['Container p-db-1 Running', 'Container p-web-1 Running'])
})

test('ten independent services: four lists, one network, ten creates, ten starts', async () => {
  const { engine, context } = createHarness()
  const services = Array.from({ length: 10 }, (_, index) => `  s${index}: { image: app }`).join('\n')
  await up(context, await project(`services:\n${services}\n`), {})
  assert.equal(engine.requests.length, 4 + 1 + 20)
})

test('a changed service is replaced under its name and keeps its anonymous volume', async () => {
  const { engine, context, progress } = createHarness()
  const before = 'services: { a: { image: app, volumes: [ /data ] }, b: { image: app } }'
  const after = 'services: { a: { image: app, volumes: [ /data ], environment: { X: "1" } }, b: { image: app } }'
  await up(context, await project(before), {})
  const old = engine.byName('p-a-1')
  const [volume] = old.mounts
  const untouched = engine.byName('p-b-1').id
  engine.requests.length = 0
  progress.length = 0
  await up(context, await project(after), {})
  const fresh = engine.byName('p-a-1')
  assert.notEqual(fresh.id, old.id)
  assert.equal(fresh.mounts[0]?.Name, volume?.Name)
  assert.equal(fresh.status, 'running')
  assert.equal(fresh.request.Labels?.[LABEL.replace], 'p-a-1')
  assert.equal(engine.byName('p-b-1').id, untouched)
  assert.deepEqual(engine.requests.slice(4), [
    `create ${old.id.slice(0, 12)}_p-a-1`,
    'stop p-a-1',
    'remove p-a-1',
    `rename ${old.id.slice(0, 12)}_p-a-1 p-a-1`,
    'start p-a-1',
  ])
  assert.deepEqual(
    progress.filter((line) => line.startsWith('Container p-a-1')),
    ['Recreate', 'Recreated', 'Starting', 'Started'].map((word) => `Container p-a-1 ${word}`),
  )
})

test('an unhealthy dependency: the dependent stays created, the error tells probe and log', async () => {
  const { engine, context } = createHarness()
  engine.onStart = ({ name }) => {
    engine.write(name, 'starting up\nfatal: no \u001B[31mspace\n')
    setImmediate(() => engine.setHealth(name, 'unhealthy', 'no response\n'))
  }
  await assert.rejects(up(context, await project(WEB_DB), {}), (error: unknown) => {
    assert.ok(error instanceof MycomposeError)
    assert.equal(error.message, 'dependency failed to start: container p-db-1 is unhealthy')
    assert.equal(error.exitCode, 1)
    assert.match(
      error.hint ?? '',
      /last health check ended with 1:\n {2}no response\nlast log lines of p-db-1:\n {2}starting up\n {2}fatal: no {2}\[31mspace/,
    )
    return true
  })
  assert.equal(engine.byName('p-web-1').status, 'created')
})

test('a dependency that exits: its code is in the message', async () => {
  const { engine, context } = createHarness()
  engine.onStart = ({ name }) => setImmediate(() => engine.exit(name, 3))
  await assert.rejects(up(context, await project(WEB_DB), {}), {
    message: 'dependency failed to start: container p-db-1 exited (3)',
    code: 'DEPENDENCY_FAILED',
  })
})

test('a migration that fails stops its dependents', async () => {
  const { engine, context } = createHarness()
  engine.onStart = ({ name }) => setImmediate(() => engine.exit(name, 2))
  const model = await project(
    'services: { web: { image: app, depends_on: { m: { condition: service_completed_successfully } } }, m: { image: app } }',
  )
  await assert.rejects(up(context, model, {}), { message: 'service "m" didn\'t complete successfully: exit 2' })
  assert.equal(engine.byName('p-web-1').status, 'created')
})

test('an optional dependency that fails is a warning', async () => {
  const { engine, context, notices } = createHarness()
  engine.onStart = ({ name }) => {
    if (name === 'p-m-1') setImmediate(() => engine.exit(name, 2))
  }
  const model = await project(
    'services: { web: { image: app, depends_on: { m: { condition: service_completed_successfully, required: false } } }, m: { image: app } }',
  )
  await up(context, model, {})
  assert.equal(engine.byName('p-web-1').status, 'running')
  assert.deepEqual(notices, [
    'optional dependency "m" failed to start: service "m" didn\'t complete successfully: exit 2',
  ])
})

test('readiness is seen without events, by polling', async () => {
  const { engine, context } = createHarness()
  engine.mute = true
  engine.onStart = ({ name }) => {
    if (name === 'p-db-1') setTimeout(() => engine.setHealth(name, 'healthy'), 50)
  }
  await up(context, await project(WEB_DB), {})
  assert.equal(engine.byName('p-web-1').status, 'running')
})

test('--wait: one-shots that end with 0 are fine, others are not', async () => {
  const model = await project('services: { job: { image: app }, web: { image: app } }')
  for (const exitCode of [0, 4]) {
    const { engine, context } = createHarness()
    engine.onStart = ({ name }) => {
      if (name === 'p-job-1') engine.exit(name, exitCode)
    }
    const waiting = up(context, model, { wait: true })
    if (exitCode === 0) await waiting
    else await assert.rejects(waiting, { message: 'container p-job-1 exited (4)', code: 'DEPENDENCY_FAILED' })
  }
})

test('--wait finds what has died after it was seen running', async () => {
  const { engine, context } = createHarness()
  engine.onStart = ({ name }) => {
    if (name === 'p-a-1') setTimeout(() => engine.exit(name, 5), 20)
    else setTimeout(() => engine.setHealth(name, 'healthy'), 60)
  }
  const model = await project('services: { a: { image: app }, b: { image: db, healthcheck: { test: [ CMD, x ] } } }')
  await assert.rejects(up(context, model, { wait: true }), { message: 'container p-a-1 exited (5)' })
})

test('--wait-timeout', async () => {
  const { engine, context } = createHarness()
  const model = await project('services: { db: { image: db, healthcheck: { test: [ CMD, x ] } } }')
  await assert.rejects(up(context, model, { wait: true, waitTimeoutMs: 100 }), {
    message: 'application not healthy after 0.1s',
    code: 'WAIT_TIMEOUT',
  })
  assert.equal(engine.byName('p-db-1').status, 'running')
})

test('service_healthy without any health check is refused before anything is done', async () => {
  const { engine, context } = createHarness()
  const model = await project(
    'services: { web: { image: app, depends_on: { db: { condition: service_healthy } } }, db: { image: db } }',
  )
  await assert.rejects(up(context, model, {}), { code: 'NO_HEALTHCHECK' })
  assert.equal(engine.containers.size, 0)
  engine.addImage('db', { healthcheck: true })
  engine.failOn = (request) => (request === 'create p-web-1' ? new Error('far enough') : undefined)
  engine.onStart = ({ name }) => engine.setHealth(name, 'healthy')
  await assert.rejects(up(context, model, {}), /far enough/)
})

test('--scale of a service that the model does not have', async () => {
  const { context } = createHarness()
  const model = await project('services: { a: { image: app } }')
  await assert.rejects(up(context, model, { scale: { b: 2 } }), { code: 'NO_SUCH_SERVICE' })
})

test('a missing image is told before anything is done', async () => {
  const { engine, context } = createHarness()
  await assert.rejects(up(context, await project('services: { a: { image: nowhere:1 } }'), {}), {
    message: 'cannot pull image "nowhere:1" of service "a": the registry has not got nowhere:1',
  })
  await assert.rejects(up(context, await project('services: { a: { image: nowhere:1 } }'), { pull: 'never' }), {
    code: 'NO_SUCH_IMAGE',
    message: 'image "nowhere:1" of service "a" is not on this machine and may not be pulled (pull policy "never")',
  })
  assert.equal(engine.networks.size, 0)
})

test('all missing images, or all missing files of secrets and configs, are told at once', async () => {
  const { engine, context } = createHarness()
  const failing = async (yaml: string): Promise<readonly string[]> => {
    const error: unknown = await up(context, await project(yaml), {}).catch((reason: unknown) => reason)
    assert.ok(error instanceof ConfigErrors)
    return error.problems.map(({ message }) => message)
  }
  assert.deepEqual(await failing('services: { a: { image: x }, b: { image: app }, c: { image: y } }'), [
    'cannot pull image "x" of service "a": the registry has not got x',
    'cannot pull image "y" of service "c": the registry has not got y',
  ])
  Object.assign(context, {
    readFile: (path: string) =>
      path === '/work/there'
        ? Promise.resolve(Buffer.from(''))
        : Promise.reject(Object.assign(new Error('no'), { code: 'ENOENT' })),
  })
  assert.deepEqual(
    await failing(`
services: { a: { image: app, secrets: [s, t], configs: [c] } }
secrets: { s: { file: ./s }, t: { file: ./there } }
configs: { c: { file: ./c } }
`),
    [
      'the file of secret "s" of service "a" does not exist: /work/s',
      'the file of config "c" of service "a" does not exist: /work/c',
    ],
  )
  assert.equal(engine.networks.size, 0)
})

test('one failing start: independent services go on, the error names the container', async () => {
  const { engine, context, progress } = createHarness()
  engine.failOn = (request) =>
    request === 'start p-a-1'
      ? new MycomposeError('port 80 is taken', { code: 'PORT_TAKEN', hint: 'stop nginx' })
      : undefined
  const model = await project(
    'services: { a: { image: app }, b: { image: app }, c: { image: app, depends_on: [ a ] } }',
  )
  await assert.rejects(up(context, model, {}), {
    code: 'PORT_TAKEN',
    message: 'cannot start container p-a-1: port 80 is taken',
    hint: 'stop nginx',
  })
  assert.equal(engine.byName('p-b-1').status, 'running')
  assert.equal(engine.byName('p-c-1').status, 'created')
  assert.ok(progress.includes('Container p-a-1 Error: cannot start container p-a-1: port 80 is taken'))
})

test('secrets and configs with content are copied in before the start; a changed text recreates', async () => {
  const { engine, context } = createHarness()
  const yaml = `
services:
  a:
    image: app
    secrets: [ { source: pw, uid: "70", gid: "71", mode: 0440 } ]
    configs: [ greeting ]
secrets: { pw: { environment: PW } }
configs: { greeting: { content: hello } }
`
  await up(context, await project(yaml, { environment: { PW: 'geheim' } }), {})
  const [file] = engine.byName('p-a-1').files
  assert.equal(file?.path, '/')
  const tar = file?.tar ?? Buffer.alloc(0)
  assert.equal(tar.toString('latin1', 0, 8).replaceAll('\0', ''), 'greeting')
  const text = tar.toString('latin1').replaceAll(/\0+/g, '|')
  assert.match(text, /\|run\/secrets\/pw\|0000440\|0000106\|0000107\|/)
  assert.match(text, /\|geheim\|/)
  assert.deepEqual(engine.requests.slice(-3), ['create p-a-1', 'put p-a-1 /', 'start p-a-1'])
  const { plan } = await up(context, await project(yaml, { environment: { PW: 'other' } }), { dryRun: true })
  assert.equal(plan.operations[0]?.cause, 'content of secrets or configs changed')
})

test('an interrupt ends the waiting with 130', async () => {
  const { context, abort } = createHarness()
  setTimeout(() => abort.abort(), 30)
  await assert.rejects(up(context, await project(WEB_DB), {}), { code: 'CANCELED', exitCode: 130 })
})

test('orphans: a warning, or removed when asked to', async () => {
  const { engine, context, notices } = createHarness()
  await up(context, await project('services: { a: { image: app }, b: { image: app } }'), {})
  const smaller = await project('services: { a: { image: app } }')
  await up(context, smaller, {})
  assert.match(notices[0] ?? '', /^Found orphan containers \(\[p-b-1\]\) for this project/)
  await up(context, smaller, { removeOrphans: true })
  assert.deepEqual(
    [...engine.containers.values()].map(({ name }) => name),
    ['p-a-1'],
  )
})

test('up names every unset variable of secrets and configs before it makes anything', async () => {
  const { engine, context } = createHarness()
  const model = await project(`
services:
  web: { image: app, secrets: [token, key], configs: [conf] }
secrets: { token: { environment: TOKEN }, key: { environment: KEY } }
configs: { conf: { environment: CONF } }
`)
  await assert.rejects(up(context, { ...model, environment: { KEY: '' } }, {}), (error) => {
    assert.ok(error instanceof ConfigErrors)
    assert.deepEqual(
      error.problems.map(({ message }) => message),
      [
        'environment variable "TOKEN" required by secret "token" is not set',
        'environment variable "CONF" required by config "conf" is not set',
      ],
    )
    return true
  })
  assert.deepEqual(
    engine.requests.filter((request) => /^(create|start)/.test(request)),
    [],
  )
})

test('up passes on what the engine says about a network', async () => {
  const { engine, context, notices } = createHarness()
  const { networks } = engine.client
  const create: typeof networks.create = async (body) => ({
    ...(await networks.create(body)),
    Warning: 'no effect: a.b',
  })
  const client = { ...engine.client, networks: { ...networks, create } }
  await up({ ...context, client }, await project('services: { web: { image: app } }'), {})
  assert.deepEqual(notices, ['network p_default: no effect: a.b'])
})
