/**
 * PURE: rates of block devices as `linux.resources.blockIO`, and weights, which the engine writes itself: crun 1.8 knows
 * only the file of a scheduler that kernels no longer have. Source: OCI runtime-spec config-linux.md, moby
 * daemon/daemon_unix.go, kernel Documentation/block/bfq-iosched.rst and admin-guide/cgroup-v2.rst (io.weight).
 */
import { InvalidRequestError } from '../../errors.ts'
import type { HostConfig } from '../../api/types/index.ts'
import type { CgroupAbilities } from './limits.ts'

export interface OciBlockIo {
  readonly throttleReadBpsDevice?: readonly ThrottleDevice[]
  readonly throttleWriteBpsDevice?: readonly ThrottleDevice[]
  readonly throttleReadIOPSDevice?: readonly ThrottleDevice[]
  readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[]
}

export interface ThrottleDevice {
  readonly major: number
  readonly minor: number
  readonly rate: number
}

/** Which files weights are written to, in the container's cgroup. */
export type WeightFiles = 'io.weight' | 'io.bfq.weight' | 'blkio.weight' | 'blkio.bfq.weight'

const DEVICE_FILES: Readonly<Record<WeightFiles, string>> = {
  'io.weight': 'io.weight',
  'io.bfq.weight': 'io.bfq.weight',
  'blkio.weight': 'blkio.weight_device',
  'blkio.bfq.weight': 'blkio.bfq.weight_device',
}

const isWeight = (weight: number): boolean => weight >= 10 && weight <= 1000

/** Zero is no wish. Throws InvalidRequestError. */
function checkWeights({ BlkioWeight = 0, BlkioWeightDevice }: HostConfig): void {
  if (BlkioWeight !== 0 && !isWeight(BlkioWeight))
    throw new InvalidRequestError('range of blkio weight is from 10 to 1000')
  const wrong = BlkioWeightDevice?.find(({ Weight }) => Weight !== 0 && !isWeight(Weight))
  if (wrong !== undefined)
    throw new InvalidRequestError(`range of blkio weight of ${wrong.Path} is from 10 to 1000, not ${wrong.Weight}`)
}

/** Files and lines to write, in order. Throws InvalidRequestError. */
export function blockWeights(
  host: HostConfig,
  can: CgroupAbilities,
  warn: (text: string) => void,
): (readonly [file: string, line: string])[] {
  checkWeights(host)
  const { ioWeight } = can
  const { BlkioWeight: weight = 0 } = host
  const devices = (host.BlkioWeightDevice ?? []).filter(({ Weight }) => Weight !== 0)
  if (weight === 0 && devices.length === 0) return []
  if (ioWeight === undefined) {
    warn('this kernel has no block weights: weight and weight_device of blkio_config are ignored')
    return []
  }
  // 10..1000 to 1..10000, as runc and crun do
  const scaled = (value: number): number =>
    ioWeight === 'io.weight' ? Math.floor(1 + ((value - 10) * 9999) / 990) : value
  const lines = devices.flatMap(({ Path, Weight }): [string, string][] => {
    const { major, minor, scheduler } = can.deviceNumber(Path)
    if (!ioWeight.includes('bfq') || scheduler === 'bfq')
      return [[DEVICE_FILES[ioWeight], `${major}:${minor} ${scaled(Weight)}`]]
    // the kernel would refuse the line
    warn(`${Path} has the scheduler ${scheduler}, and only bfq knows weights: its weight is ignored`)
    return []
  })
  return weight === 0 ? lines : [[ioWeight, String(scaled(weight))], ...lines]
}

export function blockLimits(
  host: HostConfig,
  can: CgroupAbilities,
  warn: (text: string) => void,
): OciBlockIo | undefined {
  const throttle = (list: HostConfig['BlkioDeviceReadBps']): ThrottleDevice[] =>
    (list ?? []).map(({ Path, Rate }) => {
      const { major, minor } = can.deviceNumber(Path)
      return { major, minor, rate: Rate }
    })
  const block = {
    throttleReadBpsDevice: throttle(host.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttle(host.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttle(host.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttle(host.BlkioDeviceWriteIOps),
  }
  const entries = Object.entries(block).filter(([, value]) => value.length > 0)
  if (entries.length === 0) return undefined
  if (can.io) return Object.fromEntries(entries)
  warn('this machine has no block controller: blkio limits are not applied')
  return undefined
}
