/** `stop`: stops running containers, dependents first. */
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface StopOptions {
  readonly services?: readonly string[]
  readonly timeoutSeconds?: number
}

export function stop(context: ProjectContext, target: ProjectTarget, options: StopOptions): Promise<void> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
