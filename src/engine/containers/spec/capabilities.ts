/**
 * PURE: which capabilities a container gets. Inheritable and ambient stay empty (CVE-2022-24769).
 * Source: man 7 capabilities; moby daemon/pkg/oci/caps (defaults and the algebra of add and drop).
 */
import { InvalidRequestError } from '../../../errors.ts'
import type { OciCapabilities } from './oci.ts'

/** By number, from linux/capability.h. */
export const CAPABILITIES: readonly string[] =
  `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
   NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
   SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
   AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
   PERFMON BPF CHECKPOINT_RESTORE`
    .split(/\s+/)
    .map((name) => `CAP_${name}`)

const DEFAULTS = new Set(
  ['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'NET_RAW']
    .concat('SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT')
    .map((name) => `CAP_${name}`),
)

/** Names of the bits of a mask such as CapBnd of /proc/self/status ("000001ffffffffff"). */
export function capabilitiesOfMask(hex: string): string[] {
  const mask = BigInt(`0x${hex.trim()}`)
  return CAPABILITIES.filter((_, bit) => (mask >> BigInt(bit)) & 1n)
}

/** "net_admin", "CAP_NET_ADMIN", "ALL" -> canonical. Throws InvalidRequestError. */
function canonical(name: string): string {
  const upper = name.toUpperCase()
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL'
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (CAPABILITIES.includes(full)) return full
  throw new InvalidRequestError(`invalid capability: unknown capability: ${JSON.stringify(name)}`)
}

export interface CapabilityWish {
  readonly privileged: boolean
  readonly add: readonly string[]
  readonly drop: readonly string[]
  /** What the engine itself may hand on. */
  readonly available: readonly string[]
}

/** Sorted. Throws InvalidRequestError for unknown names and for added ones that this machine does not have. */
export function chooseCapabilities({ privileged, add, drop, available }: CapabilityWish): string[] {
  const adds = new Set(add.map(canonical))
  const drops = new Set(drop.map(canonical))
  if (privileged) return available.toSorted()
  const missing = [...adds].find((name) => name !== 'ALL' && !available.includes(name))
  if (missing !== undefined)
    throw new InvalidRequestError(`invalid capability: ${missing} is not available on this machine`)
  if (adds.has('ALL')) return available.filter((name) => !drops.has(name)).toSorted()
  const kept = drops.has('ALL') ? [] : [...DEFAULTS].filter((name) => available.includes(name) && !drops.has(name))
  return [...new Set([...kept, ...adds])].toSorted()
}

export function toOciCapabilities(names: readonly string[]): OciCapabilities {
  return { bounding: names, effective: names, permitted: names }
}
