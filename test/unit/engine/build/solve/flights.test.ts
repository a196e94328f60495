/** Work that several wait for runs once, and ends when nobody waits any more. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { createFlights, type FlightStart } from '../../../../../src/engine/build/solve/flights.ts'

const never = new AbortController().signal
const ignore = (): void => {}

suite('flights', () => {
  test('the same key runs once, and all hear of it', async () => {
    const flights = createFlights<number, string>()
    const heard: string[] = []
    let runs = 0
    const { promise: go, resolve } = Promise.withResolvers<void>()
    const start: FlightStart<number, string> = async (_signal, tell) => {
      runs += 1
      await go
      tell('done')
      return 7
    }
    const wish = (name: string) => ({ onEvent: (event: string) => heard.push(`${name} ${event}`), signal: never })
    const all = Promise.all([flights.join('k', start, wish('a')), flights.join('k', start, wish('b'))])
    resolve()
    assert.deepEqual(await all, [7, 7])
    assert.deepEqual(heard, ['a done', 'b done'])
    assert.equal(runs, 1)
    await flights.join('k', start, wish('c'))
    assert.equal(runs, 2, 'what has ended is run anew')
  })

  test('one who leaves does not end it for the others', async () => {
    const flights = createFlights<string, never>()
    const { promise, resolve } = Promise.withResolvers<string>()
    let canceled = false
    const start: FlightStart<string, never> = (signal) => {
      signal.addEventListener('abort', () => (canceled = true))
      return promise
    }
    const leaving = new AbortController()
    const first = flights.join('k', start, { onEvent: ignore, signal: leaving.signal })
    const second = flights.join('k', start, { onEvent: ignore, signal: never })
    leaving.abort()
    await assert.rejects(first, { code: 'CANCELED' })
    assert.equal(canceled, false)
    resolve('there')
    assert.equal(await second, 'there')
  })

  test('the last one who leaves ends it and sees its end; whoever comes then starts anew', async () => {
    const flights = createFlights<string, never>()
    const steps: string[] = []
    const slow: FlightStart<string, never> = async (signal) => {
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve)
      })
      await setTimeout(20)
      steps.push('cleaned up')
      throw new Error('given up')
    }
    const leaving = new AbortController()
    const first = flights.join('k', slow, { onEvent: ignore, signal: leaving.signal })
    const end = assert.rejects(first, { code: 'CANCELED' }).then(() => assert.deepEqual(steps, ['cleaned up']))
    leaving.abort()
    await setImmediate() // it has heard of the cancel
    assert.equal(await flights.join('k', async () => 'new', { onEvent: ignore, signal: never }), 'new')
    await end
  })

  test('a failure is everybody’s', async () => {
    const flights = createFlights<string, never>()
    const start: FlightStart<string, never> = async () => {
      await setImmediate()
      throw new Error('bad')
    }
    const joins = [1, 2].map(() => flights.join('k', start, { onEvent: ignore, signal: never }))
    for (const join of joins) await assert.rejects(join, /bad/)
  })

  test('who is canceled already does not begin it', async () => {
    const flights = createFlights<string, never>()
    let runs = 0
    const start: FlightStart<string, never> = async () => String((runs += 1))
    await assert.rejects(flights.join('k', start, { onEvent: ignore, signal: AbortSignal.abort() }), {
      code: 'CANCELED',
    })
    assert.equal(runs, 0)
  })
})
