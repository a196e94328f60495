/** `rm`: removes stopped containers. Asking the user is the CLI's matter: findRemovable, ask, then rm. */
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface RmOptions {
  readonly services?: readonly string[]
  /** Stop running ones first. */
  readonly stop?: boolean
  /** Anonymous volumes too. */
  readonly volumes?: boolean
  readonly timeoutSeconds?: number
}

/** Names of what `rm` would remove, sorted; empty: "No stopped containers". */
export function findRemovable(
  context: ProjectContext,
  target: ProjectTarget,
  options: RmOptions,
): Promise<readonly string[]> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}

/** Returns the names of what was removed. */
export function rm(context: ProjectContext, target: ProjectTarget, options: RmOptions): Promise<readonly string[]> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
