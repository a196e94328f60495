import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerState, Health } from '../../../src/api/types/index.ts'
import { printableLines } from '../../../src/project/diagnose.ts'
import { up } from '../../../src/project/up.ts'
import { createReadiness, judge } from '../../../src/project/readiness.ts'
import type { WaitCondition } from '../../../src/project/plan.ts'
import { createHarness, project, type Harness } from './harness.ts'

function state(status: ContainerState['Status'], exitCode: number, health?: Health['Status']): ContainerState {
  const running = status === 'running' || status === 'restarting'
  return {
    Status: status,
    Running: running,
    Paused: false,
    Restarting: status === 'restarting',
    OOMKilled: false,
    Dead: false,
    Pid: 0,
    ExitCode: exitCode,
    Error: '',
    StartedAt: '',
    FinishedAt: '',
    ...(health === undefined ? {} : { Health: { Status: health, FailingStreak: 0, Log: [] } }),
  }
}

const CASES: readonly [string, ContainerState, Record<WaitCondition, string>][] = [
  [
    'created',
    state('created', 0),
    {
      service_started: 'pending',
      service_healthy: 'pending',
      service_completed_successfully: 'pending',
      ready: 'pending',
    },
  ],
  [
    'runs without a check',
    state('running', 0),
    { service_started: 'done', service_healthy: 'failed', service_completed_successfully: 'pending', ready: 'runs' },
  ],
  [
    'starting',
    state('running', 0, 'starting'),
    {
      service_started: 'done',
      service_healthy: 'pending',
      service_completed_successfully: 'pending',
      ready: 'pending',
    },
  ],
  [
    'healthy',
    state('running', 0, 'healthy'),
    { service_started: 'done', service_healthy: 'done', service_completed_successfully: 'pending', ready: 'done' },
  ],
  [
    'unhealthy',
    state('running', 0, 'unhealthy'),
    { service_started: 'done', service_healthy: 'failed', service_completed_successfully: 'pending', ready: 'failed' },
  ],
  [
    'restarting after a failure',
    state('restarting', 1, 'starting'),
    {
      service_started: 'pending',
      service_healthy: 'pending',
      service_completed_successfully: 'pending',
      ready: 'pending',
    },
  ],
  [
    'ended with 0',
    state('exited', 0),
    { service_started: 'failed', service_healthy: 'failed', service_completed_successfully: 'done', ready: 'done' },
  ],
  [
    'ended with 3',
    state('exited', 3, 'unhealthy'),
    { service_started: 'failed', service_healthy: 'failed', service_completed_successfully: 'failed', ready: 'failed' },
  ],
]

for (const [name, State, wants] of CASES) {
  for (const [condition, want] of Object.entries(wants) as [WaitCondition, string][]) {
    test(`${name}: ${condition} is ${want}`, () => assert.equal(judge({ State }, condition).kind, want))
  }
}

test('text from containers is printed without control characters, and not without end', () => {
  assert.deepEqual(printableLines('a\u001B[2Jb\r\n\n\tc \n'), ['a [2Jb', ' c'])
  assert.ok(printableLines('x'.repeat(1e6)).join('').length <= 4096)
})

/** A started container "p-web-1" that restarts at each look; each run lasts `ranMs`. */
async function restarting(
  ranMs: number,
): Promise<{ harness: Harness; wait: (condition: WaitCondition, timeoutMs: number) => Promise<string> }> {
  const harness = createHarness()
  const { engine } = harness
  const model = await project('services: { web: { image: app, restart: always, healthcheck: { test: [CMD, a] } } }')
  await up(harness.context, model, {})
  engine.write('p-web-1', 'no such table\n')
  const { containers } = engine.client
  let restarts = 0
  const inspect: typeof containers.inspect = async (id) => {
    const found = await containers.inspect(id)
    restarts += 1
    setTimeout(() => engine.setHealth('p-web-1', 'starting'), 1)
    const started = Date.now() - ranMs
    return {
      ...found,
      RestartCount: restarts,
      State: {
        ...found.State,
        Status: 'restarting',
        Restarting: true,
        ExitCode: 3,
        StartedAt: new Date(started).toISOString(),
        FinishedAt: new Date(started + ranMs).toISOString(),
      },
    }
  }
  const client = { ...engine.client, containers: { ...containers, inspect } }
  const readiness = createReadiness({ ...harness.context, client }, 'p')
  const { id } = engine.byName('p-web-1')
  return {
    harness,
    async wait(condition, timeoutMs) {
      const wish = { id, name: 'p-web-1', service: 'web', condition, timeoutMs }
      try {
        return await readiness.wait(wish, harness.abort.signal)
      } finally {
        readiness.close()
      }
    },
  }
}

for (const [condition, prefix] of [
  ['ready', ''],
  ['service_healthy', 'dependency failed to start: '],
] as const) {
  test(`who waits until it is ${condition} is told of restarts, then that there is no hope`, async () => {
    const { harness, wait } = await restarting(50)
    await assert.rejects(wait(condition, 20_000), {
      code: 'RESTART_LOOP',
      message: `${prefix}container p-web-1 keeps restarting: it has exited (3) 8 times in a row`,
      hint: /last log lines of p-web-1:\n {2}no such table\n.*`mycompose logs web`/s,
    })
    assert.equal(harness.notices.length, 1)
    assert.match(harness.notices[0] ?? '', /has restarted 3 times, still waiting for it/)
  })
}

test('a one-shot is tried as often as its policy says', async () => {
  const { wait } = await restarting(50)
  await assert.rejects(wait('service_completed_successfully', 300), { code: 'WAIT_TIMEOUT' })
})

test('a container that stays up between its restarts is no loop', async () => {
  const { harness, wait } = await restarting(11_000)
  await assert.rejects(wait('ready', 300), { code: 'WAIT_TIMEOUT' })
  assert.deepEqual(harness.notices, [])
})
