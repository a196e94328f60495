/**
 * `stats`: what the containers of a project use, one sample of all of them at a time. Percentages are of the time
 * between two samples. Source: docker/cli cli/command/container/stats_helpers.go (the formulas).
 */
import type { ContainerStats, CpuStats } from '../api/types/index.ts'
import { NotFoundError } from '../errors.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { ps } from './ps.ts'

export interface Usage {
  readonly id: string
  readonly name: string
  readonly service: string
  /** Undefined: it does not run. */
  readonly now: UsageNow | undefined
}

export interface UsageNow {
  /** Of one processor: 2 busy ones are 200. */
  readonly cpuPercent: number
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
  readonly memoryPercent: number
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly readBytes: number
  readonly writtenBytes: number
  readonly processes: number
}

export interface StatsOptions {
  readonly services?: readonly string[]
  /** Stopped ones too. */
  readonly all?: boolean
}

/** Percent of one processor between two samples; 0 without an earlier one. */
export function cpuPercent(before: CpuStats | undefined, now: CpuStats): number {
  if (before?.system_cpu_usage === undefined || now.system_cpu_usage === undefined) return 0
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage
  const passed = now.system_cpu_usage - before.system_cpu_usage
  return used > 0 && passed > 0 ? (used / passed) * (now.online_cpus ?? 1) * 100 : 0
}

/** Without the page cache that the kernel would give back at once. */
export function memoryInUse({ memory_stats: { usage = 0, stats = {} } }: ContainerStats): number {
  const cache = stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0
  return cache < usage ? usage - cache : usage
}

export function toUsage(before: ContainerStats | undefined, stats: ContainerStats): UsageNow | undefined {
  if (stats.memory_stats.usage === undefined) return undefined
  const networks = Object.values(stats.networks ?? {})
  const blocks = stats.blkio_stats.io_service_bytes_recursive ?? []
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, value) => total + value, 0)
  const ofBlock = (wanted: string): number => sum(blocks.filter(({ op }) => op === wanted).map(({ value }) => value))
  const memoryBytes = memoryInUse(stats)
  const memoryLimitBytes = stats.memory_stats.limit ?? 0
  return {
    cpuPercent: cpuPercent(before?.cpu_stats, stats.cpu_stats),
    memoryBytes,
    memoryLimitBytes,
    memoryPercent: memoryLimitBytes === 0 ? 0 : (memoryBytes / memoryLimitBytes) * 100,
    receivedBytes: sum(networks.map(({ rx_bytes }) => rx_bytes)),
    sentBytes: sum(networks.map(({ tx_bytes }) => tx_bytes)),
    readBytes: ofBlock('read'),
    writtenBytes: ofBlock('write'),
    processes: stats.pids_stats.current ?? 0,
  }
}

export interface StatsSampler {
  /** All containers now, sorted by name; those that came or went are as they are. */
  sample(): Promise<readonly Usage[]>
}

/** Throws NotFoundError NO_SUCH_SERVICE, from `sample`. */
export function createSampler(context: ProjectContext, target: ProjectTarget, options: StatsOptions): StatsSampler {
  const { client } = context
  let before = new Map<string, ContainerStats>()
  const one = async (id: string): Promise<ContainerStats | undefined> => {
    try {
      return await client.containers.stats(id)
    } catch (error) {
      if (error instanceof NotFoundError) return undefined // removed since it was listed
      throw error
    }
  }
  return {
    async sample() {
      const { services = [], all = false } = options
      const containers = await ps(context, target, { services, all })
      const found = await Promise.all(
        containers.map(async (container) => ({ container, stats: await one(container.id) })),
      )
      const usages = found.flatMap(({ container: { id, name, service }, stats }): Usage[] =>
        stats === undefined ? [] : [{ id, name, service, now: toUsage(before.get(id), stats) }],
      )
      before = new Map(found.flatMap(({ container, stats }) => (stats === undefined ? [] : [[container.id, stats]])))
      return usages
    },
  }
}
