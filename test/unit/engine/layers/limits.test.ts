/** Bombs: what a layer may be, and what the settings say of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLayerLimits, withinLimits } from '../../../../src/engine/layers/limits.ts'

const MIB = 2 ** 20
const LIMITS = { maxRatio: 10, ratioFromBytes: 2 * MIB, maxTotalBytes: 8 * MIB }

async function* zeros(count: number): AsyncGenerator<Buffer> {
  for (let index = 0; index < count; index += 1) yield Promise.resolve(Buffer.alloc(MIB))
}

async function pass(count: number, packed: number, room = 1): Promise<number> {
  const about = { packedBytes: () => packed, room: async () => Promise.resolve(room) }
  const passed = await Array.fromAsync(withinLimits(zeros(count), LIMITS, about))
  return passed.length
}

test('within the limits all bytes pass, small bombs too', async () => {
  assert.equal(await pass(16, 4 * MIB), 16)
  assert.equal(await pass(2, 1), 2)
})

test('a ratio, a total and a full disk end it', async () => {
  await assert.rejects(pass(3, 1000), { code: 'TAR_INVALID', message: /1000 bytes unpack to more than 10 times/ })
  await assert.rejects(pass(17, 9 * MIB), { code: 'TAR_INVALID', message: /more than 16777216 bytes/ })
  await assert.rejects(pass(1, MIB, 0), { code: 'DISK_FULL' })
})

test('settings raise single limits, and mistakes in them are told', () => {
  const { maxEntries, maxRatio } = parseLayerLimits('{"layers": {"maxEntries": 7}}', 'f')
  assert.deepEqual([maxEntries, maxRatio], [7, 200])
  for (const text of [
    '{',
    '{"layers": 3}',
    '{"layers": {"maxSize": 3}}',
    '{"layers": {"maxRatio": "3"}}',
    '{"layers": {"maxRatio": -1}}',
  ])
    assert.throws(() => parseLayerLimits(text, '/etc/x'), { code: 'LIMITS_SETTINGS', message: /^\/etc\/x: / })
})
