/** `kill`: a signal to running containers, all at once. */
import { ConflictError } from '../errors.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { forEachContainer } from './lifecycle.ts'
import { observeContainers, isRunning } from './observe.ts'
import { findOrphans } from './reconcile/orphans.ts'
import { selectContainers } from './select.ts'

export interface KillOptions {
  readonly services?: readonly string[]
  /** "SIGKILL" when absent. */
  readonly signal?: string
  /** Remove containers of services that the model does not have. */
  readonly removeOrphans?: boolean
}

export async function kill(context: ProjectContext, target: ProjectTarget, options: KillOptions): Promise<void> {
  if (options.removeOrphans === true) await removeOrphans(context, target)
  const selected = await selectContainers(context, target, options.services)
  const containers = selected.containers.filter(isRunning)
  if (containers.length === 0) context.sink.notice({ level: 'info', text: 'No container to kill' })
  await forEachContainer(
    context,
    { ...selected, containers },
    {
      words: ['Killing', 'Killed'],
      direction: 'dependents-first',
      run: ({ id }) => killOne(context, id, options.signal ?? 'SIGKILL'),
    },
  )
}

/** One that has ended meanwhile (a second Ctrl-C comes while the first still stops) is what was wanted. */
async function killOne({ client }: ProjectContext, id: string, signal: string): Promise<void> {
  try {
    await client.containers.kill(id, signal)
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error
  }
}

async function removeOrphans(context: ProjectContext, { name, project }: ProjectTarget): Promise<void> {
  if (project === undefined) return
  const containers = await observeContainers(context.client, name)
  const orphans = findOrphans(project, { containers })
  await forEachContainer(
    context,
    { containers: orphans, graph: new Map(), dependencies: new Map() },
    {
      words: ['Removing', 'Removed'],
      direction: 'dependents-first',
      run: ({ id }) => context.client.containers.remove(id, { force: true }),
    },
  )
}
