/**
 * PURE: the limits of a HostConfig, checked as dockerd checks them, as `linux.resources` of the OCI spec. What this
 * machine's controllers cannot do becomes a warning, not an error. Source: OCI runtime-spec config-linux.md,
 * moby daemon/daemon_unix.go (values and texts).
 */
import { InvalidRequestError } from '../../errors.ts'
import type { HostConfig } from '../../api/types/index.ts'
import { blockLimits, blockWeights, type OciBlockIo, type WeightFiles } from './block-limits.ts'

/** `linux.resources` without devices. */
export interface OciResources {
  readonly memory?: {
    readonly limit?: number
    readonly reservation?: number
    readonly swap?: number
    readonly swappiness?: number
    readonly disableOOMKiller?: boolean
  }
  readonly cpu?: {
    readonly shares?: number
    readonly quota?: number
    readonly period?: number
    readonly realtimeRuntime?: number
    readonly realtimePeriod?: number
    readonly cpus?: string
    readonly mems?: string
  }
  readonly pids?: { readonly limit: number }
  readonly blockIO?: OciBlockIo
}

/** What the controllers of this machine can do. */
export interface CgroupAbilities {
  readonly version: 1 | 2
  readonly memory: boolean
  readonly swap: boolean
  readonly cpu: boolean
  readonly cpuset: boolean
  readonly pids: boolean
  readonly io: boolean
  /** Undefined: no weights. */
  readonly ioWeight: WeightFiles | undefined
  /** v1 with CONFIG_RT_GROUP_SCHED. */
  readonly cpuRealtime: boolean
  readonly cpuCount: number
  /** NUMA nodes with memory: "0" or "0-1". */
  readonly memoryNodes: string
  /** Of a block device's node. `scheduler` is the one in use ("mq-deadline"). Throws InvalidRequestError. */
  deviceNumber(path: string): { readonly major: number; readonly minor: number; readonly scheduler: string }
}

const MIN_MEMORY_BYTES = 6 * 2 ** 20
const DEFAULT_PERIOD_US = 100_000

function invalid(message: string): never {
  throw new InvalidRequestError(message)
}

/** Members of "0-3,7". Throws InvalidRequestError. */
function parseCpuList(key: string, list: string): number[] {
  return list.split(',').flatMap((part) => {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part)
    if (match === null) invalid(`invalid value ${JSON.stringify(list)} for ${key}: want a list such as "0-2,4"`)
    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])
    if (last < first) invalid(`invalid range ${JSON.stringify(part)} in ${key}`)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

function checkCpuset({ CpusetCpus = '', CpusetMems = '' }: HostConfig, can: CgroupAbilities): void {
  const cpus = CpusetCpus === '' ? [] : parseCpuList('CpusetCpus', CpusetCpus)
  if (cpus.some((cpu) => cpu >= can.cpuCount))
    invalid(`requested CPUs are not available - requested ${CpusetCpus}, available: 0-${can.cpuCount - 1}`)
  const nodes = new Set(parseCpuList('memory nodes of this machine', can.memoryNodes))
  const wanted = CpusetMems === '' ? [] : parseCpuList('CpusetMems', CpusetMems)
  if (wanted.some((node) => !nodes.has(node)))
    invalid(`requested memory nodes are not available - requested ${CpusetMems}, available: ${can.memoryNodes}`)
}

function memoryLimits(host: HostConfig, can: CgroupAbilities, warn: (text: string) => void): OciResources['memory'] {
  const { Memory = 0, MemoryReservation = 0, MemorySwap = 0, MemorySwappiness, OomKillDisable } = host
  if (Memory < 0 || MemoryReservation < 0) invalid('memory limits must not be negative')
  if (Memory > 0 && Memory < MIN_MEMORY_BYTES) invalid('minimum memory limit allowed is 6MB')
  if (MemoryReservation > 0 && MemoryReservation < MIN_MEMORY_BYTES)
    invalid('minimum memory reservation allowed is 6MB')
  if (MemorySwap < -1) invalid(`invalid memory swap limit ${MemorySwap}`)
  if (MemorySwap > 0 && Memory === 0)
    invalid('you should always set the memory limit when using memoryswap limit, see usage')
  if (MemorySwap > 0 && MemorySwap < Memory)
    invalid('minimum memoryswap limit should be larger than memory limit, see usage')
  if (MemoryReservation > 0 && Memory > 0 && Memory < MemoryReservation)
    invalid('minimum memory limit can not be less than memory reservation limit, see usage')
  if (MemorySwappiness !== undefined && MemorySwappiness !== null && MemorySwappiness !== -1)
    if (MemorySwappiness < 0 || MemorySwappiness > 100)
      invalid(`invalid value: ${MemorySwappiness}, valid memory swappiness range is 0-100`)
  const wanted = Memory > 0 || MemoryReservation > 0
  if (wanted && !can.memory) {
    warn('this machine has no memory controller: memory limits are not applied')
    return undefined
  }
  const swap = Memory === 0 ? 0 : MemorySwap === 0 ? Memory * 2 : MemorySwap
  if (swap !== 0 && !can.swap && MemorySwap !== 0) warn('this kernel does not count swap: memory limited without swap')
  const swappiness = can.version === 1 && MemorySwappiness !== -1 ? MemorySwappiness : undefined
  if (can.version === 2 && typeof MemorySwappiness === 'number' && MemorySwappiness >= 0)
    warn('cgroup v2 has no memory swappiness: it is ignored')
  if (can.version === 1 && OomKillDisable === true && Memory === 0)
    warn('the OOM killer is disabled but no memory limit is set: the machine may run out of memory')
  if (can.version === 2 && OomKillDisable === true)
    warn('cgroup v2 has no OOM kill switch: oom_kill_disable is ignored')
  const memory = {
    ...(Memory > 0 ? { limit: Memory } : {}),
    ...(MemoryReservation > 0 ? { reservation: MemoryReservation } : {}),
    ...(swap !== 0 && can.swap ? { swap } : {}),
    ...(typeof swappiness === 'number' ? { swappiness } : {}),
    ...(can.version === 1 && OomKillDisable === true ? { disableOOMKiller: true } : {}),
  }
  return Object.keys(memory).length === 0 ? undefined : memory
}

function checkCpu(host: HostConfig, can: CgroupAbilities): void {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0 } = host
  if (NanoCpus > 0 && (CpuPeriod > 0 || CpuQuota > 0))
    invalid('conflicting options: nano CPUs and CPU period or quota cannot both be set')
  if (NanoCpus < 0 || (NanoCpus > 0 && NanoCpus < 1e7) || NanoCpus > can.cpuCount * 1e9)
    invalid(`range of CPUs is from 0.01 to ${can.cpuCount}.00, as there are only ${can.cpuCount} CPUs available`)
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000))
    invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  if (CpuQuota > 0 && CpuQuota < 1000) invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)')
  if (CpuShares < 0) invalid('shares must not be negative')
}

function cpuLimits(host: HostConfig, can: CgroupAbilities, warn: (text: string) => void): OciResources['cpu'] {
  checkCpu(host, can)
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0, CpusetCpus = '', CpusetMems = '' } = host
  checkCpuset(host, can)
  const { CpuRealtimePeriod: rtPeriod = 0, CpuRealtimeRuntime: rtRuntime = 0 } = host
  if (rtPeriod > 0 && rtRuntime > rtPeriod) invalid('cpu real-time runtime cannot be higher than cpu real-time period')
  if (rtPeriod + rtRuntime > 0 && !can.cpuRealtime)
    warn(`${can.version === 2 ? 'cgroup v2' : 'this kernel'} has no real-time limits: cpu_rt_* is ignored`)
  const time = {
    ...(CpuShares > 0 ? { shares: CpuShares } : {}),
    ...(NanoCpus > 0
      ? { quota: Math.round((NanoCpus * DEFAULT_PERIOD_US) / 1e9), period: DEFAULT_PERIOD_US }
      : { ...(CpuQuota !== 0 ? { quota: CpuQuota } : {}), ...(CpuPeriod !== 0 ? { period: CpuPeriod } : {}) }),
    ...(rtPeriod > 0 && can.cpuRealtime ? { realtimePeriod: rtPeriod } : {}),
    ...(rtRuntime > 0 && can.cpuRealtime ? { realtimeRuntime: rtRuntime } : {}),
  }
  const set = {
    ...(CpusetCpus === '' ? {} : { cpus: CpusetCpus }),
    ...(CpusetMems === '' ? {} : { mems: CpusetMems }),
  }
  if (Object.keys(time).length > 0 && !can.cpu) warn('this machine has no cpu controller: CPU limits are not applied')
  if (Object.keys(set).length > 0 && !can.cpuset) warn('this machine has no cpuset controller: cpusets are not applied')
  const cpu = { ...(can.cpu ? time : {}), ...(can.cpuset ? set : {}) }
  return Object.keys(cpu).length === 0 ? undefined : cpu
}

/** Throws InvalidRequestError; `warn` is told what cannot be applied here. */
export function toOciResources(host: HostConfig, can: CgroupAbilities, warn: (text: string) => void): OciResources {
  const memory = memoryLimits(host, can, warn)
  const cpu = cpuLimits(host, can, warn)
  const blockIO = blockLimits(host, can, warn)
  blockWeights(host, can, warn)
  const pids = host.PidsLimit ?? 0
  if (pids > 0 && !can.pids) warn('this machine has no pids controller: the pids limit is not applied')
  if (host.OomScoreAdj !== undefined && (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000))
    invalid(`invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`)
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(blockIO === undefined ? {} : { blockIO }),
    ...(pids > 0 && can.pids ? { pids: { limit: pids } } : {}),
  }
}
