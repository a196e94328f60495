/**
 * What reconcile compares: the model and the wishes of the command line on one side, the snapshot on the other; and
 * the notes that its steps pass on to each other. Pure.
 */
import type { Project, Service } from '../../compose/model.ts'
import { MycomposeError, NotFoundError, UnsupportedError } from '../../errors.ts'
import { findCycle, formatCycle } from '../../graph/cycle.ts'
import { closure, createGraph } from '../../graph/graph.ts'
import type { Graph } from '../../graph/graph.ts'
import { topologicalOrder } from '../../graph/order.ts'
import type { Observed, ObservedContainer } from '../observe.ts'
import type { ContainerRef, PlanBuilder } from '../plan.ts'
import type { UpOptions } from '../up.ts'

export interface UpInput {
  readonly project: Project
  readonly observed: Observed
  readonly options: UpOptions
  readonly version: string
  /** Image references whose image has a health check of its own. */
  readonly imagesWithHealthcheck: ReadonlySet<string>
  /** Image reference -> why it could not be pulled. */
  readonly pullFailures?: ReadonlyMap<string, MycomposeError>
}

/** What the model wants of one service. */
export interface Wanted {
  readonly service: Service
  readonly replicas: number
  /** Named on the command line, or nothing was. */
  readonly targeted: boolean
}

/** One container as it is to be: kept, replaced, or new. */
export interface DesiredContainer {
  readonly wanted: Wanted
  readonly number: number
  /** The final name. */
  readonly name: string
  readonly existing?: ObservedContainer
  /** Why it has to be made (anew); undefined: kept. */
  readonly createCause?: string
}

export interface Selection {
  /** Dependencies first. */
  readonly wanted: readonly Wanted[]
  readonly graph: Graph<string>
}

/** The services that the command is about, in the order of starting. */
export function selectServices(project: Project, options: UpOptions): Selection {
  const named = options.services ?? []
  for (const name of named) requireService(project, name)
  for (const name of Object.keys(options.scale ?? {}))
    if (project.disabledServices[name] === undefined) requireService(project, name)
  const graph = createGraph(
    Object.values(project.services).map((service): [string, string[]] => [
      service.name,
      Object.keys(service.dependsOn),
    ]),
  )
  const cycle = findCycle(graph)
  if (cycle !== undefined) {
    throw new MycomposeError(`dependency cycle detected: ${formatCycle(cycle)}`, { code: 'DEPENDENCY_CYCLE' })
  }
  const targets = new Set(named.length > 0 ? named : graph.keys())
  const selected = options.noDeps === true ? targets : closure(graph, targets)
  const wanted = topologicalOrder(graph)
    .filter((name) => selected.has(name))
    .map((name) => toWanted(requireService(project, name), options, targets.has(name)))
  return { wanted, graph }
}

function toWanted(service: Service, options: UpOptions, targeted: boolean): Wanted {
  if (service.provider !== undefined) {
    throw new UnsupportedError(`service "${service.name}" has a provider: providers are not supported yet`)
  }
  const replicas = options.scale?.[service.name] ?? service.scale ?? service.deploy?.replicas ?? 1
  if (service.containerName !== undefined && replicas > 1) {
    throw new MycomposeError(
      `service "${service.name}" cannot have ${replicas} containers: container_name "${service.containerName}" is one name`,
      { code: 'CONTAINER_NAME_SCALE', hint: 'take container_name away, or scale to 1' },
    )
  }
  return { service, replicas, targeted }
}

export function requireService(project: Project, name: string): Service {
  const service = project.services[name]
  if (service !== undefined) return service
  throw new NotFoundError(`no such service: ${name}`, {
    code: 'NO_SUCH_SERVICE',
    hint: `the services are: ${Object.keys(project.services).join(', ')}`,
  })
}

/** What the steps of planUp share. */
export interface UpState {
  readonly input: UpInput
  readonly selection: Selection
  readonly builder: PlanBuilder
  /** By service, in the order of numbers. */
  readonly desired: ReadonlyMap<string, readonly DesiredContainer[]>
  /** Containers above the number of replicas. */
  readonly surplus: readonly ObservedContainer[]
  /** Network or volume name -> operation that makes it. */
  readonly networkReady: Map<string, number>
  readonly volumeReady: Map<string, number>
  /** Names of networks and volumes that are made anew. */
  readonly replacedNetworks: ReadonlySet<string>
  readonly replacedVolumes: ReadonlySet<string>
  /** Container id -> its stop operation. */
  readonly stopped: Map<string, number>
  /** Container id -> its remove operation. */
  readonly removed: Map<string, number>
  /** Final name -> create, rename and connect operations that come before its start. */
  readonly prepared: Map<string, number[]>
  /** Final name -> create operation. */
  readonly created: Map<string, number>
  /** Final name -> start operation. */
  readonly started: Map<string, number>
}

export function refOf(container: ObservedContainer): ContainerRef {
  return { name: container.name, service: container.service, id: container.id }
}

/** By name only when the plan makes it, else with the id that it has. */
export function refOfDesired(container: DesiredContainer): ContainerRef {
  const { name, wanted, existing, createCause } = container
  const base = { name, service: wanted.service.name }
  return existing === undefined || createCause !== undefined ? base : { ...base, id: existing.id }
}
