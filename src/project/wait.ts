/** `wait`: until the containers of services have ended. */
import { NotFoundError } from '../errors.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { isRunning } from './observe.ts'
import { selectContainers } from './select.ts'

export interface WaitOptions {
  readonly services: readonly string[]
}

export interface WaitedContainer {
  readonly id: string
  readonly name: string
  readonly exitCode: number
}

/** In the order in which they end. Throws NotFoundError NO_CONTAINER when none runs. */
export async function* wait(
  context: ProjectContext,
  target: ProjectTarget,
  options: WaitOptions,
): AsyncGenerator<WaitedContainer> {
  const { containers } = await selectContainers(context, target, options.services)
  const running = containers.filter(isRunning)
  if (running.length === 0) throw new NotFoundError('no containers for project to wait for', { code: 'NO_CONTAINER' })
  const pending = new Map(
    running.map(({ id, name }): [string, Promise<WaitedContainer>] => [
      id,
      context.client.containers
        .wait(id, 'not-running', context.signal)
        .then(({ StatusCode }) => ({ id, name, exitCode: StatusCode })),
    ]),
  )
  while (pending.size > 0) {
    const ended = await Promise.race(pending.values())
    pending.delete(ended.id)
    yield ended
  }
}
