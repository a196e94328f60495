/** `down`: stops and removes a project; works from labels alone, a model tells what is an orphan. */
import type { ProjectContext, ProjectTarget } from './context.ts'
import { executePlan, tellWarnings } from './execute.ts'
import { createExecution } from './execution.ts'
import { observe } from './observe.ts'
import type { Plan } from './plan.ts'
import { planDown } from './reconcile/down.ts'
import { findRemovableImages, type ImageRemoval } from './removable-images.ts'
import { checkServices, serviceGraph } from './select.ts'

export interface DownOptions {
  readonly services?: readonly string[]
  readonly removeOrphans?: boolean
  /** Named (not external) and anonymous volumes too. */
  readonly volumes?: boolean
  /** Images too: those that were built for the project, or all that its services use. */
  readonly images?: ImageRemoval
  readonly timeoutSeconds?: number
  readonly dryRun?: boolean
}

export interface DownResult {
  readonly plan: Plan
}

export async function down(context: ProjectContext, target: ProjectTarget, options: DownOptions): Promise<DownResult> {
  const observed = await observe(context.client, target.name, [])
  checkServices(target, observed.containers, options.services ?? [])
  const graph = serviceGraph(target, observed.containers)
  const { services = [], removeOrphans = false } = options
  const images =
    options.images === undefined
      ? []
      : await findRemovableImages(context.client, target, observed.containers, {
          mode: options.images,
          services,
          removeOrphans,
        })
  const plan = planDown({ projectName: target.name, project: target.project, graph, observed, images, options })
  tellWarnings(context, plan)
  if (options.dryRun === true) return { plan }
  using execution = createExecution(context, {
    projectName: target.name,
    ...(target.project === undefined ? {} : { project: target.project }),
  })
  await executePlan(execution, plan)
  return { plan }
}
