/** What stop, kill, restart and rm have in common: one piece of work per container, in dependency order, told aloud. */
import { NotFoundError } from '../errors.ts'
import { createGraph } from '../graph/graph.ts'
import { walk } from '../graph/walk.ts'
import type { ProjectContext } from './context.ts'
import { tellFailure } from './handlers.ts'
import { containerResource } from './names.ts'
import type { ObservedContainer } from './observe.ts'
import type { Selected } from './select.ts'

export interface LifecycleWork {
  /** "Stopping", "Stopped" */
  readonly words: readonly [string, string]
  readonly direction: 'dependencies-first' | 'dependents-first'
  /** Before the containers of a service. */
  prepare?(service: string): Promise<void>
  run(container: ObservedContainer): Promise<unknown>
}

/** Replicas at the same time, services in order. The first failure is thrown once the others have ended. */
export async function forEachContainer(
  context: ProjectContext,
  selected: Selected,
  work: LifecycleWork,
): Promise<void> {
  const services = Map.groupBy(selected.containers, ({ service }) => service)
  const graph = createGraph([...services.keys()].map((name) => [name, selected.graph.get(name) ?? []] as const))
  const outcome = await walk(
    graph,
    async (service) => {
      await work.prepare?.(service)
      const results = await Promise.allSettled(
        (services.get(service) ?? []).map((container) => runOne(context, container, work)),
      )
      const failed = results.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
    { limit: context.parallel, signal: context.signal, direction: work.direction },
  )
  const [first] = outcome.failures
  if (first !== undefined) throw first.error
}

async function runOne(context: ProjectContext, container: ObservedContainer, work: LifecycleWork): Promise<void> {
  const id = containerResource(container.name)
  const [during, done] = work.words
  context.sink.progress({ id, status: 'working', text: during })
  try {
    await work.run(container)
    context.sink.progress({ id, status: 'done', text: done })
  } catch (error) {
    // gone meanwhile: nothing is left to do
    if (error instanceof NotFoundError) return context.sink.progress({ id, status: 'done', text: done })
    tellFailure(context, id, error)
    throw error
  }
}
