/** Waiting for a state instead of sleeping: asks again after short growing pauses, and says what it saw last. */
import { setTimeout as pause } from 'node:timers/promises'
import { patient } from './patience.ts'

export interface UntilOptions {
  /** On a machine of usual speed. */
  readonly timeoutMs?: number
  /** For the error: "web answers". */
  readonly what: string
}

/** Calls `probe` until it returns something other than undefined or false. Errors count as "not yet". */
export async function until<T>(
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 120_000, what }: UntilOptions,
): Promise<T> {
  const limitMs = patient(timeoutMs)
  const deadline = performance.now() + limitMs
  let last: unknown
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 250)) {
    try {
      const found = await probe()
      if (found !== undefined && found !== false) return found
      last = found
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline)
      throw new Error(`not within ${limitMs} ms: ${what}; last seen: ${String(last)}`, { cause: last })
    await pause(pauseMs)
  }
}
