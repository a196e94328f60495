/** The conditions of depends_on for containers that exist already (start, restart): waited for before a service. */
import type { ProjectContext } from './context.ts'
import { containerResource } from './names.ts'
import type { ObservedContainer } from './observe.ts'
import type { WaitCondition } from './plan.ts'
import type { Readiness } from './readiness.ts'
import type { Selected } from './select.ts'

export interface ConditionInput {
  readonly context: ProjectContext
  readonly readiness: Readiness
  /** Only dependencies whose containers are in here are waited for. */
  readonly selected: Selected
}

/** For each service whose dependents say more than "started". */
export async function awaitDependencies(
  { context, readiness, selected }: ConditionInput,
  service: string,
): Promise<void> {
  const wishes = (selected.dependencies.get(service) ?? [])
    .filter(({ condition }) => condition !== 'service_started')
    .flatMap(({ name, condition }) =>
      selected.containers
        .filter((container) => container.service === name)
        .map((container) => ({ container, condition })),
    )
  await Promise.all(
    wishes.map(({ container, condition }) => awaitContainer(context, readiness, { container, condition })),
  )
}

export async function awaitContainer(
  context: ProjectContext,
  readiness: Readiness,
  wish: { readonly container: ObservedContainer; readonly condition: WaitCondition; readonly timeoutMs?: number },
): Promise<void> {
  const { id, name, service } = wish.container
  context.sink.progress({ id: containerResource(name), status: 'working', text: 'Waiting' })
  const { condition, timeoutMs } = wish
  const text = await readiness.wait({ id, name, service, condition, timeoutMs }, context.signal)
  context.sink.progress({ id: containerResource(name), status: 'done', text })
}
