import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CgroupLayout } from '../../../../src/engine/cgroups/layout.ts'
import { parseBlkio, parseIoStat, parseLimit, readUsage } from '../../../../src/engine/cgroups/usage.ts'
import type { Files } from '../../../../src/host/host.ts'

function filesOf(texts: Readonly<Record<string, string>>): Files {
  return { readTextSync: (path: string) => texts[path] } as unknown as Files
}

const V2: CgroupLayout = { kind: 'v2', trees: new Map([['', '/cg']]), leftOnV2: [] }
const V1: CgroupLayout = {
  kind: 'hybrid',
  trees: new Map([
    ['', '/cg/unified'],
    ...['cpu', 'cpuacct', 'memory', 'pids', 'blkio'].map((name): [string, string] => [name, `/cg/${name}`]),
  ]),
  leftOnV2: [],
}

test('usage on cgroup v2', () => {
  const files = filesOf({
    '/cg/p/a/cpu.stat':
      'usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 7\nnr_throttled 2\nthrottled_usec 30\n',
    '/cg/p/a/memory.current': '4096\n',
    '/cg/p/a/memory.max': 'max\n',
    '/cg/p/a/memory.events': 'low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n',
    '/cg/p/a/memory.stat': 'anon 1024\ninactive_file 512\n',
    '/cg/p/a/io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n254:0 \n',
    '/cg/p/a/pids.current': '3\n',
    '/cg/p/a/pids.max': '42\n',
  })
  assert.deepEqual(readUsage(files, V2, '/p/a'), {
    cpu: {
      totalNs: 1_500_000,
      userNs: 1_000_000,
      kernelNs: 500_000,
      perCpuNs: undefined,
      periods: 7,
      throttledPeriods: 2,
      throttledNs: 30_000,
    },
    memory: {
      usageBytes: 4096,
      maxUsageBytes: undefined,
      failures: 1,
      limitBytes: undefined,
      stats: { anon: 1024, inactive_file: 512 },
    },
    block: {
      bytes: [
        { major: 8, minor: 0, op: 'read', value: 10 },
        { major: 8, minor: 0, op: 'write', value: 20 },
      ],
      operations: [
        { major: 8, minor: 0, op: 'read', value: 1 },
        { major: 8, minor: 0, op: 'write', value: 2 },
      ],
    },
    processes: { current: 3, limit: 42 },
  })
})

test('usage on cgroup v1, with the hierarchies apart', () => {
  const files = filesOf({
    '/cg/cpuacct/p/a/cpuacct.usage': '1500000\n',
    '/cg/cpuacct/p/a/cpuacct.usage_percpu': '1000000 500000 \n',
    '/cg/cpuacct/p/a/cpuacct.stat': 'user 2\nsystem 1\n',
    '/cg/cpu/p/a/cpu.stat': 'nr_periods 7\nnr_throttled 2\nthrottled_time 30000\n',
    '/cg/memory/p/a/memory.usage_in_bytes': '4096\n',
    '/cg/memory/p/a/memory.max_usage_in_bytes': '8192\n',
    '/cg/memory/p/a/memory.failcnt': '5\n',
    '/cg/memory/p/a/memory.limit_in_bytes': '9223372036854771712\n',
    '/cg/memory/p/a/memory.stat': 'cache 1\ntotal_inactive_file 512\n',
    '/cg/blkio/p/a/blkio.throttle.io_service_bytes_recursive': '8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n',
    '/cg/pids/p/a/pids.current': '3\n',
    '/cg/pids/p/a/pids.max': 'max\n',
  })
  const usage = readUsage(files, V1, '/p/a')
  assert.deepEqual(usage.cpu.perCpuNs, [1_000_000, 500_000])
  assert.deepEqual([usage.cpu.totalNs, usage.cpu.userNs, usage.cpu.kernelNs], [1_500_000, 20_000_000, 10_000_000])
  assert.deepEqual(usage.memory, {
    usageBytes: 4096,
    maxUsageBytes: 8192,
    failures: 5,
    limitBytes: undefined,
    stats: { cache: 1, total_inactive_file: 512 },
  })
  assert.deepEqual(
    usage.block.bytes.map(({ op, value }) => [op, value]),
    [
      ['read', 10],
      ['write', 20],
      ['total', 30],
    ],
  )
  assert.deepEqual(usage.processes, { current: 3, limit: undefined })
})

test('a cgroup that is gone has used nothing', () => {
  for (const layout of [V1, V2]) assert.equal(readUsage(filesOf({}), layout, '/p/a').memory.usageBytes, 0)
})

test('odd lines are passed over', () => {
  assert.deepEqual(parseBlkio('nonsense\n8:x Read 1\n'), [])
  assert.deepEqual(parseIoStat('\n8:0\n'), { bytes: [], operations: [] })
  assert.deepEqual(['', 'max', undefined, '0'].map(parseLimit), [undefined, undefined, undefined, 0])
})
