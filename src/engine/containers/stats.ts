/**
 * One sample of what a container uses, in the API's shape. Everything is read from the kernel's files: no program is
 * run, nothing of the container's own is read. Source: Engine API ContainerStats, moby daemon/stats_unix.go, man 5 proc.
 */
import { totalmem } from 'node:os'
import type { ContainerStats, CpuStats, InterfaceStats } from '../../api/types/index.ts'
import { NEVER } from '../../state/containers.ts'
import type { CgroupUsage } from '../cgroups/usage.ts'
import type { ContainersContext } from './context.ts'
import { parseSharing } from './network-mode.ts'
import type { Container } from './store.ts'

const NS_PER_TICK = 10_000_000
/** user nice system idle iowait irq softirq: what dockerd adds up. */
const CPU_FIELDS = 7

export const NO_CPU: CpuStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
}

/** Time of all processors, idle or not, and how many there are, from /proc/stat. PURE. */
export function parseSystemCpu(text: string): { readonly totalNs: number; readonly count: number } {
  const lines = text.split('\n')
  const fields = (lines.find((line) => line.startsWith('cpu ')) ?? '')
    .trim()
    .split(/\s+/)
    .slice(1, 1 + CPU_FIELDS)
  return {
    totalNs: fields.reduce((sum, field) => sum + Number(field), 0) * NS_PER_TICK,
    count: lines.filter((line) => /^cpu\d/.test(line)).length,
  }
}

/** Interfaces of /proc/PID/net/dev but loopback. PURE. */
export function parseNetDev(text: string): Record<string, InterfaceStats> {
  const found: Record<string, InterfaceStats> = {}
  for (const line of text.split('\n')) {
    const [, name, rest = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || name === 'lo') continue
    const at = rest.split(/\s+/).map(Number)
    const [received, sent] = [0, 8]
    found[name] = {
      rx_bytes: at[received] ?? 0,
      rx_packets: at[received + 1] ?? 0,
      rx_errors: at[received + 2] ?? 0,
      rx_dropped: at[received + 3] ?? 0,
      tx_bytes: at[sent] ?? 0,
      tx_packets: at[sent + 1] ?? 0,
      tx_errors: at[sent + 2] ?? 0,
      tx_dropped: at[sent + 3] ?? 0,
    }
  }
  return found
}

function toCpuStats({ cpu }: CgroupUsage, system: ReturnType<typeof parseSystemCpu>): CpuStats {
  return {
    cpu_usage: {
      total_usage: cpu.totalNs,
      ...(cpu.perCpuNs === undefined ? {} : { percpu_usage: cpu.perCpuNs }),
      usage_in_kernelmode: cpu.kernelNs,
      usage_in_usermode: cpu.userNs,
    },
    system_cpu_usage: system.totalNs,
    online_cpus: system.count,
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttledPeriods,
      throttled_time: cpu.throttledNs,
    },
  }
}

function toMemoryStats({ memory }: CgroupUsage): ContainerStats['memory_stats'] {
  const { usageBytes, maxUsageBytes, failures, limitBytes, stats } = memory
  return {
    usage: usageBytes,
    ...(maxUsageBytes === undefined ? {} : { max_usage: maxUsageBytes }),
    stats,
    ...(failures === 0 ? {} : { failcnt: failures }),
    limit: Math.min(limitBytes ?? Number.POSITIVE_INFINITY, totalmem()),
  }
}

/** PURE but for totalmem. */
export function toStats(
  { id, name }: { readonly id: string; readonly name: string },
  now: string,
  sample?: {
    readonly usage: CgroupUsage
    readonly system: ReturnType<typeof parseSystemCpu>
    readonly networks: Readonly<Record<string, InterfaceStats>> | undefined
  },
): ContainerStats {
  const base = { name: `/${name}`, id, num_procs: 0, storage_stats: {}, preread: NEVER, precpu_stats: NO_CPU }
  if (sample === undefined)
    return {
      ...base,
      read: NEVER,
      pids_stats: {},
      blkio_stats: { io_service_bytes_recursive: null, io_serviced_recursive: null },
      cpu_stats: NO_CPU,
      memory_stats: {},
    }
  const { usage, system, networks } = sample
  const { current, limit } = usage.processes
  return {
    ...base,
    read: now,
    pids_stats: { current, ...(limit === undefined ? {} : { limit }) },
    blkio_stats: {
      io_service_bytes_recursive: usage.block.bytes,
      io_serviced_recursive: usage.block.operations,
    },
    cpu_stats: toCpuStats(usage, system),
    memory_stats: toMemoryStats(usage),
    ...(networks === undefined || Object.keys(networks).length === 0 ? {} : { networks }),
  }
}

/** The interfaces of its namespace, whoever's that is; not those of the host. */
function readNetworks(
  { host }: ContainersContext,
  { document }: Container,
): Record<string, InterfaceStats> | undefined {
  const { process } = document.state
  if (process === undefined || parseSharing('network mode', document.hostConfig.NetworkMode).kind === 'host')
    return undefined
  // of a process: the engine's own namespace is the host's. Gone meanwhile, there is nothing to read
  return parseNetDev(host.files.readTextSync(`/proc/${process.pid}/net/dev`) ?? '')
}

export async function sampleContainer(context: ContainersContext, container: Container): Promise<ContainerStats> {
  const { host } = context
  const { cgroups } = await context.platform()
  const { run, document } = container
  const now = host.clock.nowRfc3339()
  if (run === undefined) return toStats(document, now)
  return toStats(document, now, {
    usage: cgroups.usage(run.cgroupPath),
    system: parseSystemCpu(host.files.readTextSync('/proc/stat') ?? ''),
    networks: readNetworks(context, container),
  })
}
