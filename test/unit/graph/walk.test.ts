import assert from 'node:assert/strict'
import { setImmediate as tick } from 'node:timers/promises'
import { test } from 'node:test'
import { CanceledError } from '../../../src/errors.ts'
import { createGraph } from '../../../src/graph/graph.ts'
import { walk } from '../../../src/graph/walk.ts'

const stack = createGraph<string>([
  ['web', ['db', 'cache']],
  ['db', ['migrate']],
  ['cache', []],
  ['migrate', []],
])

test('visits dependencies first', async () => {
  const order: string[] = []
  await walk(stack, async (node) => void order.push(node))
  assert.deepEqual(order, ['cache', 'migrate', 'db', 'web'])
})

test('visits dependents first when stopping', async () => {
  const order: string[] = []
  await walk(stack, async (node) => void order.push(node), { direction: 'dependents-first' })
  assert.deepEqual(order, ['web', 'db', 'cache', 'migrate'])
})

test('independent nodes run at the same time, up to the limit', async () => {
  const flat = createGraph(Array.from({ length: 10 }, (_, node): [number, number[]] => [node, []]))
  for (const [limit, want] of [
    [Infinity, 10],
    [3, 3],
    [1, 1],
  ] as const) {
    let now = 0
    let most = 0
    await walk(
      flat,
      async () => {
        now += 1
        most = Math.max(most, now)
        await tick()
        now -= 1
      },
      { limit },
    )
    assert.equal(most, want)
  }
})

test('idle nodes take no slot', async () => {
  const graph = createGraph([
    ['waits', []],
    ['works', []],
  ])
  const work = Promise.withResolvers<undefined>()
  await walk(
    graph,
    async (node) => {
      if (node === 'waits') await work.promise
      else work.resolve(undefined)
    },
    { limit: 1, isIdle: (node) => node === 'waits' },
  )
})

test('a failure stops dependents; the others finish; all failures are told', async () => {
  const visited: string[] = []
  const graph = createGraph([
    ['a', []],
    ['b', ['a']],
    ['c', ['b']],
    ['d', []],
    ['e', ['d']],
    ['f', []],
  ])
  const outcome = await walk(graph, async (node) => {
    visited.push(node)
    if (node === 'a' || node === 'f') throw new Error(node)
    await tick()
  })
  assert.deepEqual(visited.toSorted(), ['a', 'd', 'e', 'f'])
  assert.deepEqual(
    outcome.failures.map(({ node }) => node),
    ['a', 'f'],
  )
  assert.deepEqual(outcome.skipped, ['b', 'c'])
})

test('a signal stops new visits, waits for running ones, and rejects with CanceledError', async () => {
  const abort = new AbortController()
  const ended: string[] = []
  const walked = walk(
    stack,
    async (node) => {
      abort.abort()
      await tick()
      ended.push(node)
    },
    { signal: abort.signal },
  )
  await assert.rejects(walked, CanceledError)
  assert.deepEqual(ended, ['cache'])
})

test('an empty graph ends at once', async () => {
  assert.deepEqual(await walk(createGraph<string>([]), async () => {}), { failures: [], skipped: [] })
})
