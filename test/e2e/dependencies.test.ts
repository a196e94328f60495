/** depends_on and --wait: who starts when, and errors that say why something did not get ready. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { composeFile, containersOf, idle, shell } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'

const READY = { test: ['CMD', 'test', '-e', '/tmp/ready'], interval: '600s', start_period: '60s', retries: 1 }

describe('depends_on', () => {
  const engine = useEngine()
  const startTimes = async (project: string): Promise<string[]> =>
    (await containersOf(engine.client(), project))
      .toSorted((a, b) => a.State.StartedAt.localeCompare(b.State.StartedAt))
      .map(({ Name }) => Name.slice(1))

  test('starts in the order of the graph', async () => {
    const services = { c: idle({ depends_on: ['b'] }), b: idle({ depends_on: ['a'] }), a: idle() }
    await using project = engine.project(composeFile('chain', services))
    await project.ok('up', '-d')
    assert.deepEqual(await startTimes('chain'), ['chain-a-1', 'chain-b-1', 'chain-c-1'])
  })

  test('service_healthy goes on the moment the probe succeeds, long before the interval is over', async () => {
    const line = "sleep 0.5; touch /tmp/ready; trap 'exit 0' TERM; sleep 1000 & wait"
    const services = {
      db: shell(line, { healthcheck: READY }),
      web: idle({ depends_on: { db: { condition: 'service_healthy' } } }),
    }
    await using project = engine.project(composeFile('healthy', services))
    const { exitCode, stderr, durationMs } = await project.run('up', '-d')
    assert.equal(exitCode, 0, stderr)
    assert.ok(durationMs < 300_000, `took ${durationMs} ms of a 600 s interval`)
    const [db, web] = await containersOf(engine.client(), 'healthy')
    assert.equal(db?.State.Health?.Status, 'healthy')
    assert.ok((web?.State.StartedAt ?? '') > (db?.State.StartedAt ?? ''))
  })

  test('service_completed_successfully waits for the end', async () => {
    const services = {
      migrate: shell('sleep 0.3; echo migrated'),
      web: idle({ depends_on: { migrate: { condition: 'service_completed_successfully' } } }),
    }
    await using project = engine.project(composeFile('completed', services))
    await project.ok('up', '-d')
    const [migrate, web] = await containersOf(engine.client(), 'completed')
    assert.ok((web?.State.StartedAt ?? '') >= (migrate?.State.FinishedAt ?? '~'))
  })

  test('a one-shot that fails is named with its exit code, and what needs it does not start', async () => {
    const services = {
      migrate: shell('echo no such table >&2; exit 3'),
      web: idle({ depends_on: { migrate: { condition: 'service_completed_successfully' } } }),
    }
    await using project = engine.project(composeFile('failed', services))
    const { exitCode, stderr } = await project.run('up', '-d')
    assert.equal(exitCode, 1)
    assert.match(stderr, /migrate.*exit.*3/)
    assert.match(stderr, /no such table/)
    const web = (await containersOf(engine.client(), 'failed')).find(({ Name }) => Name === '/failed-web-1')
    assert.notEqual(web?.State.Status, 'running')
  })

  test('an unhealthy dependency fails what waits for it', async () => {
    const healthcheck = { test: 'echo cannot connect; exit 1', interval: '100ms', retries: 2 }
    const services = {
      db: idle({ healthcheck }),
      web: idle({ depends_on: { db: { condition: 'service_healthy' } } }),
    }
    await using project = engine.project(composeFile('unhealthy', services))
    const { exitCode, stderr } = await project.run('up', '-d')
    assert.equal(exitCode, 1)
    assert.match(stderr, /db.*unhealthy/)
    assert.match(stderr, /cannot connect/)
  })

  test('a cycle is reported with its path', async () => {
    const services = { a: idle({ depends_on: ['b'] }), b: idle({ depends_on: ['a'] }) }
    await using project = engine.project(composeFile('cycle', services))
    const { exitCode, stderr } = await project.run('up', '-d')
    assert.equal(exitCode, 1)
    assert.match(stderr, /a -> b -> a/)
  })

  test('down stops in reverse order', async () => {
    const line = "trap 'sleep 0.2; exit 0' TERM; sleep 1000 & wait"
    const services = { web: shell(line, { depends_on: ['db'] }), db: shell(line) }
    await using project = engine.project(composeFile('reverse', services))
    await project.ok('up', '-d')
    await project.ok('stop')
    const [db, web] = await containersOf(engine.client(), 'reverse')
    assert.ok((web?.State.FinishedAt ?? '~') <= (db?.State.FinishedAt ?? ''))
  })
})

describe('up --wait', () => {
  const engine = useEngine()

  test('ends with 0 when everything is ready, one-shots that ended with 0 among it', async () => {
    await using project = engine.project(composeFile('ready', { once: shell('true'), a: idle() }))
    await project.ok('up', '-d', '--wait')
  })

  test('names the service, its last probe output and its last log lines when it gets unhealthy', async () => {
    const healthcheck = { test: 'echo probe says no; exit 1', interval: '100ms', retries: 2 }
    const line = "echo opening the shop; trap 'exit 0' TERM; sleep 1000 & wait"
    await using project = engine.project(composeFile('sick', { shop: shell(line, { healthcheck }) }))
    const { exitCode, stderr } = await project.run('up', '-d', '--wait')
    assert.equal(exitCode, 1)
    assert.match(stderr, /shop/)
    assert.match(stderr, /probe says no/)
    assert.match(stderr, /opening the shop/)
  })

  test('names the service, exit code and last log lines when it ends', async () => {
    const slow = "sleep 1; touch /tmp/ready; trap 'exit 0' TERM; sleep 1000 & wait"
    const services = { shop: shell('echo out of paper >&2; exit 9'), db: shell(slow, { healthcheck: READY }) }
    await using project = engine.project(composeFile('ended', services))
    const { exitCode, stderr } = await project.run('up', '-d', '--wait')
    assert.equal(exitCode, 1)
    assert.match(stderr, /shop[^]*\b9\b/)
    assert.match(stderr, /out of paper/)
  })

  test('--wait-timeout bounds the wait', async () => {
    const healthcheck = { test: 'exit 1', interval: '1s', start_period: '600s' }
    await using project = engine.project(composeFile('late', { a: idle({ healthcheck }) }))
    const { exitCode, durationMs } = await project.run('up', '-d', '--wait', '--wait-timeout', '1')
    assert.equal(exitCode, 1)
    assert.ok(durationMs < 300_000, `took ${durationMs} ms`)
  })
})
