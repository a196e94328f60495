/**
 * What is wrong with the machine, seen from inside the engine, each with the command that mends it. One check a
 * function; a check never throws: what it cannot find out is a warning.
 */
import { checkAddresses } from './doctor-addresses.ts'
import { checkFeatures, checkSecurity } from './doctor-features.ts'
import { checkClock, checkLimits } from './doctor-limits.ts'
import { checkFirewall, checkForwarding, checkNftables } from './doctor-network.ts'
import { checkCgroups, checkKernel, checkDisk, checkNode } from './doctor-machine.ts'
import { checkConmon, checkLibraries, checkRuntimes } from './doctor-programs.ts'
import { checkRuntimeFeatures } from './doctor-runtime.ts'
import { checkStorage } from './doctor-storage.ts'
import type { EngineContext } from './context.ts'
import type { DoctorFinding } from '../api/types/index.ts'

export type DoctorCheck = (context: EngineContext) => Promise<DoctorFinding[]>

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
export async function diagnose(context: EngineContext): Promise<DoctorFinding[]> {
  const results = await Promise.all(
    CHECKS.map(async ([check, run]): Promise<DoctorFinding[]> => {
      try {
        return await run(context)
      } catch (error) {
        const message = `cannot check: ${error instanceof Error ? error.message : String(error)}`
        return [{ check, status: 'warning', message }]
      }
    }),
  )
  return results.flat()
}
