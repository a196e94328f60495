/**
 * A dependency graph as plain data: node -> what it depends on. Pure; services and plan operations are both walked
 * with it. Edges to nodes that are not in the graph are dropped when it is built, so all else may trust the keys.
 */

export type Graph<K extends string | number> = ReadonlyMap<K, readonly K[]>

/** Nodes in the given order; dependencies without repeats and without unknown nodes. */
export function createGraph<K extends string | number>(nodes: Iterable<readonly [K, Iterable<K>]>): Graph<K> {
  const raw = [...nodes]
  const known = new Set(raw.map(([node]) => node))
  return new Map(raw.map(([node, dependencies]) => [node, [...new Set(dependencies)].filter((one) => known.has(one))]))
}

/** The same nodes with every edge turned round. */
export function reverseGraph<K extends string | number>(graph: Graph<K>): Graph<K> {
  const reversed = new Map<K, K[]>([...graph.keys()].map((node) => [node, []]))
  for (const [node, dependencies] of graph) {
    for (const dependency of dependencies) reversed.get(dependency)?.push(node)
  }
  return reversed
}

/** `starts` and everything they depend on, directly or not, in order of discovery. */
export function closure<K extends string | number>(graph: Graph<K>, starts: Iterable<K>): ReadonlySet<K> {
  const seen = new Set<K>()
  const queue = [...starts]
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    if (seen.has(node) || !graph.has(node)) continue
    seen.add(node)
    queue.push(...(graph.get(node) ?? []))
  }
  return seen
}
