/** Time: the wall clock in nanoseconds as Docker prints it, and sleeping that can be interrupted. */
import { setTimeout as delay } from 'node:timers/promises'
import { CanceledError } from '../errors.ts'
import type { Clock } from './host.ts'

/** Node's wall clock has milliseconds; the monotonic one supplies the digits below. */
export function createClock(): Clock {
  const originNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint()
  return {
    nowMs: () => Date.now(),
    nowRfc3339() {
      const wallMs = Date.now()
      let ns = originNs + process.hrtime.bigint()
      // the wall clock was set since start: trust it, keep only the fraction of a millisecond
      if (Math.abs(Number(ns / 1_000_000n) - wallMs) > 500) ns = BigInt(wallMs) * 1_000_000n + (ns % 1_000_000n)
      const seconds = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19)
      return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, '0')}Z`
    },
    async sleep(ms, signal) {
      try {
        await delay(ms, undefined, signal === undefined ? {} : { signal })
      } catch (cause) {
        throw new CanceledError('canceled while waiting', { cause })
      }
    },
  }
}
