import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findCycle, formatCycle } from '../../../src/graph/cycle.ts'
import { closure, createGraph, reverseGraph } from '../../../src/graph/graph.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { topologicalOrder } from '../../../src/graph/order.ts'

const stack = createGraph<string>([
  ['web', ['db', 'cache', 'db', 'absent']],
  ['db', ['migrate']],
  ['cache', []],
  ['migrate', []],
])

/** Edges only from later to earlier nodes: free of cycles by construction. */
const acyclic: fc.Arbitrary<Graph<number>> = fc
  .array(fc.array(fc.nat(30), { maxLength: 5 }), { maxLength: 30 })
  .map((rows) =>
    createGraph(rows.map((row, node): [number, number[]] => [node, node === 0 ? [] : row.map((one) => one % node)])),
  )

test('repeats and unknown nodes are dropped', () => {
  assert.deepEqual(
    [...stack],
    [
      ['web', ['db', 'cache']],
      ['db', ['migrate']],
      ['cache', []],
      ['migrate', []],
    ],
  )
})

test('reversing turns every edge', () => {
  assert.deepEqual(
    [...reverseGraph(stack)],
    [
      ['web', []],
      ['db', ['web']],
      ['cache', ['web']],
      ['migrate', ['db']],
    ],
  )
})

test('closure follows dependencies, not dependents', () => {
  assert.deepEqual([...closure(stack, ['db'])].toSorted(), ['db', 'migrate'])
  assert.deepEqual([...closure(stack, ['absent'])], [])
})

test('order puts dependencies first and is stable', () => {
  assert.deepEqual(topologicalOrder(stack), ['cache', 'migrate', 'db', 'web'])
})

for (const { name, edges, want } of [
  {
    name: 'none',
    edges: [
      ['a', ['b']],
      ['b', []],
    ],
    want: undefined,
  },
  { name: 'itself', edges: [['a', ['a']]], want: 'a -> a' },
  {
    name: 'two',
    edges: [
      ['a', ['b']],
      ['b', ['a']],
    ],
    want: 'a -> b -> a',
  },
  {
    name: 'behind a tail',
    edges: [
      ['x', ['a']],
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
    ],
    want: 'a -> b -> c -> a',
  },
  {
    name: 'diamond is none',
    edges: [
      ['a', ['b', 'c']],
      ['b', ['d']],
      ['c', ['d']],
      ['d', []],
    ],
    want: undefined,
  },
] satisfies { name: string; edges: [string, string[]][]; want: string | undefined }[]) {
  test(`cycle: ${name}`, () => {
    const cycle = findCycle(createGraph(edges))
    assert.equal(cycle === undefined ? undefined : formatCycle(cycle), want)
  })
}

test('a chain of 100,000 does not overflow the stack', () => {
  const chain = createGraph(Array.from({ length: 100_000 }, (_, node): [number, number[]] => [node, [node + 1]]))
  assert.equal(findCycle(chain), undefined)
  assert.equal(topologicalOrder(chain)[0], 99_999)
})

test('property: every acyclic graph has a whole order that respects its edges, and no cycle', () => {
  fc.assert(
    fc.property(acyclic, (graph) => {
      const order = topologicalOrder(graph)
      const place = new Map(order.map((node, index) => [node, index]))
      assert.equal(order.length, graph.size)
      assert.equal(findCycle(graph), undefined)
      for (const [node, dependencies] of graph) {
        for (const one of dependencies) assert.ok((place.get(one) ?? 0) < (place.get(node) ?? 0))
      }
    }),
  )
})
