/**
 * The parallel walk: the one place where the order of concurrent work is decided. A node is visited once all its
 * dependencies have been; a node that fails keeps its dependents from being visited, and everything else goes on.
 */
import { CanceledError } from '../errors.ts'
import { reverseGraph } from './graph.ts'
import type { Graph } from './graph.ts'

export interface WalkOptions<K> {
  /** Visits at the same time; Infinity: no limit. */
  readonly limit?: number
  /** Fires: nothing new is begun, and the walk rejects with CanceledError once the running visits have ended. */
  readonly signal?: AbortSignal
  /** 'dependents-first' for stopping and removing. */
  readonly direction?: 'dependencies-first' | 'dependents-first'
  /** Nodes that only wait for something: they take no part in the limit. */
  readonly isIdle?: (node: K) => boolean
}

export interface WalkFailure<K> {
  readonly node: K
  readonly error: unknown
}

export interface WalkOutcome<K> {
  /** In the order in which they failed. */
  readonly failures: readonly WalkFailure<K>[]
  /** Never visited, because something that they depend on failed. */
  readonly skipped: readonly K[]
}

/** Does not reject because of a failed visit: the outcome tells. The graph must be free of cycles. */
export async function walk<K extends string | number>(
  graph: Graph<K>,
  visit: (node: K) => Promise<void>,
  options: WalkOptions<K> = {},
): Promise<WalkOutcome<K>> {
  const { limit = Infinity, signal, direction = 'dependencies-first', isIdle = () => false } = options
  const before = direction === 'dependencies-first' ? graph : reverseGraph(graph)
  const after = reverseGraph(before)
  const open = new Map([...before].map(([node, dependencies]) => [node, dependencies.length]))
  const ready = [...before.keys()].filter((node) => open.get(node) === 0)
  const failures: WalkFailure<K>[] = []
  const visited = new Set<K>()
  let running = 0
  let busy = 0
  const isAborted = (): boolean => signal?.aborted === true

  await new Promise<void>((resolve) => {
    function begin(node: K): void {
      const idle = isIdle(node)
      visited.add(node)
      running += 1
      if (!idle) busy += 1
      void settle(node, visit).then((failure) => {
        running -= 1
        if (!idle) busy -= 1
        if (failure === undefined) release(node)
        else failures.push(failure)
        pump()
      })
    }
    function release(node: K): void {
      for (const dependent of after.get(node) ?? []) {
        const left = (open.get(dependent) ?? 0) - 1
        open.set(dependent, left)
        if (left === 0) ready.push(dependent)
      }
    }
    function pump(): void {
      for (let index = 0; index < ready.length;) {
        const node = ready[index]
        // asked anew each time: a visit may have fired it
        if (node === undefined || isAborted()) break
        if (busy >= limit && !isIdle(node)) {
          index += 1
          continue
        }
        ready.splice(index, 1)
        begin(node)
      }
      if (running === 0) resolve()
    }
    pump()
  })

  if (isAborted()) throw new CanceledError('canceled', { cause: signal?.reason })
  return { failures, skipped: [...before.keys()].filter((node) => !visited.has(node)) }
}

async function settle<K>(node: K, visit: (node: K) => Promise<void>): Promise<WalkFailure<K> | undefined> {
  try {
    await visit(node)
    return undefined
  } catch (error) {
    return { node, error }
  }
}
