/**
 * `run`: one container more of a service, for one command. Its dependencies, networks and volumes are made ready as `up`
 * does it; the container is created and left for the caller to start, who attaches first.
 * Source: docker compose run (observable behaviour).
 */
import type { Project } from '../compose/model.ts'
import type { ProjectContext } from './context.ts'
import { executePlan } from './execute.ts'
import { oneOffName, type OneOff } from './one-off.ts'
import { formatPlan } from './plan.ts'
import { createUpExecution, prepareUp, type UpOptions } from './up.ts'

export interface PreparedRun {
  readonly id: string
  readonly name: string
}

export type RunOptions = Pick<
  UpOptions,
  'build' | 'ignoreOrphans' | 'noDeps' | 'pull' | 'quietBuild' | 'quietPull' | 'removeOrphans'
>

/** Creates the container; dependencies run when it returns. Throws as `up` does. */
export async function prepareRun(
  context: ProjectContext,
  project: Project,
  oneOff: OneOff,
  options: RunOptions,
): Promise<PreparedRun> {
  const planned = await prepareUp(context, project, { ...options, services: [oneOff.service], oneOff })
  using execution = await createUpExecution(context, project, planned)
  await executePlan(execution, planned.plan)
  const name = oneOffName(project.name, oneOff)
  const id = execution.ids.get(name)
  if (id === undefined) throw new Error(`the plan did not make ${name}`)
  return { id, name }
}

/** What `prepareRun` would do, for --dry-run. */
export async function planRun(
  context: ProjectContext,
  project: Project,
  oneOff: OneOff,
  options: RunOptions,
): Promise<string> {
  const { plan } = await prepareUp(context, project, { ...options, services: [oneOff.service], oneOff })
  return formatPlan(plan)
}
