/** Finds a cycle and says which way it runs: depth-first search with the three colours of CLRS 22.3. Pure. */
import type { Graph } from './graph.ts'

/** The nodes of one cycle, the first repeated at the end (`["a", "b", "a"]`), or undefined. */
export function findCycle<K extends string | number>(graph: Graph<K>): readonly K[] | undefined {
  const finished = new Set<K>()
  for (const start of graph.keys()) {
    const cycle = searchFrom(graph, start, finished)
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/** @example formatCycle(["a", "b", "a"]) === "a -> b -> a" */
export function formatCycle(cycle: readonly (string | number)[]): string {
  return cycle.join(' -> ')
}

/** An explicit stack: a chain of 100,000 services must not overflow the call stack. */
function searchFrom<K extends string | number>(graph: Graph<K>, start: K, finished: Set<K>): readonly K[] | undefined {
  if (finished.has(start)) return undefined
  const path: K[] = [start]
  const onPath = new Set<K>(path)
  const pending = [[...(graph.get(start) ?? [])]]
  while (path.length > 0) {
    const next = pending.at(-1)?.shift()
    if (next === undefined) {
      pending.pop()
      const left = path.pop()
      if (left === undefined) break
      onPath.delete(left)
      finished.add(left)
    } else if (onPath.has(next)) {
      return [...path.slice(path.indexOf(next)), next]
    } else if (!finished.has(next)) {
      path.push(next)
      onPath.add(next)
      pending.push([...(graph.get(next) ?? [])])
    }
  }
  return undefined
}
