import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDetachWatch, DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../../src/api/detach-keys.ts'
import { InvalidRequestError } from '../../../src/errors.ts'

describe('detach keys', () => {
  for (const [text, want] of [
    ['', [16, 17]],
    [undefined, [16, 17]],
    ['ctrl-p,ctrl-q', [16, 17]],
    ['ctrl-@,ctrl-[,ctrl-_', [0, 27, 31]],
    ['a,DEL', [97, 127]],
    ['ctrl-A,d', [1, 100]],
  ] as const)
    it(`reads "${text}"`, () => assert.deepEqual([...parseDetachKeys(text)], [...want]))

  for (const text of ['ctrl-', 'ctrl-1', 'ab', 'a,,b', 'é'])
    it(`refuses "${text}"`, () => assert.throws(() => parseDetachKeys(text), InvalidRequestError))

  /** Feeds pieces; what went on, and whether the keys were seen. */
  function type(keys: Buffer, ...pieces: readonly string[]): { forward: string; detached: boolean } {
    const watch = createDetachWatch(keys)
    let forward = ''
    for (const piece of pieces) {
      const result = watch.push(Buffer.from(piece, 'latin1'))
      forward += result.forward.toString('latin1')
      if (result.detached) return { forward, detached: true }
    }
    return { forward: forward + watch.flush().toString('latin1'), detached: false }
  }

  it('leaves at the keys, wherever the border of two reads lies, and passes on what came before', () => {
    assert.deepEqual(type(DEFAULT_DETACH_KEYS, 'ls\r\x10\x11rest'), { forward: 'ls\r', detached: true })
    assert.deepEqual(type(DEFAULT_DETACH_KEYS, 'ls\x10', '\x11'), { forward: 'ls', detached: true })
    assert.deepEqual(type(DEFAULT_DETACH_KEYS, '\x10\x10', '\x11'), { forward: '\x10', detached: true })
    assert.deepEqual(type(Buffer.from('aab'), 'xaaab'), { forward: 'xa', detached: true })
  })

  it('passes on everything else unchanged', () => {
    const text = 'a\x10b\x10\x10c\x11\x10'
    assert.deepEqual(type(DEFAULT_DETACH_KEYS, text), { forward: text, detached: false })
    assert.deepEqual(type(DEFAULT_DETACH_KEYS, ...text.split('')), { forward: text, detached: false })
    const long = 'x'.repeat(100_000)
    assert.deepEqual(type(DEFAULT_DETACH_KEYS, long), { forward: long, detached: false })
  })
})
