/** `restart`: stops and starts the same containers, and dependents that asked for it (depends_on.restart). */
import { awaitDependencies } from './conditions.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { forEachContainer } from './lifecycle.ts'
import { runPostStart, runPreStop } from './hooks.ts'
import { createReadiness } from './readiness.ts'
import { selectContainers } from './select.ts'
import type { Selected } from './select.ts'

export interface RestartOptions {
  readonly services?: readonly string[]
  /** Leave dependents alone. */
  readonly noDeps?: boolean
  readonly timeoutSeconds?: number
}

export async function restart(context: ProjectContext, target: ProjectTarget, options: RestartOptions): Promise<void> {
  const { services = [], noDeps, timeoutSeconds } = options
  const named = await selectContainers(context, target, services)
  const selected =
    services.length === 0 || noDeps === true ? named : await withDependents(context, target, { named, services })
  const readiness = createReadiness(context, target.name)
  try {
    await forEachContainer(context, selected, {
      words: ['Restarting', 'Started'],
      direction: 'dependencies-first',
      prepare: (service) => awaitDependencies({ context, readiness, selected }, service),
      async run({ id, service, state }) {
        if (state === 'running') await runPreStop(context, target.project, { id, service })
        await context.client.containers.restart(id, timeoutSeconds === undefined ? {} : { timeoutSeconds })
        await runPostStart(context, target.project, { id, service })
      },
    })
  } finally {
    readiness.close()
  }
}

/** Whoever depends on a named service with `restart: true`, and so on. */
async function withDependents(
  context: ProjectContext,
  target: ProjectTarget,
  { named, services }: { readonly named: Selected; readonly services: readonly string[] },
): Promise<Selected> {
  const affected = new Set(services)
  for (let size = 0; size !== affected.size;) {
    size = affected.size
    for (const [service, dependencies] of named.dependencies) {
      if (dependencies.some(({ name, restart }) => restart && affected.has(name))) affected.add(service)
    }
  }
  if (affected.size === services.length) return named
  const all = await selectContainers(context, target)
  return { ...all, containers: all.containers.filter(({ service }) => affected.has(service)) }
}
