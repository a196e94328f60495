/** What the commands about existing containers share: which containers a list of services means, and acting on each. */
import type { EngineClient } from '../../api/client/client.ts'
import type { ContainerStatus } from '../../api/types/index.ts'
import type { ProjectContext, ProjectTarget } from '../../project/context.ts'
import { ps, type PsContainer } from '../../project/ps.ts'
import { NotFoundError } from '../../errors.ts'

export interface Words {
  readonly working: string
  readonly done: string
}

/** Does `act` to all of them at once, with progress. Throws the first failure after all have been tried. */
export async function actOnEach(
  context: ProjectContext,
  containers: readonly PsContainer[],
  words: Words,
  act: (client: EngineClient, id: string) => Promise<void>,
): Promise<void> {
  const { client, sink } = context
  const outcomes = await Promise.allSettled(
    containers.map(async (container) => {
      const id = `Container ${container.name}`
      sink.progress({ id, status: 'working', text: words.working })
      try {
        await act(client, container.id)
      } catch (error) {
        sink.progress({ id, status: 'error', text: 'Error', details: error instanceof Error ? error.message : '' })
        throw error
      }
      sink.progress({ id, status: 'done', text: words.done })
    }),
  )
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** The containers of the services (all of them when none is named) that are in one of the states. */
export async function containersIn(
  context: ProjectContext,
  target: ProjectTarget,
  services: readonly string[],
  states: readonly ContainerStatus[],
): Promise<readonly PsContainer[]> {
  const found = await ps(context, target, { services, all: true })
  return found.filter(({ state }) => states.includes(state))
}

/** The replica `index` (the lowest when absent) of a running service. @throws NotFoundError */
export async function replicaOf(
  context: ProjectContext,
  target: ProjectTarget,
  service: string,
  index: number | undefined,
): Promise<PsContainer> {
  const running = await ps(context, target, { services: [service] })
  const numbered = running.toSorted((a, b) => numberOf(a) - numberOf(b))
  const found = index === undefined ? numbered[0] : numbered.find((container) => numberOf(container) === index)
  if (found !== undefined) return found
  const which = index === undefined ? '' : ` container #${index}`
  throw new NotFoundError(`service "${service}"${which} is not running`, {
    code: 'SERVICE_NOT_RUNNING',
    hint: `start it with \`mycompose up -d ${service}\``,
  })
}

function numberOf({ labels }: PsContainer): number {
  return Number(labels['com.docker.compose.container-number'] ?? Infinity)
}
