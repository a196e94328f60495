import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockWeights } from '../../../../src/engine/cgroups/block-limits.ts'
import { parseCgroupMounts } from '../../../../src/engine/cgroups/layout.ts'
import { toOciResources, type CgroupAbilities } from '../../../../src/engine/cgroups/limits.ts'

const ALL: CgroupAbilities = {
  version: 2,
  memory: true,
  swap: true,
  cpu: true,
  cpuset: true,
  pids: true,
  io: true,
  ioWeight: 'io.bfq.weight',
  cpuRealtime: false,
  memoryNodes: '0',
  cpuCount: 4,
  deviceNumber: () => ({ major: 8, minor: 16, scheduler: 'bfq' }),
}
const MIB = 2 ** 20
const silent = (): void => assert.fail('no warning expected')

const CASES = [
  { name: 'nothing', host: {}, want: {} },
  {
    name: 'memory doubles as swap',
    host: { Memory: 64 * MIB },
    want: { memory: { limit: 64 * MIB, swap: 128 * MIB } },
  },
  {
    name: 'no swap at all',
    host: { Memory: 64 * MIB, MemorySwap: 64 * MIB },
    want: { memory: { limit: 64 * MIB, swap: 64 * MIB } },
  },
  {
    name: 'swap without limit',
    host: { Memory: 64 * MIB, MemorySwap: -1 },
    want: { memory: { limit: 64 * MIB, swap: -1 } },
  },
  { name: 'cpus', host: { NanoCpus: 1.5e9 }, want: { cpu: { quota: 150_000, period: 100_000 } } },
  {
    name: 'quota',
    host: { CpuQuota: 5000, CpuPeriod: 10_000, CpuShares: 512 },
    want: { cpu: { shares: 512, quota: 5000, period: 10_000 } },
  },
  { name: 'cpuset', host: { CpusetCpus: '0-1,3' }, want: { cpu: { cpus: '0-1,3' } } },
  { name: 'pids', host: { PidsLimit: 100 }, want: { pids: { limit: 100 } } },
  { name: 'pids unlimited', host: { PidsLimit: -1 }, want: {} },
  {
    name: 'block',
    host: { BlkioWeight: 300, BlkioDeviceReadBps: [{ Path: '/dev/sdb', Rate: 5 }] },
    want: { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 16, rate: 5 }] } },
  },
  {
    name: 'rates of block devices',
    host: {
      BlkioDeviceWriteBps: [{ Path: '/dev/sdb', Rate: 1 }],
      BlkioDeviceReadIOps: [{ Path: '/dev/sdb', Rate: 2 }],
      BlkioDeviceWriteIOps: [{ Path: '/dev/sdb', Rate: 3 }],
    },
    want: {
      blockIO: {
        throttleWriteBpsDevice: [{ major: 8, minor: 16, rate: 1 }],
        throttleReadIOPSDevice: [{ major: 8, minor: 16, rate: 2 }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 3 }],
      },
    },
  },
  { name: 'memory nodes', host: { CpusetMems: '0' }, want: { cpu: { mems: '0' } } },
]
for (const { name, host, want } of CASES) test(name, () => assert.deepEqual(toOciResources(host, ALL, silent), want))

const BAD = [
  { Memory: 5 * MIB },
  { Memory: 64 * MIB, MemorySwap: 32 * MIB },
  { MemorySwap: 32 * MIB },
  { Memory: 64 * MIB, MemoryReservation: 128 * MIB },
  { NanoCpus: 5e9 },
  { NanoCpus: 1e9, CpuQuota: 5000 },
  { CpuPeriod: 999 },
  { CpuQuota: 999 },
  { CpusetCpus: '0-9' },
  { CpusetCpus: 'all' },
  { BlkioWeight: 5 },
  { OomScoreAdj: 1001 },
  { MemorySwappiness: 101 },
  { CpusetMems: '1' },
  { CpuRealtimePeriod: 1000, CpuRealtimeRuntime: 2000 },
  { BlkioWeightDevice: [{ Path: '/dev/sdb', Weight: 9 }] },
]
for (const host of BAD)
  test(`refuses ${JSON.stringify(host)}`, () =>
    assert.throws(() => toOciResources(host, ALL, silent), { code: 'INVALID_REQUEST' }))

test('what the machine cannot do is a warning, and left out', () => {
  const warnings: string[] = []
  const none = {
    ...ALL,
    memory: false,
    cpu: false,
    cpuset: false,
    pids: false,
    io: false,
    ioWeight: undefined,
    swap: false,
  }
  const host = { Memory: 64 * MIB, NanoCpus: 1e9, CpusetCpus: '0', PidsLimit: 5, BlkioWeight: 10 }
  assert.deepEqual(
    toOciResources(host, none, (text) => warnings.push(text)),
    {},
  )
  assert.equal(warnings.length, 5)
})

const WEIGHTS = {
  BlkioWeight: 505,
  BlkioWeightDevice: [
    { Path: '/dev/sdb', Weight: 10 },
    { Path: '/dev/sdc', Weight: 0 },
  ],
}
const WEIGHT_CASES: [CgroupAbilities['ioWeight'], string[]][] = [
  ['io.weight', ['io.weight 5000', 'io.weight 8:16 1']],
  ['io.bfq.weight', ['io.bfq.weight 505', 'io.bfq.weight 8:16 10']],
  ['blkio.weight', ['blkio.weight 505', 'blkio.weight_device 8:16 10']],
  ['blkio.bfq.weight', ['blkio.bfq.weight 505', 'blkio.bfq.weight_device 8:16 10']],
]
for (const [ioWeight, want] of WEIGHT_CASES)
  test(`weights in ${ioWeight}`, () => {
    const lines = blockWeights(WEIGHTS, { ...ALL, ioWeight }, silent)
    assert.deepEqual(
      lines.map((line) => line.join(' ')),
      want,
    )
  })

test('weights that nobody looks at are warned about', () => {
  const warnings: string[] = []
  const other = { ...ALL, deviceNumber: () => ({ major: 8, minor: 16, scheduler: 'none' }) }
  assert.equal(blockWeights(WEIGHTS, other, (text) => warnings.push(text)).length, 1)
  assert.match(warnings[0] ?? '', /\/dev\/sdb has the scheduler none/)
})

test('only v1 has real-time limits, swappiness and a switch for the OOM killer', () => {
  const warnings: string[] = []
  const host = { Memory: 64 * MIB, CpuRealtimeRuntime: 1000, MemorySwappiness: 10, OomKillDisable: true }
  const memory = { limit: 64 * MIB, swap: 128 * MIB }
  assert.deepEqual(
    toOciResources(host, ALL, (text) => warnings.push(text)),
    { memory },
  )
  assert.equal(warnings.length, 3)
  assert.deepEqual(toOciResources(host, { ...ALL, version: 1, cpuRealtime: true }, silent), {
    memory: { ...memory, swappiness: 10, disableOOMKiller: true },
    cpu: { realtimeRuntime: 1000 },
  })
})

const LAYOUTS = [
  { name: 'v2', mounts: 'cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n', kind: 'v2', trees: [['', '/sys/fs/cgroup']] },
  {
    name: 'hybrid',
    mounts:
      'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0\n',
    kind: 'hybrid',
    trees: [
      ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
      ['cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
      ['', '/sys/fs/cgroup/unified'],
      ['name=systemd', '/sys/fs/cgroup/systemd'],
    ],
  },
  {
    name: 'v1',
    mounts: 'x /sys/fs/cgroup/pids cgroup rw,pids 0 0\n',
    kind: 'v1',
    trees: [['pids', '/sys/fs/cgroup/pids']],
  },
]
for (const { name, mounts, kind, trees } of LAYOUTS)
  test(`layout ${name}`, () => {
    const layout = parseCgroupMounts(mounts)
    assert.equal(layout.kind, kind)
    assert.deepEqual([...layout.trees], trees)
  })
