/**
 * What is wrong with the machine, each with the command that mends it. One check a
 * function; a check never throws: what it cannot find out is a warning.
 */
import type { EngineConfig } from './config.ts'
import type { StorageDriver } from './context.ts'
import { checkAddresses } from './doctor-addresses.ts'
import { checkFeatures, checkSecurity } from './doctor-features.ts'
import { checkClock, checkLimits } from './doctor-limits.ts'
import { checkFirewall, checkForwarding, checkNftables } from './doctor-network.ts'
import { checkCgroups, checkKernel, checkDisk, checkNode } from './doctor-machine.ts'
import { checkConmon, checkLibraries, checkRuntimes } from './doctor-programs.ts'
import { checkRuntimeFeatures } from './doctor-runtime.ts'
import { checkStorage } from './doctor-storage.ts'
import type { DoctorFinding, NetworkInspect } from '../api/types/index.ts'
import type { Host } from '../host/host.ts'

/** What an engine that runs has of itself; doctor-alone.ts finds it out for one that does not. */
export interface DoctorContext {
  readonly host: Host
  readonly config: EngineConfig
  /** Undefined: the store is not begun. */
  readonly storageDriver: StorageDriver | undefined
  readonly networks: {
    list(filters: Readonly<Record<string, never>>): Promise<readonly Pick<NetworkInspect, 'Name' | 'IPAM'>[]>
  }
}

export type DoctorCheck = (context: DoctorContext) => Promise<DoctorFinding[]>

const CHECKS: readonly (readonly [string, DoctorCheck])[] = [
  ['node', checkNode],
  ['kernel', checkKernel],
  ['kernel', checkFeatures],
  ['seccomp', checkSecurity],
  ['cgroups', checkCgroups],
  ['runtime', checkRuntimes],
  ['runtime', checkRuntimeFeatures],
  ['conmon', checkConmon],
  ['libraries', checkLibraries],
  ['nftables', checkNftables],
  ['forwarding', checkForwarding],
  ['firewall', checkFirewall],
  ['addresses', checkAddresses],
  ['storage', checkStorage],
  ['disk', checkDisk],
  ['limits', checkLimits],
  ['clock', checkClock],
]

/** In a fixed order, whatever comes back first. */
export async function diagnose(context: DoctorContext): Promise<DoctorFinding[]> {
  const results = await Promise.all(CHECKS.map(([check, run]) => attempt(check, () => run(context))))
  return results.flat()
}

/** What cannot be found out is a warning, and no reason not to go on. */
export async function attempt(
  check: string,
  run: () => Promise<DoctorFinding[]> | DoctorFinding[],
): Promise<DoctorFinding[]> {
  try {
    return await run()
  } catch (error) {
    const message = `cannot check: ${error instanceof Error ? error.message : String(error)}`
    return [{ check, status: 'warning', message }]
  }
}
