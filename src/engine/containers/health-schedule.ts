/**
 * PURE: when to probe, and which failures count.
 *
 * Docker probes first after one interval and waits a whole interval between probes; a service that is ready after
 * 300 ms is called healthy after 30 s. While a container is "starting" we also probe at once and then with growing
 * pauses (50, 100, 200 ms ... up to a second or the interval). Each probe that succeeds ends the starting phase. Those that
 * fail count only if docker would have made them: when at least one interval has passed since the start or since the
 * last probe that counted. So nothing ever turns unhealthy sooner than with docker, and everything turns healthy no
 * later. Once it is healthy or unhealthy the schedule is docker's alone.
 *
 * Source: Engine API HealthConfig; moby daemon/health.go.
 */
import type { Health, HealthConfig, HealthLogEntry } from '../../api/types/index.ts'

export interface HealthTimes {
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly startPeriodMs: number
  readonly startIntervalMs: number
  readonly retries: number
}

const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 1000
const KEPT_RESULTS = 5

const ms = (ns: number | undefined, fallback: number): number => (ns === undefined || ns === 0 ? fallback : ns / 1e6)

/** Docker's defaults where nothing is given. */
export function healthTimes(config: HealthConfig): HealthTimes {
  return {
    intervalMs: ms(config.Interval, 30_000),
    timeoutMs: ms(config.Timeout, 30_000),
    startPeriodMs: ms(config.StartPeriod, 0),
    startIntervalMs: ms(config.StartInterval, 5000),
    retries: config.Retries === undefined || config.Retries === 0 ? 3 : config.Retries,
  }
}

export interface HealthProgress {
  readonly health: Health
  readonly startedAtMs: number
  /** When docker would probe next. */
  readonly countsFromMs: number
  /** The last pause between early probes. */
  readonly pauseMs: number
}

function dockerPauseMs(times: HealthTimes, isStarting: boolean, ageMs: number): number {
  const isInStartPeriod = isStarting && ageMs < times.startPeriodMs
  return isInStartPeriod ? Math.min(times.startIntervalMs, times.intervalMs) : times.intervalMs
}

export function beginHealth(times: HealthTimes, nowMs: number): HealthProgress {
  return {
    health: { Status: 'starting', FailingStreak: 0, Log: [] },
    startedAtMs: nowMs,
    countsFromMs: nowMs + dockerPauseMs(times, true, 0),
    pauseMs: 0,
  }
}

/** Taken up again after the engine was away: what is known stays, the next probe is due at once. */
export function resumeHealth(times: HealthTimes, health: Health, startedAtMs: number, nowMs: number): HealthProgress {
  const isStarting = health.Status === 'starting'
  return {
    health,
    startedAtMs,
    countsFromMs: nowMs + dockerPauseMs(times, isStarting, nowMs - startedAtMs),
    pauseMs: 0,
  }
}

/** Milliseconds until the next probe. */
export function nextProbeInMs({ health, countsFromMs, pauseMs }: HealthProgress, nowMs: number): number {
  const dueMs = Math.max(0, countsFromMs - nowMs)
  return health.Status === 'starting' ? Math.min(pauseMs, dueMs) : dueMs
}

/** After a probe that ran from `startMs` to `endMs`. */
export function recordProbe(
  times: HealthTimes,
  progress: HealthProgress,
  probe: { readonly startMs: number; readonly endMs: number; readonly entry: HealthLogEntry },
): HealthProgress {
  const { health, startedAtMs, countsFromMs } = progress
  const { startMs, endMs, entry } = probe
  const wasStarting = health.Status === 'starting'
  const wouldBeDockers = startMs >= countsFromMs
  const isInStartPeriod = wasStarting && startMs - startedAtMs < times.startPeriodMs
  const streak =
    entry.ExitCode === 0 ? 0 : wouldBeDockers && !isInStartPeriod ? health.FailingStreak + 1 : health.FailingStreak
  const status = entry.ExitCode === 0 ? 'healthy' : streak >= times.retries ? 'unhealthy' : health.Status
  const grown = progress.pauseMs === 0 ? FIRST_PAUSE_MS : progress.pauseMs * 2
  // a slow probe is given as much rest as it took: early probes never take more than half of a processor
  const pauseMs = Math.min(Math.max(grown, endMs - startMs), Math.max(MAX_PAUSE_MS, endMs - startMs), times.intervalMs)
  const restartsClock = wouldBeDockers || status !== health.Status
  return {
    health: { Status: status, FailingStreak: streak, Log: [...health.Log, entry].slice(-KEPT_RESULTS) },
    startedAtMs,
    countsFromMs: restartsClock
      ? endMs + dockerPauseMs(times, status === 'starting', endMs - startedAtMs)
      : countsFromMs,
    pauseMs,
  }
}
