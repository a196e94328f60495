/** `kill`: a signal to running containers. */
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface KillOptions {
  readonly services?: readonly string[]
  /** "SIGKILL" when absent. */
  readonly signal?: string
  readonly removeOrphans?: boolean
}

export function kill(context: ProjectContext, target: ProjectTarget, options: KillOptions): Promise<void> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
