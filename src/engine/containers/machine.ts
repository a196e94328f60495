/** What this machine and the engine's own process allow, read once: capabilities, limits, kernel, boot, devices. */
import { release } from 'node:os'
import { join } from 'node:path'
import { InvalidRequestError, errnoOf } from '../../errors.ts'
import type { DeviceMapping } from '../../api/types/index.ts'
import type { Host } from '../../host/host.ts'
import { capabilitiesOfMask } from './spec/capabilities.ts'
import type { GrantedDevice } from './spec/devices.ts'
import { parseHardLimits } from './spec/rlimits.ts'

export interface Machine {
  readonly bootId: string
  readonly kernelRelease: string
  readonly arch: string
  readonly capabilities: readonly string[]
  readonly hardLimits: Readonly<Record<string, number>>
  readonly thermalThrottle: readonly string[]
  readonly hasAppArmor: boolean
}

const CPUS = '/sys/devices/system/cpu'

function findThermalThrottle(host: Host): string[] {
  const cpus = host.files.existsSync(CPUS) ? host.files.readdirSync(CPUS) : []
  return cpus
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => join(CPUS, name, 'thermal_throttle'))
    .filter((path) => host.files.existsSync(path))
}

export function readMachine(host: Host): Machine {
  const status = host.files.readTextSync('/proc/self/status') ?? ''
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  return {
    bootId: (host.files.readTextSync('/proc/sys/kernel/random/boot_id') ?? '').trim(),
    kernelRelease: release(),
    arch: process.arch,
    capabilities: capabilitiesOfMask(mask),
    hardLimits: parseHardLimits(host.files.readTextSync('/proc/self/limits') ?? ''),
    thermalThrottle: findThermalThrottle(host),
    hasAppArmor: host.files.readTextSync('/sys/module/apparmor/parameters/enabled')?.startsWith('Y') ?? false,
  }
}

interface NodeStat {
  isBlockDevice(): boolean
  isCharacterDevice(): boolean
  readonly rdev: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** glibc's split of dev_t. */
function toGrantedDevice(stat: NodeStat, path: string, access: string): GrantedDevice {
  const device = BigInt(stat.rdev)
  return {
    path,
    type: stat.isBlockDevice() ? 'b' : 'c',
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)),
    minor: Number((device & 0xffn) | ((device >> 12n) & ~0xffn)),
    fileMode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    access,
  }
}

/** Nodes below a folder; those that the runtime makes itself are left out. */
async function devicesBelow(host: Host, folder: string, target: string, access: string): Promise<GrantedDevice[]> {
  const own = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', 'ptmx', '.udev', '.lxc', '.lxd-mounts'])
  const entries = await host.files.readdir(folder, { withFileTypes: true })
  const found = await Promise.all(
    entries.map(async (entry) => {
      if (own.has(entry.name)) return []
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return devicesBelow(host, path, join(target, entry.name), access)
      if (!entry.isBlockDevice() && !entry.isCharacterDevice()) return []
      return [toGrantedDevice(await host.files.stat(path), join(target, entry.name), access)]
    }),
  )
  return found.flat()
}

/** The nodes of one mapping; a folder stands for all below it. Throws InvalidRequestError. */
export async function expandDevice(host: Host, mapping: DeviceMapping): Promise<GrantedDevice[]> {
  const { PathOnHost: source, CgroupPermissions: access } = mapping
  const target = mapping.PathInContainer === '' ? source : mapping.PathInContainer
  if (access !== '' && !/^[rwm]{1,3}$/.test(access))
    throw new InvalidRequestError(`invalid device mode ${JSON.stringify(access)} of ${source}`)
  try {
    const real = await host.files.realpath(source)
    const stat = await host.files.stat(real)
    if (stat.isDirectory()) return await devicesBelow(host, real, target, access || 'rwm')
    if (stat.isBlockDevice() || stat.isCharacterDevice()) return [toGrantedDevice(stat, target, access || 'rwm')]
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  throw new InvalidRequestError(
    `error gathering device information while adding custom device ${JSON.stringify(source)}: not a device node`,
  )
}

/** For privileged containers. */
export function allDevices(host: Host): Promise<GrantedDevice[]> {
  return devicesBelow(host, '/dev', '/dev', 'rwm')
}
