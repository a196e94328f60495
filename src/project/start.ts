/** `start`: starts existing containers, dependencies first. */
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface StartOptions {
  readonly services?: readonly string[]
  readonly wait?: boolean
  readonly waitTimeoutMs?: number
}

export function start(context: ProjectContext, target: ProjectTarget, options: StartOptions): Promise<void> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
