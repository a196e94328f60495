/**
 * Work that is under way, by key: simultaneous builds that need the same step run it once. It goes on as long as somebody
 * waits for it; when the last one has gone it is canceled, and that one sees its end.
 */
import { CanceledError } from '../../../errors.ts'

export type Listener<E> = (event: E) => void

export interface Flights<T, E> {
  /** `start` is not called when the same work is under way. Throws what the work throws; CanceledError when `signal` fires. */
  join(key: string, start: FlightStart<T, E>, wish: FlightWish<E>): Promise<T>
}

export type FlightStart<T, E> = (signal: AbortSignal, tell: Listener<E>) => Promise<T>

export interface FlightWish<E> {
  /** Hears what is told from now on. */
  readonly onEvent: Listener<E>
  readonly signal: AbortSignal
}

interface Flight<T, E> {
  readonly result: Promise<T>
  readonly listeners: Set<Listener<E>>
  readonly cancel: AbortController
}

/** Rejects at once when `signal` fires; the work goes on. */
function untilCanceled<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const onAbort = (): void => reject(new CanceledError('the build was canceled', { cause: signal.reason }))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  result.then(resolve, reject)
  return promise.finally(() => signal.removeEventListener('abort', onAbort))
}

export function createFlights<T, E>(): Flights<T, E> {
  const running = new Map<string, Flight<T, E>>()

  function begin(key: string, start: FlightStart<T, E>): Flight<T, E> {
    const cancel = new AbortController()
    const listeners = new Set<Listener<E>>()
    const result = start(cancel.signal, (event) => {
      for (const listener of listeners) listener(event)
    })
    const flight = { result, listeners, cancel }
    running.set(key, flight)
    const end = (): void => {
      if (running.get(key) === flight) running.delete(key)
    }
    result.then(end, end)
    return flight
  }

  /** Whoever comes now must not get work that is being given up. */
  async function giveUp(key: string, flight: Flight<T, E>): Promise<void> {
    if (running.get(key) === flight) running.delete(key)
    flight.cancel.abort()
    await flight.result.catch(() => {})
  }

  return {
    async join(key, start, { onEvent, signal }) {
      if (signal.aborted) throw new CanceledError('the build was canceled', { cause: signal.reason })
      const flight = running.get(key) ?? begin(key, start)
      const listener: Listener<E> = (event) => onEvent(event)
      flight.listeners.add(listener)
      try {
        return await untilCanceled(flight.result, signal)
      } finally {
        flight.listeners.delete(listener)
        if (flight.listeners.size === 0 && signal.aborted) await giveUp(key, flight)
      }
    },
  }
}
