/** PURE: whether and when a container that ended starts again. Source: moby daemon/restart (restartmanager). */
import type { RestartPolicy } from '../../api/types/index.ts'

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 60_000
const STABLE_MS = 10_000

export interface Ending {
  readonly policy: RestartPolicy | undefined
  readonly exitCode: number
  readonly manuallyStopped: boolean
  /** Restarts so far, by the policy. */
  readonly restartCount: number
  readonly ranMs: number
  /** The delay before the run that now ended; 0: it was not started by the policy. */
  readonly lastDelayMs: number
}

/** Milliseconds to wait, or undefined: it stays down. */
export function restartDelayMs(ending: Ending): number | undefined {
  const { policy, exitCode, restartCount, lastDelayMs } = ending
  if (ending.manuallyStopped || !wantsRestart(policy, exitCode, restartCount)) return undefined
  if (lastDelayMs === 0 || ending.ranMs >= STABLE_MS) return FIRST_DELAY_MS
  return Math.min(lastDelayMs * 2, MAX_DELAY_MS)
}

function wantsRestart(policy: RestartPolicy | undefined, exitCode: number, restartCount: number): boolean {
  const name = policy?.Name ?? ''
  switch (name) {
    case 'always':
    case 'unless-stopped':
      return true
    case 'on-failure': {
      const limit = policy?.MaximumRetryCount ?? 0
      return exitCode !== 0 && (limit === 0 || restartCount < limit)
    }
    case '':
    case 'no':
      return false
    default:
      return name satisfies never
  }
}

/** At engine start: does a container that is down come up? */
export function startsWithEngine(policy: RestartPolicy | undefined, manuallyStopped: boolean): boolean {
  return policy?.Name === 'always' || (policy?.Name === 'unless-stopped' && !manuallyStopped)
}
