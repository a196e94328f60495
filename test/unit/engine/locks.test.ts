import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createKeyedMutex } from '../../../src/engine/locks.ts'

describe('keyed mutex', () => {
  it('lets one in at a time, in order of arrival, and other keys pass', async () => {
    const locks = createKeyedMutex()
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const first = locks.run('a', async () => {
      await gate.promise
      order.push('first')
    })
    const second = locks.run('a', async () => void order.push('second'))
    const third = locks.run('a', async () => void order.push('third'))
    await locks.run('b', async () => void order.push('other'))
    gate.resolve()
    await Promise.all([first, second, third])
    assert.deepEqual(order, ['other', 'first', 'second', 'third'])
  })

  it('goes on after a failure', async () => {
    const locks = createKeyedMutex()
    await assert.rejects(
      locks.run('a', () => Promise.reject(new Error('no'))),
      { message: 'no' },
    )
    assert.equal(await locks.run('a', () => Promise.resolve(1)), 1)
  })
})
