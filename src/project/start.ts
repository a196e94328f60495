/** `start`: starts existing containers, dependencies first, each when the conditions of its depends_on hold. */
import { NotFoundError } from '../errors.ts'
import { closure } from '../graph/graph.ts'
import { awaitContainer, awaitDependencies } from './conditions.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { forEachContainer } from './lifecycle.ts'
import { runPostStart } from './hooks.ts'
import { staysUp } from './observe.ts'
import { createPreStart } from './pre-start.ts'
import { createReadiness } from './readiness.ts'
import { selectContainers } from './select.ts'
import type { Selected } from './select.ts'

export interface StartOptions {
  /** Named ones and their dependencies; empty: all. */
  readonly services?: readonly string[]
  readonly wait?: boolean
  readonly waitTimeoutMs?: number
}

export async function start(context: ProjectContext, target: ProjectTarget, options: StartOptions): Promise<void> {
  const { services = [], wait, waitTimeoutMs } = options
  const selected = await select(context, target, services)
  const readiness = createReadiness(context, target.name)
  const preStart = createPreStart(context)
  try {
    await forEachContainer(
      context,
      { ...selected, containers: selected.containers.filter((container) => !staysUp(container)) },
      {
        words: ['Starting', 'Started'],
        direction: 'dependencies-first',
        prepare: (service) => awaitDependencies({ context, readiness, selected }, service),
        async run({ id, name, service }) {
          await preStart.run(target.project, { id, name, service })
          await context.client.containers.start(id)
          await runPostStart(context, target.project, { id, service })
        },
      },
    )
    if (wait !== true) return
    const timeout = waitTimeoutMs === undefined || waitTimeoutMs === 0 ? {} : { timeoutMs: waitTimeoutMs }
    await Promise.all(
      selected.containers.map((container) =>
        awaitContainer(context, readiness, { container, condition: 'ready', ...timeout }),
      ),
    )
  } finally {
    readiness.close()
  }
}

async function select(context: ProjectContext, target: ProjectTarget, services: readonly string[]): Promise<Selected> {
  const all = await selectContainers(context, target)
  const wanted = services.length === 0 ? undefined : closure(all.graph, services)
  for (const service of services) {
    if (all.containers.some((container) => container.service === service)) continue
    // tells an unknown service from one without containers
    await selectContainers(context, target, [service])
    throw new NotFoundError(`service "${service}" has no container to start`, {
      code: 'NO_CONTAINER',
      hint: `create it with: mycompose up -d ${service}`,
    })
  }
  if (wanted === undefined) return all
  return { ...all, containers: all.containers.filter(({ service }) => wanted.has(service)) }
}
