import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  beginHealth,
  healthTimes,
  nextProbeInMs,
  recordProbe,
  type HealthProgress,
  type HealthTimes,
} from '../../../../src/engine/containers/health-schedule.ts'

const entry = (exitCode: number) => ({ Start: '', End: '', ExitCode: exitCode, Output: '' })

/** Plays a container whose probes take `probeMs` and succeed from `readyMs` on; stops when `until` says so. */
function play(
  times: HealthTimes,
  service: { readonly readyMs: number; readonly probeMs?: number },
  until: (progress: HealthProgress, nowMs: number) => boolean,
): { progress: HealthProgress; nowMs: number; starts: number[] } {
  const { readyMs, probeMs = 5 } = service
  let nowMs = 0
  let progress = beginHealth(times, nowMs)
  const starts: number[] = []
  while (!until(progress, nowMs)) {
    assert.ok(starts.length < 100_000, 'never ends')
    nowMs += nextProbeInMs(progress, nowMs)
    const startMs = nowMs
    starts.push(startMs)
    nowMs += probeMs
    progress = recordProbe(times, progress, { startMs, endMs: nowMs, entry: entry(startMs >= readyMs ? 0 : 1) })
  }
  return { progress, nowMs, starts }
}

const isSettled = ({ health }: HealthProgress): boolean => health.Status !== 'starting'
const times = healthTimes({ Interval: 10e9, Retries: 3 })

test('docker defaults', () => {
  assert.deepEqual(healthTimes({}), {
    intervalMs: 30_000,
    timeoutMs: 30_000,
    startPeriodMs: 0,
    startIntervalMs: 5000,
    retries: 3,
  })
})

test('the first probe comes at once, then with growing pauses of at most a second', () => {
  const { starts } = play(times, { readyMs: Number.POSITIVE_INFINITY }, (_, nowMs) => nowMs > 6000)
  assert.deepEqual(starts.slice(0, 6), [0, 55, 160, 365, 770, 1575])
  for (const [index, start] of starts.entries()) assert.ok(start - (starts[index - 1] ?? 0) <= 1005)
})

for (const readyMs of [0, 120, 700, 4321])
  test(`ready after ${readyMs} ms: healthy within a second`, () => {
    const { progress, nowMs } = play(times, { readyMs }, isSettled)
    assert.equal(progress.health.Status, 'healthy')
    assert.ok(nowMs - readyMs <= 1010, `${nowMs}`)
  })

test('early failures do not count: unhealthy no sooner than docker would say so', () => {
  const { progress, nowMs } = play(times, { readyMs: Number.POSITIVE_INFINITY }, isSettled)
  assert.equal(progress.health.Status, 'unhealthy')
  assert.equal(progress.health.FailingStreak, 3)
  // docker: probes after 10 s, 20 s and 30 s, each counted from the end of the one before
  assert.ok(nowMs >= 30_000 && nowMs < 31_000, `${nowMs}`)
})

test('failures within the start period never count, those after it do', () => {
  const period = healthTimes({ Interval: 2e9, StartPeriod: 60e9, StartInterval: 1e9, Retries: 2 })
  const { nowMs } = play(period, { readyMs: Number.POSITIVE_INFINITY }, isSettled)
  assert.ok(nowMs > 62_000 && nowMs < 66_000, `${nowMs}`)
})

test('once healthy, docker alone sets the pace and the first failures count', () => {
  const healthy = play(times, { readyMs: 0 }, isSettled)
  assert.equal(nextProbeInMs(healthy.progress, healthy.nowMs), 10_000)
  let { progress } = healthy
  let nowMs = healthy.nowMs
  for (const want of ['healthy', 'healthy', 'unhealthy']) {
    nowMs += nextProbeInMs(progress, nowMs)
    progress = recordProbe(times, progress, { startMs: nowMs, endMs: nowMs + 1, entry: entry(1) })
    nowMs += 1
    assert.equal(progress.health.Status, want)
  }
  nowMs += nextProbeInMs(progress, nowMs)
  progress = recordProbe(times, progress, { startMs: nowMs, endMs: nowMs, entry: entry(0) })
  assert.deepEqual([progress.health.Status, progress.health.FailingStreak], ['healthy', 0])
})

test('a slow probe gets as much rest as it took', () => {
  const { starts } = play(times, { readyMs: Number.POSITIVE_INFINITY, probeMs: 3000 }, (_, nowMs) => nowMs > 9000)
  assert.deepEqual(starts.slice(0, 2), [0, 6000])
})

test('five results are kept', () => {
  const { progress } = play(times, { readyMs: Number.POSITIVE_INFINITY }, isSettled)
  assert.equal(progress.health.Log.length, 5)
})
