/** Limits that an administrator sets for the build cache. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCacheLimits, shrinkTo } from '../../../../../src/engine/build/cache/limits.ts'

const GIB = 2 ** 30
const DISK = { totalBytes: 100 * GIB, freeBytes: 50 * GIB }

test('limits of the build cache: what the file says, beside those of layers', () => {
  const text = '{"layers": {"maxEntries": 7}, "buildCache": {"maxUsedBytes": 5, "maxUnusedHours": 24}}'
  assert.deepEqual(parseCacheLimits(text, 'f'), { maxUsedBytes: 5, maxUnusedHours: 24 })
  assert.deepEqual(parseCacheLimits('{}', 'f'), {})
})

for (const { name, text, message } of [
  { name: 'no JSON', text: '{', message: /^f: it is no JSON/ },
  { name: 'no object', text: '{"buildCache": [1]}', message: /"buildCache" is no object/ },
  { name: 'an unknown name', text: '{"buildCache": {"max": 1}}', message: /unknown limit "max"/ },
  { name: 'a text', text: '{"buildCache": {"maxUsedBytes": "20GB"}}', message: /maxUsedBytes is "20GB"/ },
  { name: 'less than nothing', text: '{"buildCache": {"maxUnusedHours": -1}}', message: /maxUnusedHours is -1/ },
])
  test(`limits of the build cache: ${name} is an error`, () => {
    assert.throws(() => parseCacheLimits(text, 'f'), { code: 'LIMITS_SETTINGS', message })
  })

for (const { name, cacheGib, limits, want } of [
  { name: 'no limit, room on the disk', cacheGib: 30, limits: {}, want: undefined },
  { name: 'larger than it may be', cacheGib: 30, limits: { maxUsedBytes: 20 * GIB }, want: 20 },
  { name: 'not larger', cacheGib: 20, limits: { maxUsedBytes: 20 * GIB }, want: undefined },
  { name: 'more space is to be free', cacheGib: 30, limits: { minFreeBytes: 60 * GIB }, want: 20 },
  {
    name: 'but something is reserved',
    cacheGib: 30,
    limits: { minFreeBytes: 90 * GIB, reservedBytes: 15 * GIB },
    want: 15,
  },
  {
    name: 'the smaller of both',
    cacheGib: 30,
    limits: { minFreeBytes: 60 * GIB, maxUsedBytes: 12 * GIB },
    want: 12,
  },
])
  test(`the build cache shrinks: ${name}`, () => {
    const bytes = shrinkTo({ ...DISK, cacheBytes: cacheGib * GIB }, limits)
    assert.equal(bytes === undefined ? undefined : bytes / GIB, want)
  })
