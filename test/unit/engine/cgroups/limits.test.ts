import assert from 'node:assert/strict'
import { test } from 'node:test'
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
  ioWeight: true,
  cpuCount: 4,
  deviceNumber: () => ({ major: 8, minor: 16 }),
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
    want: { blockIO: { weight: 300, throttleReadBpsDevice: [{ major: 8, minor: 16, rate: 5 }] } },
  },
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
    ioWeight: false,
    swap: false,
  }
  const host = { Memory: 64 * MIB, NanoCpus: 1e9, CpusetCpus: '0', PidsLimit: 5, BlkioWeight: 10 }
  assert.deepEqual(
    toOciResources(host, none, (text) => warnings.push(text)),
    {},
  )
  assert.equal(warnings.length, 5)
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
