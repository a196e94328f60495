import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createQuery, parseFilters } from '../../../src/api/server/query.ts'
import { parseTimeMs } from '../../../src/api/filters.ts'
import { InvalidRequestError } from '../../../src/errors.ts'

describe('query', () => {
  for (const text of ['', 'all=', 'all=0', 'all=no', 'all=false', 'all=None', 'other=1'])
    it(`"${text}" is false`, () => assert.equal(createQuery(text).flag('all'), false))
  for (const text of ['all=1', 'all=true', 'all=True', 'all=yes'])
    it(`"${text}" is true`, () => assert.equal(createQuery(text).flag('all'), true))

  it('reads numbers, and refuses what is none', () => {
    assert.equal(createQuery('t=-1').integer('t'), -1)
    assert.equal(createQuery('').integer('t'), undefined)
    assert.throws(() => createQuery('t=1.5').integer('t'), InvalidRequestError)
    assert.throws(() => createQuery('t=ten').integer('t'), InvalidRequestError)
  })

  it('reads filters in both forms', () => {
    const want = { label: ['a=b', 'c'], status: ['running'] }
    assert.deepEqual(parseFilters('{"label":["a=b","c"],"status":["running"]}'), want)
    assert.deepEqual(parseFilters('{"label":{"a=b":true,"c":true,"off":false},"status":{"running":true}}'), want)
  })

  for (const text of ['nonsense', '[]', 'null', '{"label":"a"}', '{"label":3}'])
    it(`refuses filters ${text}`, () => assert.throws(() => parseFilters(text), InvalidRequestError))

  const nowMs = Date.UTC(2026, 0, 2)
  const times = [
    { text: '1700000000', want: 1_700_000_000_000 },
    { text: '1700000000.5', want: 1_700_000_000_500 },
    { text: '2026-01-01T00:00:00Z', want: nowMs - 86_400_000 },
    { text: '2026-01-01T00:00:00.123456789Z', want: nowMs - 86_400_000 + 123 },
    { text: '10m', want: nowMs - 600_000 },
  ]
  for (const { text, want } of times) it(`time ${text}`, () => assert.equal(parseTimeMs(text, nowMs), want))
  it('refuses a time that is none', () => assert.throws(() => parseTimeMs('yesterday', nowMs), InvalidRequestError))
})
