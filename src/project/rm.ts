/** `rm`: removes stopped containers. Asking the user is the CLI's matter: findRemovable, ask, then rm. */
import type { ProjectContext, ProjectTarget } from './context.ts'
import { forEachContainer } from './lifecycle.ts'
import { isRunning } from './observe.ts'
import { selectContainers } from './select.ts'
import type { Selected } from './select.ts'
import { stop } from './stop.ts'

export interface RmOptions {
  readonly services?: readonly string[]
  /** Stop running ones first. */
  readonly stop?: boolean
  /** Anonymous volumes too. */
  readonly volumes?: boolean
  readonly timeoutSeconds?: number
}

/** Names of what `rm` would remove, sorted; empty: "No stopped containers". */
export async function findRemovable(
  context: ProjectContext,
  target: ProjectTarget,
  options: RmOptions,
): Promise<readonly string[]> {
  const { containers } = await select(context, target, options)
  return containers.map(({ name }) => name).toSorted()
}

/** Returns the names of what was removed. */
export async function rm(
  context: ProjectContext,
  target: ProjectTarget,
  options: RmOptions,
): Promise<readonly string[]> {
  if (options.stop === true) await stop(context, target, options)
  const selected = await select(context, target, { ...options, stop: false })
  await forEachContainer(context, selected, {
    words: ['Removing', 'Removed'],
    direction: 'dependents-first',
    run: ({ id }) => context.client.containers.remove(id, { volumes: options.volumes === true }),
  })
  return selected.containers.map(({ name }) => name).toSorted()
}

async function select(context: ProjectContext, target: ProjectTarget, options: RmOptions): Promise<Selected> {
  const selected = await selectContainers(context, target, options.services)
  const containers = selected.containers.filter((container) => options.stop === true || !isRunning(container))
  return { ...selected, containers }
}
