/** Stop operations in reverse dependency order: a container stops after those that depend on it. Pure. */
import { reverseGraph } from '../../graph/graph.ts'
import type { Graph } from '../../graph/graph.ts'
import { topologicalOrder } from '../../graph/order.ts'
import { containerResource } from '../names.ts'
import { isRunning } from '../observe.ts'
import type { ObservedContainer } from '../observe.ts'
import type { PlanBuilder } from '../plan.ts'
import { refOf } from './input.ts'

export interface StopWish {
  readonly container: ObservedContainer
  readonly cause: string
  readonly after?: readonly number[]
  readonly replaced?: true
}

export interface StopContext {
  readonly builder: PlanBuilder
  /** service -> what it depends on. */
  readonly graph: Graph<string>
  /** Container id -> stop operation; grows. */
  readonly stopped: Map<string, number>
  readonly timeoutSeconds: number | undefined
}

/** Running ones only, none twice. */
export function planStops(context: StopContext, wishes: readonly StopWish[]): void {
  const { builder, stopped, timeoutSeconds } = context
  const dependents = reverseGraph(context.graph)
  const order = new Map(topologicalOrder(dependents).map((service, index) => [service, index]))
  const place = (wish: StopWish): number => order.get(wish.container.service) ?? -1
  const stopsOf = new Map<string, number[]>()
  for (const wish of wishes.toSorted((left, right) => place(left) - place(right))) {
    const { container, cause, after = [], replaced } = wish
    if (!isRunning(container) || stopped.has(container.id)) continue
    const id = builder.add(
      {
        kind: 'stopContainer',
        container: refOf(container),
        ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
        ...(replaced === undefined ? {} : { replaced }),
      },
      {
        resource: containerResource(container.name),
        cause,
        after: [...after, ...nearestStops(dependents, stopsOf, container.service)],
      },
    )
    stopped.set(container.id, id)
    stopsOf.set(container.service, [...(stopsOf.get(container.service) ?? []), id])
  }
}

/** Stops of the dependents; where a dependent is not stopped, those of its own dependents. */
function nearestStops(
  dependents: Graph<string>,
  stopsOf: ReadonlyMap<string, readonly number[]>,
  service: string,
): readonly number[] {
  const found: number[] = []
  const seen = new Set<string>()
  const queue = [...(dependents.get(service) ?? [])]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (seen.has(next)) continue
    seen.add(next)
    const stops = stopsOf.get(next)
    if (stops === undefined) queue.push(...(dependents.get(next) ?? []))
    else found.push(...stops)
  }
  return found
}
