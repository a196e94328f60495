import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCodeOf, healthOf, observe } from '../../../src/project/observe.ts'
import { createFakeEngine } from './fake-engine.ts'

for (const [status, health, exitCode] of [
  ['Up 3 minutes', '', 0],
  ['Up 3 minutes (healthy)', 'healthy', 0],
  ['Up 1 second (health: starting)', 'starting', 0],
  ['Up 1 second (unhealthy)', 'unhealthy', 0],
  ['Up 2 hours (Paused)', '', 0],
  ['Exited (137) 2 seconds ago', '', 137],
  ['Restarting (1) 5 seconds ago', '', 1],
  ['Created', '', 0],
] as const) {
  test(`status "${status}"`, () => {
    assert.equal(healthOf(status), health)
    assert.equal(exitCodeOf(status), exitCode)
  })
}

test('images: found by name with the default tag, else asked for one by one, once', async () => {
  const engine = createFakeEngine()
  engine.addImage('app', { id: 'sha256:1' })
  engine.addImage('localhost:5000/x', { id: 'sha256:2' })
  const { images } = await observe(engine.client, 'p', ['app', 'app', 'localhost:5000/x', 'nowhere', 'nowhere'])
  assert.deepEqual(
    [...images],
    [
      ['app', 'sha256:1'],
      ['localhost:5000/x', 'sha256:2'],
    ],
  )
  assert.deepEqual(
    engine.requests.filter((request) => request.startsWith('inspect')),
    ['inspect image localhost:5000/x', 'inspect image nowhere'],
  )
})
