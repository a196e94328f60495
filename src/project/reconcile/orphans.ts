/** Orphans: containers of the project whose service the model does not have (docker compose, isOrphaned). Pure. */
import type { Project } from '../../compose/model.ts'
import { LABEL } from '../labels.ts'
import { containerResource } from '../names.ts'
import type { Observed, ObservedContainer } from '../observe.ts'
import { refOf } from './input.ts'
import type { UpState } from './input.ts'
import { planStops } from './stops.ts'

/** Services of inactive profiles are no orphans; one-offs are, once they have ended. */
export function findOrphans(project: Project, observed: Pick<Observed, 'containers'>): readonly ObservedContainer[] {
  return observed.containers.filter((container) =>
    container.labels[LABEL.hook] !== undefined
      ? false // of its service, which removes it itself
      : container.oneOff
        ? container.state === 'exited' || container.state === 'dead'
        : project.services[container.service] === undefined &&
          project.disabledServices[container.service] === undefined,
  )
}

export function planOrphans(state: UpState): void {
  const { input, builder, stopped } = state
  const orphans = findOrphans(input.project, input.observed)
  if (orphans.length === 0) return
  if (input.options.removeOrphans !== true) {
    if (input.options.ignoreOrphans !== true) builder.warn(orphanWarning(orphans))
    return
  }
  planStops(
    { builder, stopped, graph: state.selection.graph, timeoutSeconds: input.options.timeoutSeconds },
    orphans.map((container) => ({ container, cause: 'orphan' })),
  )
  for (const container of orphans) {
    const stop = stopped.get(container.id)
    const id = builder.add(
      { kind: 'removeContainer', container: refOf(container), volumes: false },
      { resource: containerResource(container.name), cause: 'orphan', after: stop === undefined ? [] : [stop] },
    )
    state.removed.set(container.id, id)
  }
}

export function orphanWarning(orphans: readonly ObservedContainer[]): string {
  const names = orphans.map((container) => container.name).join(' ')
  return (
    `Found orphan containers ([${names}]) for this project. If you removed or renamed this service in your compose ` +
    'file, you can run this command with the --remove-orphans flag to clean it up.'
  )
}
