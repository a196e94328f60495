import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerState, Health } from '../../../src/api/types/index.ts'
import { printableLines } from '../../../src/project/diagnose.ts'
import { judge } from '../../../src/project/readiness.ts'
import type { WaitCondition } from '../../../src/project/plan.ts'

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
