/** Cache mounts of RUN: what they keep, who shares them, and how they go. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { RunMount } from '../../src/engine/build/plan.ts'
import { until } from '../support/poll.ts'
import { cache, main, withMounts, type Cache } from './build-run-mount-kinds.ts'
import { openBuildEngine, type BuildEngine, type StepWish } from './build-run-support.ts'

describe('RUN --mount=type=cache', () => {
  let build: BuildEngine
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    build = await openBuildEngine({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
  })

  describe('cache', () => {
    it('keeps what is written from step to step, apart by id and owner', async () => {
      const put = (mount: RunMount, text: string): StepWish =>
        withMounts([mount], undefined, { work: { env: [`T=${text}`] } })
      const { layer } = await build.run('echo $T > /cache/f', put(cache({ id: 'kept' }), 'one'))
      assert.equal(layer, undefined)
      const read = async (mount: RunMount): Promise<string> =>
        (await build.run('cat /cache/f 2>/dev/null || echo none', withMounts([mount]))).stdout
      assert.equal(await read(cache({ id: 'kept' })), 'one\n')
      assert.equal(await read(cache({ id: 'kept', target: '/cache' })), 'one\n')
      assert.equal(await read(cache({ id: 'other' })), 'none\n')
      assert.equal(await read(cache({ id: 'kept', uid: 1234 })), 'none\n')
    })

    it('has the mode and the owner that it is given', async () => {
      const mount = cache({ id: 'owned', uid: 1234, gid: 1235, mode: 0o700 })
      const { stdout, exitCode } = await build.run('stat -c "%u %g %a" /cache; touch /cache/mine', {
        ...withMounts([mount]),
        work: { mounts: [mount], user: 'worker' },
      })
      assert.deepEqual([stdout, exitCode], ['1234 1235 700\n', 0])
    })

    it('begins with a folder of its origin, once', async () => {
      const folder = build.folder({ 'seed/f': 'S', 'other/g': 'O' })
      const mount = cache({ id: 'seeded', from: main, source: 'seed' })
      const first = await build.run('cat /cache/f; ls /cache; echo changed > /cache/f', withMounts([mount], folder))
      assert.equal(first.stdout, 'Sf\n')
      assert.equal((await build.run('cat /cache/f', withMounts([mount], folder))).stdout, 'changed\n')
      assert.equal(fs.readFileSync(join(folder, 'seed/f'), 'utf8'), 'S')
    })

    it('is only read where that is asked for', async () => {
      const { stdout } = await build.run(
        'touch /cache/x 2>&1 || true',
        withMounts([cache({ id: 'ro', readOnly: true })]),
      )
      assert.match(stdout, /Read-only/)
    })

    it('shows a folder inside of it, and none outside', async () => {
      await build.run('echo in > /cache/out', withMounts([cache({ id: 'sub' })]))
      const sub = cache({ id: 'sub', source: '../../../inner' })
      const { stdout } = await build.run('ls -A /cache; echo deep > /cache/deep', withMounts([sub]))
      assert.equal(stdout, '')
      assert.equal((await build.run('cat /cache/inner/deep', withMounts([cache({ id: 'sub' })]))).stdout, 'deep\n')
    })

    /** Two steps at once; each says when it begins and ends. */
    async function overlap(sharing: Cache['sharing']): Promise<string[]> {
      const events: string[] = []
      const step = (name: string): Promise<unknown> =>
        build.run(`echo ${name}+; sleep 0.5; echo ${name}-`, {
          ...withMounts([cache({ id: `o-${sharing}`, sharing })]),
          onOutput: (text) => events.push(...text.trim().split('\n')),
        })
      await Promise.all([step('a'), step('b')])
      return events.map((event) => event.slice(1))
    }

    it('shared: both at once', async () => assert.deepEqual(await overlap('shared'), ['+', '+', '-', '-']))
    it('private: both at once', async () => assert.deepEqual(await overlap('private'), ['+', '+', '-', '-']))
    it('locked: one after the other', async () => assert.deepEqual(await overlap('locked'), ['+', '-', '+', '-']))

    it('private: a second user at the same time has another folder', async () => {
      const mount = cache({ id: 'p', sharing: 'private' })
      const script = 'echo x >> /cache/f; sleep 0.5; wc -l < /cache/f'
      const runs = await Promise.all([build.run(script, withMounts([mount])), build.run(script, withMounts([mount]))])
      assert.deepEqual(
        runs.map(({ stdout }) => stdout),
        ['1\n', '1\n'],
      )
      assert.equal((await build.run(script, withMounts([mount]))).stdout, '2\n')
    })

    it('twice in one step is one, and two steps with two never wait for each other', async () => {
      const twice = [cache({ id: 't', sharing: 'locked' }), cache({ id: 't', sharing: 'locked', target: '/again' })]
      assert.equal((await build.run('echo x > /cache/f; cat /again/f', withMounts(twice))).stdout, 'x\n')
      const [one, two] = [
        cache({ id: 'l1', sharing: 'locked' }),
        cache({ id: 'l2', sharing: 'locked', target: '/two' }),
      ]
      const orders = [
        [one, two],
        [two, one],
      ]
      await Promise.all([...orders, ...orders].map((mounts) => build.run('sleep 0.1', withMounts(mounts))))
    })

    it('is let go when a step that waits for it is canceled', async () => {
      const mount = cache({ id: 'w', sharing: 'locked' })
      const controller = new AbortController()
      const holder = build.run('sleep 1', withMounts([mount]))
      const waiter = build.failure('true', { ...withMounts([mount]), signal: controller.signal })
      setTimeout(() => controller.abort(), 200)
      assert.equal((await waiter).code, 'CANCELED')
      await holder
      assert.equal((await build.run('true', withMounts([mount]))).exitCode, 0)
    })

    it('is listed and can be removed when it is not in use', async () => {
      const { cacheMounts } = build.context
      const mount = cache({ id: 'gone' })
      await build.run('head -c 100000 /dev/zero > /cache/f', withMounts([mount]))
      const found = (await cacheMounts.list()).find(({ id }) => id === 'gone')
      assert.ok(found !== undefined)
      assert.ok(found.sizeBytes >= 100_000)
      assert.equal(found.inUse, false)
      let isUp = false
      const holder = build.run('echo up; sleep 0.5', { ...withMounts([mount]), onOutput: () => (isUp = true) })
      await until(() => isUp, { what: 'the step runs' })
      assert.equal(await cacheMounts.remove(found.key), false)
      await holder
      assert.equal(await cacheMounts.remove(found.key), true)
      assert.equal(await cacheMounts.remove(found.key), false)
      assert.equal(await cacheMounts.remove('../../layers'), false)
      assert.equal((await build.run('ls -A /cache', withMounts([mount]))).stdout, '')
    })
  })
})
