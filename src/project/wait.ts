/** `wait`: until the containers of services have ended. */
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface WaitOptions {
  readonly services: readonly string[]
}

export interface WaitedContainer {
  readonly id: string
  readonly name: string
  readonly exitCode: number
}

/** In the order in which they end. Throws NotFoundError when none runs. */
export function wait(
  context: ProjectContext,
  target: ProjectTarget,
  options: WaitOptions,
): AsyncIterable<WaitedContainer> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
