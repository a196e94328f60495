import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { DEFAULT_DETACH_KEYS } from '../../../src/api/detach-keys.ts'
import { joinSession } from '../../../src/api/server/join.ts'

describe('the input of an exec', () => {
  test('arrives whole, and waiting for room leaves no listener behind', async () => {
    let received = 0
    let mostListeners = 0
    const input = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, callback) {
        received += chunk.length
        mostListeners = Math.max(mostListeners, input.listenerCount('close'), input.listenerCount('error'))
        setImmediate(callback)
      },
    })
    const finished = once(input, 'finish').then(() => {})
    async function* client(): AsyncGenerator<Buffer> {
      for (let index = 0; index < 50; index += 1) yield Buffer.alloc(10)
    }
    const session = { tty: false, input, onOutput() {}, ended: finished, hangUp() {}, detach() {} }
    await joinSession(session, { input: client(), output: new PassThrough() }, DEFAULT_DETACH_KEYS)
    assert.equal(received, 500)
    assert.ok(mostListeners <= 3, `${mostListeners} listeners`)
  })
})
