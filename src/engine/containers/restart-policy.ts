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

export interface Absence extends Omit<Ending, 'ranMs' | 'lastDelayMs'> {
  /** It ended while no engine looked, or waited to be restarted when the last one ended. */
  readonly endedUnseen: boolean
}

/** At engine start: does a container that is down, and was started before, come up? */
export function startsWithEngine(absence: Absence): boolean {
  const { policy, exitCode, manuallyStopped, restartCount, endedUnseen } = absence
  if (policy?.Name === 'always') return true // even one that a user had stopped
  if (manuallyStopped) return false
  if (policy?.Name === 'on-failure' && !endedUnseen) return false // its last end was judged when it came
  return wantsRestart(policy, exitCode, restartCount)
}
