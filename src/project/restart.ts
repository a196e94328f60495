/** `restart`: stops and starts the same containers, and dependents that asked for it (depends_on.restart). */
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface RestartOptions {
  readonly services?: readonly string[]
  /** Leave dependents alone. */
  readonly noDeps?: boolean
  readonly timeoutSeconds?: number
}

export function restart(context: ProjectContext, target: ProjectTarget, options: RestartOptions): Promise<void> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
