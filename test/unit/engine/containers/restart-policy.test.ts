import assert from 'node:assert/strict'
import { test } from 'node:test'
import { restartDelayMs, startsWithEngine } from '../../../../src/engine/containers/restart-policy.ts'

const ending = { exitCode: 1, manuallyStopped: false, restartCount: 0, ranMs: 50, lastDelayMs: 0 }

const CASES = [
  { name: 'no policy', input: { policy: undefined }, want: undefined },
  { name: 'no', input: { policy: { Name: 'no' } }, want: undefined },
  { name: 'always, first time', input: { policy: { Name: 'always' } }, want: 100 },
  { name: 'always after a clean exit', input: { policy: { Name: 'always' }, exitCode: 0 }, want: 100 },
  { name: 'doubles', input: { policy: { Name: 'always' }, lastDelayMs: 400 }, want: 800 },
  { name: 'no more than a minute', input: { policy: { Name: 'always' }, lastDelayMs: 51_200 }, want: 60_000 },
  {
    name: 'starts over after 10 s',
    input: { policy: { Name: 'always' }, lastDelayMs: 51_200, ranMs: 10_000 },
    want: 100,
  },
  { name: 'stopped by the user', input: { policy: { Name: 'always' }, manuallyStopped: true }, want: undefined },
  { name: 'on-failure after success', input: { policy: { Name: 'on-failure' }, exitCode: 0 }, want: undefined },
  { name: 'on-failure without limit', input: { policy: { Name: 'on-failure' }, restartCount: 99 }, want: 100 },
  {
    name: 'on-failure:2, second',
    input: { policy: { Name: 'on-failure', MaximumRetryCount: 2 }, restartCount: 1 },
    want: 100,
  },
  {
    name: 'on-failure:2, third',
    input: { policy: { Name: 'on-failure', MaximumRetryCount: 2 }, restartCount: 2 },
    want: undefined,
  },
] as const

for (const { name, input, want } of CASES) test(name, () => assert.equal(restartDelayMs({ ...ending, ...input }), want))

test('with the engine start: always, and unless-stopped unless stopped', () => {
  assert.equal(startsWithEngine({ Name: 'always' }, true), true)
  assert.equal(startsWithEngine({ Name: 'unless-stopped' }, true), false)
  assert.equal(startsWithEngine({ Name: 'unless-stopped' }, false), true)
  assert.equal(startsWithEngine({ Name: 'on-failure' }, false), false)
})
