/** PURE: what of /proc and /sys is hidden or read-only. Source: moby daemon/pkg/oci/defaults.go. */

const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** `thermalThrottle`: the folders /sys/devices/system/cpu/cpuN/thermal_throttle that exist here. */
export function toPathProtection(
  unconfined: boolean,
  thermalThrottle: readonly string[],
): { readonly maskedPaths: readonly string[]; readonly readonlyPaths: readonly string[] } {
  if (unconfined) return { maskedPaths: [], readonlyPaths: [] }
  return { maskedPaths: [...MASKED, ...thermalThrottle], readonlyPaths: READ_ONLY }
}
