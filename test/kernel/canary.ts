/**
 * A test engine, and a canary: a folder of the host with a secret, which no container may read or change. Both are made
 * before the tests of a file and looked at after them.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { openTestEngine, type TestEngine } from './containers-support.ts'

export const SECRET = 'known only on the host'

export interface EngineWithCanary {
  readonly engine: () => TestEngine
  /** Path of the folder; its only file is "secret". */
  readonly canary: () => string
}

export function useCanary(): EngineWithCanary {
  let opened: TestEngine | undefined
  let keepAlive: NodeJS.Timeout | undefined // the engine's own watchers do not hold the process
  const engine = (): TestEngine => {
    if (opened === undefined) throw new Error('only within a test')
    return opened
  }
  const canary = (): string => join(engine().base.config.paths.root, 'canary')

  before(async () => {
    keepAlive = setInterval(() => {}, 1000)
    opened = await openTestEngine()
    mkdirSync(canary())
    writeFileSync(join(canary(), 'secret'), SECRET)
  })
  after(async () => {
    clearInterval(keepAlive)
    try {
      assert.deepEqual(readdirSync(canary()), ['secret'], 'nothing was put there')
      assert.equal(readFileSync(join(canary(), 'secret'), 'utf8'), SECRET)
    } finally {
      await engine()[Symbol.asyncDispose]()
    }
  })
  return { engine, canary }
}
