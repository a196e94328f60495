/**
 * The plan of `down`: containers stop in reverse dependency order and are removed, then networks, then volumes and images
 * where asked for. Works from labels alone; a model adds nothing but the knowledge of what is an orphan. Pure.
 */
import type { Project } from '../../compose/model.ts'
import { closure, reverseGraph } from '../../graph/graph.ts'
import type { Graph } from '../../graph/graph.ts'
import type { DownOptions } from '../down.ts'
import { LABEL } from '../labels.ts'
import { containerResource, imageResource, networkResource, volumeResource } from '../names.ts'
import type { Observed, ObservedContainer } from '../observe.ts'
import { createPlanBuilder } from '../plan.ts'
import type { Plan, PlanBuilder } from '../plan.ts'
import { refOf } from './input.ts'
import { findOrphans, orphanWarning } from './orphans.ts'
import { planStops } from './stops.ts'

export interface DownInput {
  readonly projectName: string
  readonly project: Project | undefined
  readonly graph: Graph<string>
  readonly observed: Pick<Observed, 'containers' | 'networks' | 'volumes'>
  /** What --rmi removes. */
  readonly images: readonly string[]
  readonly options: DownOptions
}

export function planDown(input: DownInput): Plan {
  const builder = createPlanBuilder()
  const doomed = selectContainers(input, builder)
  const removals = planContainers(input, builder, doomed)
  const remaining = input.observed.containers.filter((container) => !doomed.includes(container))
  planNetworkRemovals(input, builder, { removals, remaining })
  if (input.options.volumes === true) planVolumeRemovals(input, builder, { removals, remaining })
  for (const reference of input.images)
    builder.add(
      { kind: 'removeImage', reference },
      { resource: imageResource(reference), cause: `--rmi ${input.options.images}`, after: removals.values() },
    )
  const { operations, warnings } = builder.build()
  if (operations.length === 0 && warnings.length === 0) {
    builder.warn(`No resource found to remove for project "${input.projectName}".`)
  }
  return builder.build()
}

/** Without services all but orphans (which `--remove-orphans` adds); with services those and their dependents. */
function selectContainers(input: DownInput, builder: PlanBuilder): readonly ObservedContainer[] {
  const { project, graph, observed, options } = input
  const orphans = project === undefined ? [] : findOrphans(project, observed)
  const isRemovingOrphans = options.removeOrphans === true
  if (orphans.length > 0 && !isRemovingOrphans) builder.warn(orphanWarning(orphans))
  const named = options.services ?? []
  const affected = named.length === 0 ? undefined : closure(reverseGraph(graph), named)
  return observed.containers.filter((container) => {
    // one-offs, even running ones, go with --remove-orphans, or when there is no model to tell
    const isHook = container.labels[LABEL.hook] !== undefined
    if (container.oneOff && !isHook) return isRemovingOrphans || (project === undefined && affected === undefined)
    if (orphans.includes(container)) return isRemovingOrphans
    return affected === undefined || affected.has(container.service)
  })
}

function planContainers(
  { graph, options }: DownInput,
  builder: PlanBuilder,
  doomed: readonly ObservedContainer[],
): ReadonlyMap<string, number> {
  const stopped = new Map<string, number>()
  planStops(
    { builder, graph, stopped, timeoutSeconds: options.timeoutSeconds },
    doomed.map((container) => ({ container, cause: 'down' })),
  )
  return new Map(
    doomed.map((container): [string, number] => {
      const stop = stopped.get(container.id)
      const id = builder.add(
        { kind: 'removeContainer', container: refOf(container), volumes: options.volumes === true },
        { resource: containerResource(container.name), cause: 'down', after: stop === undefined ? [] : [stop] },
      )
      return [container.id, id]
    }),
  )
}

interface Rest {
  readonly removals: ReadonlyMap<string, number>
  readonly remaining: readonly ObservedContainer[]
}

/** Networks of the project; those that a remaining container is on stay. */
function planNetworkRemovals({ projectName, observed, options }: DownInput, builder: PlanBuilder, rest: Rest): void {
  const isPartial = (options.services ?? []).length > 0
  for (const network of observed.networks.values()) {
    if (network.Labels[LABEL.project] !== projectName) continue
    if (rest.remaining.some((container) => container.networks.includes(network.Name))) {
      if (!isPartial) builder.warn(`Network ${network.Name} Resource is still in use`)
      continue
    }
    const after = observed.containers
      .filter((container) => container.networks.includes(network.Name))
      .flatMap(({ id }) => rest.removals.get(id) ?? [])
    builder.add(
      { kind: 'removeNetwork', name: network.Name, networkId: network.Id, ifUnused: true },
      { resource: networkResource(network.Name), cause: 'down', after },
    )
  }
}

/**
 * Only volumes that carry this project's label, and that the model (if there is one) declares: external ones and those
 * of others never. With services named: only what their containers have mounted.
 */
function planVolumeRemovals(input: DownInput, builder: PlanBuilder, rest: Rest): void {
  const { projectName, project, observed, options } = input
  const isPartial = (options.services ?? []).length > 0
  for (const volume of observed.volumes.values()) {
    const labels = volume.Labels ?? {}
    const key = labels[LABEL.volume]
    if (labels[LABEL.project] !== projectName || key === undefined) continue
    if (project !== undefined && (project.volumes[key] === undefined || project.volumes[key].external)) continue
    const isMounted = (container: ObservedContainer): boolean =>
      container.mounts.some(({ Name }) => Name === volume.Name)
    if (rest.remaining.some(isMounted)) {
      if (!isPartial) builder.warn(`Volume ${volume.Name} Resource is still in use`)
      continue
    }
    const holders = observed.containers.filter(isMounted)
    if (isPartial && holders.length === 0) continue
    builder.add(
      { kind: 'removeVolume', name: volume.Name, ifUnused: true },
      {
        resource: volumeResource(volume.Name),
        cause: '--volumes',
        after: holders.flatMap(({ id }) => rest.removals.get(id) ?? []),
      },
    )
  }
}
