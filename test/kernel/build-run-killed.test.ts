/** A build whose engine is killed: the next engine ends what runs and removes all that it had, but what caches hold. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { createCacheMounts } from '../../src/engine/build/run/cache-mounts.ts'
import { engineConfig } from '../../src/engine/config.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { findTraces, sweep } from '../support/leaks.ts'
import { until } from '../support/poll.ts'
import { nodeForSources } from '../support/node-sources.ts'

it('a killed engine leaves a build that the next one clears away', async () => {
  process.chdir('/')
  const root = fs.mkdtempSync(join(tmpdir(), 'mycompose-killed-'))
  const config = engineConfig(join(root, 'root'), 'test')
  const context = join(root, 'context')
  fs.mkdirSync(context)
  try {
    const [node, ...options] = nodeForSources
    const argv = [join(import.meta.dirname, 'build-run-victim.ts'), config.paths.root, context]
    const victim = spawn(node, [...options, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    victim.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const ended = new Promise((resolve) => victim.once('exit', resolve))
    await until(() => text.includes('is-up'), { what: 'the step runs' })
    victim.kill('SIGKILL')
    await ended
    const before = await findTraces(config)
    assert.ok(
      before.processes.some((line) => line.includes('sleep 1000')),
      'the step outlives its engine',
    )
    assert.ok(before.netns.length > 0 && before.files.length > 0 && before.mounts.length > 0)

    const errors: string[] = []
    const log: Parameters<typeof openEngine>[2] = (level, message) => void (level === 'error' && errors.push(message))
    const engine = await openEngine(config, createNodeHost(), log)
    assert.deepEqual(fs.readdirSync(config.paths.buildSteps), [])
    await until(async () => (await findTraces(config)).processes.length === 0, { what: 'no process is left' })
    const { netns, files } = await findTraces(config)
    assert.deepEqual({ netns, files }, { netns: [], files: [] })
    const caches = await createCacheMounts(engine.context).list()
    assert.deepEqual(
      caches.map(({ inUse }) => inUse),
      [false, false],
    )
    const kept = caches.map(({ key }) => fs.readdirSync(join(config.paths.root, 'build/cache-mounts', key, 'data')))
    assert.deepEqual(kept.flat(), ['two'])
    assert.deepEqual(fs.readdirSync(context), [], 'the context is as it was')
    const { links } = await findTraces(config)
    assert.deepEqual(links, [], 'the bridge went with its last user')
    await engine.close()
    const { tables: _tables, ...after } = await findTraces(config)
    assert.deepEqual(Object.values(after).flat(), [])
    assert.deepEqual(errors, [])
  } finally {
    await sweep(config)
    fs.rmSync(root, { recursive: true, force: true })
  }
})
