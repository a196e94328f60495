/** Limits of memory, processors, processes and block devices; `deploy.resources` wins over the older keys. Pure. */
import type { HostConfig, Ulimit } from '../../api/types/index.ts'
import type { BlkioRate, Service } from '../../compose/model.ts'
import { present } from './present.ts'

export function toLimits(service: Service): Partial<HostConfig> {
  const limits = service.deploy?.resources?.limits
  const reservations = service.deploy?.resources?.reservations
  const cpus = limits?.cpus ?? service.cpus
  return present<Partial<HostConfig>>({
    Memory: limits?.memory ?? service.memLimit,
    MemoryReservation: reservations?.memory ?? service.memReservation,
    MemorySwap: service.memswapLimit === 0 ? undefined : service.memswapLimit,
    MemorySwappiness: service.memSwappiness,
    OomKillDisable: service.oomKillDisable,
    OomScoreAdj: service.oomScoreAdj,
    PidsLimit: limits?.pids ?? service.pidsLimit,
    NanoCpus: cpus === undefined ? undefined : Math.round(cpus * 1e9),
    CpuShares: service.cpuShares,
    CpuPeriod: service.cpuPeriod,
    CpuQuota: service.cpuQuota,
    CpuRealtimePeriod: service.cpuRtPeriod,
    CpuRealtimeRuntime: service.cpuRtRuntime,
    CpusetCpus: service.cpuset,
    Ulimits: toUlimits(service.ulimits),
    ...toBlkio(service.blkioConfig),
  })
}

function toUlimits(ulimits: Service['ulimits']): readonly Ulimit[] | undefined {
  if (ulimits === undefined) return undefined
  return Object.entries(ulimits)
    .map(([Name, { soft, hard }]) => ({ Name, Soft: soft, Hard: hard }))
    .toSorted((left, right) => (left.Name < right.Name ? -1 : 1))
}

function toBlkio(blkio: Service['blkioConfig']): Partial<HostConfig> {
  if (blkio === undefined) return {}
  return present<Partial<HostConfig>>({
    BlkioWeight: blkio.weight,
    BlkioWeightDevice: blkio.weightDevice?.map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: blkio.deviceReadBps?.map(toRate),
    BlkioDeviceWriteBps: blkio.deviceWriteBps?.map(toRate),
    BlkioDeviceReadIOps: blkio.deviceReadIops?.map(toRate),
    BlkioDeviceWriteIOps: blkio.deviceWriteIops?.map(toRate),
  })
}

function toRate({ path, rate }: BlkioRate): { readonly Path: string; readonly Rate: number } {
  return { Path: path, Rate: rate }
}
