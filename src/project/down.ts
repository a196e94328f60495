/** `down`: stops and removes a project; works from labels alone, a model adds order and names. */
import type { ProjectContext, ProjectTarget } from './context.ts'
import type { Plan } from './plan.ts'

export interface DownOptions {
  readonly services?: readonly string[]
  readonly removeOrphans?: boolean
  /** Named (not external) and anonymous volumes too. */
  readonly volumes?: boolean
  readonly timeoutSeconds?: number
  readonly dryRun?: boolean
}

export interface DownResult {
  readonly plan: Plan
}

export function down(context: ProjectContext, target: ProjectTarget, options: DownOptions): Promise<DownResult> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
