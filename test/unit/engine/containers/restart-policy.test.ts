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

const absence = { exitCode: 1, manuallyStopped: false, restartCount: 0, endedUnseen: true }
const ON_FAILURE = { Name: 'on-failure', MaximumRetryCount: 2 } as const
const STARTS = [
  {
    name: 'always, though stopped by the user',
    input: { policy: { Name: 'always' }, manuallyStopped: true },
    want: true,
  },
  { name: 'unless-stopped', input: { policy: { Name: 'unless-stopped' } }, want: true },
  {
    name: 'unless-stopped, stopped',
    input: { policy: { Name: 'unless-stopped' }, manuallyStopped: true },
    want: false,
  },
  { name: 'on-failure, failed unseen', input: { policy: ON_FAILURE }, want: true },
  { name: 'on-failure, judged before', input: { policy: ON_FAILURE, endedUnseen: false }, want: false },
  { name: 'on-failure, stopped', input: { policy: ON_FAILURE, manuallyStopped: true }, want: false },
  { name: 'on-failure, tried enough', input: { policy: ON_FAILURE, restartCount: 2 }, want: false },
  { name: 'on-failure, ended well', input: { policy: ON_FAILURE, exitCode: 0 }, want: false },
  { name: 'no policy', input: { policy: undefined }, want: false },
] as const

for (const { name, input, want } of STARTS)
  test(`at the engine's start: ${name}`, () => assert.equal(startsWithEngine({ ...absence, ...input }), want))
