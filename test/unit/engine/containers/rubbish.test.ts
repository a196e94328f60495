/** When the folders of removed containers are deleted: after the last removal, or when there are many. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { EngineBase } from '../../../../src/engine/context.ts'
import { createRubbish, type Rubbish } from '../../../../src/engine/containers/rubbish.ts'

function start(t: TestContext): { readonly rubbish: Rubbish; readonly removed: string[] } {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const removed: string[] = []
  const rm = async (folder: string): Promise<void> => {
    if (folder === '/busy') throw new Error('busy')
    removed.push(folder)
  }
  const base = { host: { files: { rm } }, log: () => {} } as unknown as Pick<EngineBase, 'host' | 'log'>
  return { rubbish: createRubbish(base), removed }
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 300; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

test('nothing is deleted while removals go on, and all after the last one', async (t) => {
  const { rubbish, removed } = start(t)
  for (const folder of ['/a', '/busy', '/c']) {
    rubbish.add(folder)
    t.mock.timers.tick(400)
    await settle()
    assert.deepEqual(removed, [])
  }
  t.mock.timers.tick(100)
  await settle()
  assert.deepEqual(removed, ['/a', '/c'])
})

test('many are not kept waiting, and an engine that ends leaves none', async (t) => {
  const { rubbish, removed } = start(t)
  for (let number = 0; number < 100; number += 1) rubbish.add(`/${number}`)
  await settle()
  assert.equal(removed.length, 100)
  rubbish.add('/last')
  await rubbish.empty()
  assert.equal(removed.length, 101)
})

test('what comes while others are deleted has its turn', async (t) => {
  const { rubbish, removed } = start(t)
  rubbish.add('/a')
  const emptying = rubbish.empty()
  rubbish.add('/b')
  t.mock.timers.tick(500)
  await emptying
  await settle()
  assert.deepEqual(removed, ['/a', '/b'])
})
