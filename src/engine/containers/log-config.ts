/** PURE: LogConfig. conmon starts a log anew at its limit; max-size times max-file is as much as would be kept. */
import type { HostConfig } from '../../api/types/index.ts'
import { parseBytes } from '../../units.ts'

/** 0: no limit. */
export function logMaxBytes({ LogConfig: log }: HostConfig): number {
  const options = log?.Config ?? {}
  const size = parseBytes(options['max-size'] ?? '') ?? 0
  return size * Math.max(1, Number(options['max-file'] ?? 1) || 1)
}
