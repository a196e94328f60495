/** The BuildService: builds side by side that share what they do, and the cache that they leave. */
import { availableParallelism } from 'node:os'
import type { BuildService } from '../services/index.ts'
import { build } from './build.ts'
import { dropUnused, enforceLimits } from './cache/limits.ts'
import { dropLostRecords, listCache, pruneCache } from './cache/prune.ts'
import { createDigestKeeper } from './context/file-digests.ts'
import { createCacheMounts } from './run/cache-mounts.ts'
import type { BuildContext } from './session.ts'
import { createFlights } from './solve/flights.ts'
import { createSlots } from './solve/slots.ts'

/** The limits look at the whole cache: not after each of many small builds. */
const LIMITS_PAUSE_MS = 10 * 60_000
const AGE_PAUSE_MS = 24 * 3_600_000

export type BuildDependencies = Omit<BuildContext, 'cacheMounts' | 'digests' | 'flights' | 'slots'>

export function createBuildService(dependencies: BuildDependencies): BuildService {
  const { host, log } = dependencies
  const context: BuildContext = {
    ...dependencies,
    cacheMounts: createCacheMounts(dependencies),
    digests: createDigestKeeper(dependencies),
    flights: createFlights(),
    slots: createSlots(Math.max(4, availableParallelism())),
  }
  const cache = { base: dependencies, cacheMounts: context.cacheMounts }
  const halt = new AbortController()
  const open = new Set<Promise<unknown>>()
  const due = { limitsAtMs: 0, ageAtMs: 0 }

  /** At the service's end it is waited for. */
  function keep(work: Promise<unknown>): void {
    open.add(work)
    const forget = (): void => void open.delete(work)
    work.then(forget, forget)
  }

  async function shrink(isAgeDue: boolean): Promise<void> {
    try {
      if (isAgeDue) await dropUnused(cache)
      await enforceLimits(cache)
    } catch (error) {
      log('error', 'the build cache cannot be kept within its limits', { error: String(error) })
    }
  }

  function keepWithinLimits(): void {
    const nowMs = host.clock.nowMs()
    if (nowMs < due.limitsAtMs || halt.signal.aborted) return
    const isAgeDue = nowMs >= due.ageAtMs
    due.limitsAtMs = nowMs + LIMITS_PAUSE_MS
    if (isAgeDue) due.ageAtMs = nowMs + AGE_PAUSE_MS
    keep(shrink(isAgeDue))
  }

  return {
    async build(request, emit, signal) {
      const running = build(context, request, emit, AbortSignal.any([signal, halt.signal]))
      keep(running)
      const { closed } = await running
      keep(closed)
      closed.then(keepWithinLimits, () => {})
    },
    prune: (options) => pruneCache(cache, options),
    diskUsage: () => listCache(cache),
    async recover() {
      dropLostRecords(dependencies)
    },
    async shutdown() {
      halt.abort()
      while (open.size > 0) await Promise.allSettled(open)
    },
  }
}
