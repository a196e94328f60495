/** Topological order (Kahn), the same for the same input: among nodes that are ready, the order of the graph. Pure. */
import { reverseGraph } from './graph.ts'
import type { Graph } from './graph.ts'

/** Dependencies before dependents. Nodes on a cycle, and what depends on them, are left out: check findCycle first. */
export function topologicalOrder<K extends string | number>(graph: Graph<K>): readonly K[] {
  const dependents = reverseGraph(graph)
  const open = new Map([...graph].map(([node, dependencies]) => [node, dependencies.length]))
  const ready = [...graph.keys()].filter((node) => open.get(node) === 0)
  const order: K[] = []
  for (let index = 0; index < ready.length; index += 1) {
    const node = ready[index]
    if (node === undefined) break
    order.push(node)
    for (const dependent of dependents.get(node) ?? []) {
      const left = (open.get(dependent) ?? 0) - 1
      open.set(dependent, left)
      if (left === 0) ready.push(dependent)
    }
  }
  return order
}
