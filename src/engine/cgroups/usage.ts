/**
 * What a container has used, read from its cgroups: processor time, memory, block devices, processes. Each file has its
 * own small parser (pure). Source: kernel Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/{cpuacct,memory,
 * blkio-controller,pids}.rst; moby daemon/stats (which number goes where).
 */
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { Files } from '../../host/host.ts'
import type { CgroupLayout } from './layout.ts'

export interface BlockEntry {
  readonly major: number
  readonly minor: number
  /** "read", "write" and others of the kernel's words. */
  readonly op: string
  readonly value: number
}

export interface CgroupUsage {
  readonly cpu: {
    readonly totalNs: number
    readonly userNs: number
    readonly kernelNs: number
    /** v1 only: by processor. */
    readonly perCpuNs: readonly number[] | undefined
    readonly periods: number
    readonly throttledPeriods: number
    readonly throttledNs: number
  }
  readonly memory: {
    readonly usageBytes: number
    /** v1 only. */
    readonly maxUsageBytes: number | undefined
    readonly failures: number
    /** Undefined: none. */
    readonly limitBytes: number | undefined
    readonly stats: Readonly<Record<string, number>>
  }
  readonly block: { readonly bytes: readonly BlockEntry[]; readonly operations: readonly BlockEntry[] }
  /** `limit` undefined: none. */
  readonly processes: { readonly current: number; readonly limit: number | undefined }
}

const NS_PER_TICK = 10_000_000 // USER_HZ is 100 on every architecture that we run on
/** v1's "no limit" is the greatest page-aligned number. */
const NO_LIMIT = 2 ** 62

/** "key value" lines. PURE. */
export function parseFlatKeyed(text: string): Record<string, number> {
  const values: Record<string, number> = {}
  for (const line of text.split('\n')) {
    const [key = '', value] = line.split(' ')
    if (key !== '' && value !== undefined && /^\d+$/.test(value)) values[key] = Number(value)
  }
  return values
}

/** A lone number; "max", nothing and v1's greatest number are undefined. PURE. */
export function parseLimit(text: string | undefined): number | undefined {
  const value = Number(text?.trim() === '' ? Number.NaN : text?.trim())
  return Number.isNaN(value) || value >= NO_LIMIT ? undefined : value
}

/** v2's io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0". PURE. */
export function parseIoStat(text: string): CgroupUsage['block'] {
  const bytes: BlockEntry[] = []
  const operations: BlockEntry[] = []
  for (const line of text.split('\n')) {
    const [device = '', ...fields] = line.trim().split(' ')
    const [major, minor] = device.split(':').map(Number)
    if (major === undefined || minor === undefined) continue
    const values = new Map(fields.map((field) => field.split('=') as [string, string]))
    const entry = (op: string, key: string): BlockEntry => ({ major, minor, op, value: Number(values.get(key) ?? 0) })
    if (!values.has('rbytes')) continue
    bytes.push(entry('read', 'rbytes'), entry('write', 'wbytes'))
    operations.push(entry('read', 'rios'), entry('write', 'wios'))
  }
  return { bytes, operations }
}

/** v1's blkio files: "8:0 Read 4096", a "Total" at the end. PURE. */
export function parseBlkio(text: string): BlockEntry[] {
  return text.split('\n').flatMap((line): BlockEntry[] => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line.trim())
    if (match === null) return []
    const [, major, minor, op = '', value] = match
    return [{ major: Number(major), minor: Number(minor), op: op.toLowerCase(), value: Number(value) }]
  })
}

type Read = (controller: string, file: string) => string

/** A file of a cgroup that goes away while we read is as empty as one that is not there. */
function reader(files: Files, { kind, trees }: CgroupLayout, path: string): Read {
  return (controller, file) => {
    const tree = trees.get(kind === 'v2' ? '' : controller)
    if (tree === undefined) return ''
    try {
      return files.readTextSync(join(tree, path, file)) ?? ''
    } catch (error) {
      if (['ENODEV', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) return ''
      throw error
    }
  }
}

function usageV2(read: Read): CgroupUsage {
  const cpu = parseFlatKeyed(read('', 'cpu.stat'))
  const us = (key: string): number => (cpu[key] ?? 0) * 1000
  return {
    cpu: {
      totalNs: us('usage_usec'),
      userNs: us('user_usec'),
      kernelNs: us('system_usec'),
      perCpuNs: undefined,
      periods: cpu['nr_periods'] ?? 0,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      throttledNs: us('throttled_usec'),
    },
    memory: {
      usageBytes: parseLimit(read('', 'memory.current')) ?? 0,
      maxUsageBytes: undefined,
      failures: parseFlatKeyed(read('', 'memory.events'))['oom'] ?? 0,
      limitBytes: parseLimit(read('', 'memory.max')),
      stats: parseFlatKeyed(read('', 'memory.stat')),
    },
    block: parseIoStat(read('', 'io.stat')),
    processes: { current: parseLimit(read('', 'pids.current')) ?? 0, limit: parseLimit(read('', 'pids.max')) },
  }
}

/** Where an I/O scheduler counts, the throttling layer counts too; only the latter is there on multi-queue kernels. */
function blockV1(read: Read): CgroupUsage['block'] {
  const first = (names: readonly string[]): BlockEntry[] =>
    names.map((name) => parseBlkio(read('blkio', name))).find((entries) => entries.length > 0) ?? []
  return {
    bytes: first(['blkio.throttle.io_service_bytes_recursive', 'blkio.throttle.io_service_bytes']),
    operations: first(['blkio.throttle.io_serviced_recursive', 'blkio.throttle.io_serviced']),
  }
}

function usageV1(read: Read): CgroupUsage {
  const times = parseFlatKeyed(read('cpuacct', 'cpuacct.stat'))
  const throttling = parseFlatKeyed(read('cpu', 'cpu.stat'))
  const perCpu = read('cpuacct', 'cpuacct.usage_percpu').trim()
  return {
    cpu: {
      totalNs: parseLimit(read('cpuacct', 'cpuacct.usage')) ?? 0,
      userNs: (times['user'] ?? 0) * NS_PER_TICK,
      kernelNs: (times['system'] ?? 0) * NS_PER_TICK,
      perCpuNs: perCpu === '' ? [] : perCpu.split(/\s+/).map(Number),
      periods: throttling['nr_periods'] ?? 0,
      throttledPeriods: throttling['nr_throttled'] ?? 0,
      throttledNs: throttling['throttled_time'] ?? 0,
    },
    memory: {
      usageBytes: parseLimit(read('memory', 'memory.usage_in_bytes')) ?? 0,
      maxUsageBytes: parseLimit(read('memory', 'memory.max_usage_in_bytes')),
      failures: parseLimit(read('memory', 'memory.failcnt')) ?? 0,
      limitBytes: parseLimit(read('memory', 'memory.limit_in_bytes')),
      stats: parseFlatKeyed(read('memory', 'memory.stat')),
    },
    block: blockV1(read),
    processes: {
      current: parseLimit(read('pids', 'pids.current')) ?? 0,
      limit: parseLimit(read('pids', 'pids.max')),
    },
  }
}

/** All zeroes for a cgroup that is not there. sync: a dozen small files, some 0.2 ms. */
export function readUsage(files: Files, layout: CgroupLayout, path: string): CgroupUsage {
  const read = reader(files, layout, path)
  return layout.kind === 'v2' ? usageV2(read) : usageV1(read)
}
