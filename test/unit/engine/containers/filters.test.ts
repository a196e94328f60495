import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFilter, wantsAll } from '../../../../src/engine/containers/filters.ts'
import { toSummary, type ContainerView } from '../../../../src/engine/containers/inspect.ts'

const document: ContainerView['document'] = {
  id: 'ab'.repeat(32),
  name: 'proj-web-1',
  createdAt: '2026-11-21T12:00:00.000000000Z',
  image: { reference: 'web:1', id: 'sha256:11', chainIds: [], platform: 'linux' },
  config: { Labels: { a: '1', b: '' }, ExposedPorts: { '80/tcp': {}, '9000/udp': {} } },
  hostConfig: { NetworkMode: 'proj_default' },
  endpoints: { proj_default: {} },
  mounts: [],
  path: 'web',
  args: ['-v'],
  runtime: 'crun',
  state: {
    status: 'exited',
    bootId: '',
    process: undefined,
    exitCode: 3,
    error: '',
    oomKilled: false,
    startedAt: '2026-11-21T12:00:01Z',
    finishedAt: '2026-11-21T12:00:05Z',
  },
  restartCount: 0,
  manuallyStopped: false,
}
const view: ContainerView = {
  document,
  isRemoving: false,
  isStopping: false,
  sandbox: undefined,
  driver: 'overlay2',
  execIds: [],
  sizeRwBytes: undefined,
}
const lookups = { imageId: () => 'sha256:11', createdAt: () => '2026-11-21T13:00:00.000000000Z' }
const matches = (filters: Record<string, string[]>): boolean => createFilter(filters, lookups)(view)

const CASES: [Record<string, string[]>, boolean][] = [
  [{}, true],
  [{ label: ['a'] }, true],
  [{ label: ['a=1', 'b='] }, true],
  [{ label: ['a=1', 'c'] }, false],
  [{ name: ['web'] }, true],
  [{ name: ['^proj-web-1$'] }, true],
  [{ name: ['^web'] }, false],
  [{ name: ['(a+)+$'] }, false],
  [{ id: ['abab'] }, true],
  [{ status: ['running', 'exited'] }, true],
  [{ status: ['running'] }, false],
  [{ exited: ['3'] }, true],
  [{ exited: ['0'] }, false],
  [{ health: ['none'] }, true],
  [{ ancestor: ['web:1'] }, true],
  [{ ancestor: ['alias'] }, true],
  [{ network: ['proj_default'] }, true],
  [{ network: ['other'] }, false],
  [{ before: ['x'] }, true],
  [{ since: ['x'] }, false],
  [{ expose: ['80'] }, true],
  [{ expose: ['8999-9001/udp'] }, true],
  [{ expose: ['81'] }, false],
  [{ publish: ['80'] }, false],
]
for (const [filters, want] of CASES)
  test(`filter ${JSON.stringify(filters)}`, () => assert.equal(matches(filters), want))

test('unknown filters and statuses are errors', () => {
  assert.throws(() => matches({ colour: ['red'] }), /invalid filter 'colour'/)
  assert.throws(() => matches({ status: ['asleep'] }), /invalid filter 'status=asleep'/)
})

test('filters on what is not running look at all containers', () => {
  assert.equal(wantsAll({ status: ['exited'] }), true)
  assert.equal(wantsAll({ label: ['a'] }), false)
})

test('summary', () => {
  const nowMs = Date.parse('2026-11-21T12:02:05Z')
  const { Names, Status, State, Command, Created } = toSummary(view, nowMs)
  assert.deepEqual([Names, Status, State, Command], [['/proj-web-1'], 'Exited (3) 2 minutes ago', 'exited', 'web -v'])
  assert.equal(Created, Date.parse('2026-11-21T12:00:00Z') / 1000)
  const health = { Status: 'healthy', FailingStreak: 0, Log: [] } as const
  const up = { ...document, health, state: { ...document.state, status: 'running' } } as const
  assert.equal(toSummary({ ...view, document: up }, nowMs).Status, 'Up 2 minutes (healthy)')
})
