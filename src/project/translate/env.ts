/** `environment` -> Config.Env. Pure. */
import type { Service } from '../../compose/model.ts'

/** Sorted; null becomes the bare name, which takes the variable away even if the image sets it. */
export function toEnv(environment: Service['environment']): readonly string[] {
  return Object.entries(environment)
    .map(([name, value]) => (value === null ? name : `${name}=${value}`))
    .toSorted()
}
