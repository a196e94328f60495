/** What a prune takes, and how far the cache shrinks by itself. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { shrinkTo } from '../../../../../src/engine/build/cache/limits.ts'
import { selectForPrune, type CacheItem } from '../../../../../src/engine/build/cache/selection.ts'

const HOUR_MS = 3_600_000
const NOW_MS = 1000 * HOUR_MS

function item(id: string, hoursAgo: number, more: Partial<CacheItem['record']> = {}): CacheItem {
  return {
    usedAtMs: NOW_MS - hoursAgo * HOUR_MS,
    record: {
      ID: id,
      Type: 'regular',
      Description: `RUN ${id}`,
      InUse: false,
      Shared: false,
      Size: 100,
      CreatedAt: '',
      LastUsedAt: null,
      UsageCount: 1,
      ...more,
    },
  }
}

const ITEMS = [item('new', 1), item('old', 50), item('used', 60, { InUse: true }), item('image', 70, { Shared: true })]

function selected(wish: Partial<Parameters<typeof selectForPrune>[1]>): string[] {
  const whole = { all: false, filters: {}, keepBytes: undefined, nowMs: NOW_MS, ...wish }
  return selectForPrune(ITEMS, whole).map(({ record }) => record.ID)
}

suite('pruning the build cache', () => {
  test('least used first; never what is in use; with all also what images stand on', () => {
    assert.deepEqual(selected({}), ['old', 'new'])
    assert.deepEqual(selected({ all: true }), ['image', 'old', 'new'])
  })
  test('until it is small enough', () => {
    assert.deepEqual(selected({ keepBytes: 300 }), [])
    assert.deepEqual(selected({ keepBytes: 299 }), ['old'])
    assert.deepEqual(selected({ keepBytes: 0 }), ['old', 'new'])
  })
  test('filters', () => {
    assert.deepEqual(selected({ filters: { until: ['24h'] } }), ['old'])
    assert.deepEqual(selected({ filters: { id: ['ne'] } }), ['new'])
    assert.deepEqual(selected({ all: true, filters: { shared: ['true'] } }), ['image'])
    assert.deepEqual(selected({ filters: { description: ['RUN old'] } }), ['old'])
    assert.throws(() => selected({ filters: { nonsense: ['1'] } }), { code: 'INVALID_REQUEST' })
  })
  test('by itself only when the disk becomes full, and not below a tenth of it', () => {
    const gib = 2 ** 30
    assert.equal(shrinkTo({ totalBytes: 100 * gib, freeBytes: 30 * gib, cacheBytes: 60 * gib }), undefined)
    assert.equal(shrinkTo({ totalBytes: 100 * gib, freeBytes: 20 * gib, cacheBytes: Infinity }), undefined)
    assert.notEqual(shrinkTo({ totalBytes: 100 * gib, freeBytes: 19 * gib, cacheBytes: Infinity }), undefined)
    assert.equal(shrinkTo({ totalBytes: 100 * gib, freeBytes: 15 * gib, cacheBytes: 60 * gib }), 55 * gib)
    assert.equal(shrinkTo({ totalBytes: 100 * gib, freeBytes: gib, cacheBytes: 11 * gib }), 10 * gib)
    assert.equal(shrinkTo({ totalBytes: 100 * gib, freeBytes: gib, cacheBytes: 9 * gib }), undefined)
  })
})
