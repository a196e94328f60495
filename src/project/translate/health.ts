/** `healthcheck` -> Config.Healthcheck. Pure. */
import type { HealthConfig } from '../../api/types/index.ts'
import type { Healthcheck } from '../../compose/model.ts'
import { present } from './present.ts'

/** undefined: the image's own check, if it has one. */
export function toHealth(healthcheck: Healthcheck | undefined): HealthConfig | undefined {
  if (healthcheck === undefined) return undefined
  if (isDisabled(healthcheck)) return { Test: ['NONE'] }
  return present<HealthConfig>({
    Test: healthcheck.test ?? undefined,
    Interval: healthcheck.interval,
    Timeout: healthcheck.timeout,
    StartPeriod: healthcheck.startPeriod,
    StartInterval: healthcheck.startInterval,
    Retries: healthcheck.retries,
  })
}

/** Turned off by the file, whatever the image says. */
export function isDisabled(healthcheck: Healthcheck): boolean {
  return healthcheck.disable === true || healthcheck.test?.[0] === 'NONE'
}
