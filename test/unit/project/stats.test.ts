import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatUsages } from '../../../src/cli/commands/stats.ts'
import { NO_CPU, parseNetDev, parseSystemCpu, toStats } from '../../../src/engine/containers/stats.ts'
import { cpuPercent, toUsage } from '../../../src/project/stats.ts'
import type { CgroupUsage } from '../../../src/engine/cgroups/usage.ts'

const USAGE: CgroupUsage = {
  cpu: {
    totalNs: 2e9,
    userNs: 1e9,
    kernelNs: 1e9,
    perCpuNs: undefined,
    periods: 0,
    throttledPeriods: 0,
    throttledNs: 0,
  },
  memory: { usageBytes: 3e6, maxUsageBytes: undefined, failures: 0, limitBytes: 4e6, stats: { inactive_file: 1e6 } },
  block: { bytes: [{ major: 8, minor: 0, op: 'read', value: 4096 }], operations: [] },
  processes: { current: 2, limit: undefined },
}
const NET = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0:    1168      14    1    2    0     0          0         0      138       3    4    5    0     0       0          0
`
const who = { id: 'f'.repeat(64), name: 'p-web-1' }

test('interfaces but loopback', () => {
  assert.deepEqual(parseNetDev(NET), {
    eth0: {
      rx_bytes: 1168,
      rx_packets: 14,
      rx_errors: 1,
      rx_dropped: 2,
      tx_bytes: 138,
      tx_packets: 3,
      tx_errors: 4,
      tx_dropped: 5,
    },
  })
})

test('time of all processors', () => {
  const text = 'cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 1 1 1 1 1 1 0 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\nintr 5\n'
  assert.deepEqual(parseSystemCpu(text), { totalNs: 280_000_000, count: 2 })
})

test('percentages: of one processor, of the limit, without page cache', () => {
  const sample = { usage: USAGE, system: { totalNs: 10e9, count: 4 }, networks: parseNetDev(NET) }
  const now = toStats(who, '2026-11-21T12:00:00Z', sample)
  const before = {
    ...now,
    cpu_stats: { ...now.cpu_stats, cpu_usage: { ...now.cpu_stats.cpu_usage, total_usage: 1e9 } },
  }
  const earlier = { ...before, cpu_stats: { ...before.cpu_stats, system_cpu_usage: 6e9 } }
  assert.equal(toUsage(earlier, now)?.cpuPercent, 100)
  assert.equal(cpuPercent(undefined, now.cpu_stats), 0)
  assert.equal(cpuPercent(NO_CPU, now.cpu_stats), 0)
  assert.equal(toUsage(earlier, now)?.memoryPercent, 50)
  assert.equal(
    formatUsages(
      [
        { id: who.id, name: who.name, service: 'web', now: toUsage(earlier, now) },
        { id: who.id, name: 'p-db-1', service: 'db', now: toUsage(undefined, toStats(who, '')) },
      ],
      { format: 'table', trunc: true },
    ),
    `CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT     MEM %     NET I/O         BLOCK I/O    PIDS
ffffffffffff   p-web-1   100.00%   1.907MiB / 3.815MiB   50.00%    1.17kB / 138B   4.1kB / 0B   2
ffffffffffff   p-db-1    --        -- / --               --        --              --           --
`,
  )
})

test('JSON has docker keys, one object a line', () => {
  const text = formatUsages([{ id: who.id, name: who.name, service: 'web', now: undefined }], {
    format: 'json',
    trunc: false,
  })
  const keys = ['BlockIO', 'CPUPerc', 'Container', 'ID', 'MemPerc', 'MemUsage', 'Name', 'NetIO', 'PIDs']
  assert.deepEqual(Object.keys(JSON.parse(text)), keys)
  assert.equal(JSON.parse(text).ID, who.id)
})
