/** Which containers a command is about: the project's, by service and number, from labels or from a model. */
import { NotFoundError } from '../errors.ts'
import { createGraph } from '../graph/graph.ts'
import type { Graph } from '../graph/graph.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { LABEL, parseDependsOn } from './labels.ts'
import type { LabelledDependency } from './labels.ts'
import { observeContainers } from './observe.ts'
import type { ObservedContainer } from './observe.ts'

export interface Selected {
  /** Of the services, without one-offs. */
  readonly containers: readonly ObservedContainer[]
  /** Service -> what it depends on, of the model or of the labels. */
  readonly graph: Graph<string>
  readonly dependencies: ReadonlyMap<string, readonly LabelledDependency[]>
}

/** Throws NotFoundError NO_SUCH_SERVICE. */
export async function selectContainers(
  context: ProjectContext,
  target: ProjectTarget,
  services: readonly string[] = [],
): Promise<Selected> {
  const all = (await observeContainers(context.client, target.name)).filter(({ oneOff }) => !oneOff)
  checkServices(target, all, services)
  const containers = all.filter(({ service }) =>
    services.length > 0 ? services.includes(service) : isOfModel(target, service),
  )
  return { containers, graph: serviceGraph(target, all), dependencies: serviceDependencies(target, all) }
}

/** A service exists when the model or a container names it. */
export function checkServices(
  { project }: ProjectTarget,
  containers: readonly ObservedContainer[],
  services: readonly string[],
): void {
  const known = new Set([
    ...containers.map(({ service }) => service),
    ...Object.keys(project?.services ?? {}),
    ...Object.keys(project?.disabledServices ?? {}),
  ])
  const unknown = services.find((service) => !known.has(service))
  if (unknown !== undefined) {
    throw new NotFoundError(`no such service: ${unknown}`, {
      code: 'NO_SUCH_SERVICE',
      ...(known.size > 0 ? { hint: `the services are: ${[...known].toSorted().join(', ')}` } : {}),
    })
  }
}

/** Dependencies of the model where it knows a service, else those of its containers' labels; sorted by service. */
export function serviceDependencies(
  { project }: ProjectTarget,
  containers: readonly ObservedContainer[],
): ReadonlyMap<string, readonly LabelledDependency[]> {
  const found = new Map<string, readonly LabelledDependency[]>()
  for (const { service, labels } of containers) found.set(service, parseDependsOn(labels[LABEL.dependsOn]))
  for (const { name, dependsOn } of Object.values(project?.services ?? {})) {
    found.set(
      name,
      Object.entries(dependsOn).map(([dependency, { condition, restart }]) => ({
        name: dependency,
        condition,
        restart,
      })),
    )
  }
  return new Map([...found].toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

export function serviceGraph(target: ProjectTarget, containers: readonly ObservedContainer[]): Graph<string> {
  const dependencies = serviceDependencies(target, containers)
  return createGraph([...dependencies].map(([service, list]) => [service, list.map(({ name }) => name)] as const))
}

/** Orphans are left alone when there is a model. */
function isOfModel({ project }: ProjectTarget, service: string): boolean {
  if (project === undefined) return true
  return project.services[service] !== undefined || project.disabledServices[service] !== undefined
}
