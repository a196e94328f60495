/** `stop`: stops running containers, dependents first. */
import type { ProjectContext, ProjectTarget } from './context.ts'
import { forEachContainer } from './lifecycle.ts'
import { runPreStop } from './hooks.ts'
import { isRunning } from './observe.ts'
import { selectContainers } from './select.ts'

export interface StopOptions {
  readonly services?: readonly string[]
  /** Absent: each container's own. */
  readonly timeoutSeconds?: number
}

export async function stop(context: ProjectContext, target: ProjectTarget, options: StopOptions): Promise<void> {
  const selected = await selectContainers(context, target, options.services)
  const { timeoutSeconds } = options
  await forEachContainer(
    context,
    { ...selected, containers: selected.containers.filter(isRunning) },
    {
      words: ['Stopping', 'Stopped'],
      direction: 'dependents-first',
      async run({ id, service }) {
        await runPreStop(context, target.project, { id, service })
        await context.client.containers.stop(id, {
          ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
          abort: context.signal,
        })
      },
    },
  )
}
