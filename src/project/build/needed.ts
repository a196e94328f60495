/**
 * Which services `up`, `create` and `run` build. Pure. An image that can be built and is not here is built, unless the
 * policy says to pull it first; `--build` and `pull_policy: build` build always, `--no-build` never.
 */
import type { Service } from '../../compose/model.ts'
import { isBuildable, type BuildableService } from './request.ts'

/** undefined: what is missing. */
export type BuildWish = 'always' | 'never' | undefined

export interface BuildDecision {
  readonly wish: BuildWish
  /** --pull, which counts before the policy of the file. */
  readonly pull: string | undefined
  readonly isPresent: (service: Service) => boolean
}

export function servicesToBuild(services: readonly Service[], decision: BuildDecision): readonly BuildableService[] {
  if (decision.wish === 'never') return []
  return services.filter(isBuildable).filter((service) => mustBuild(service, decision))
}

function mustBuild(service: BuildableService, { wish, pull, isPresent }: BuildDecision): boolean {
  return wish === 'always' || (pull ?? service.pullPolicy) === 'build' || !isPresent(service)
}
