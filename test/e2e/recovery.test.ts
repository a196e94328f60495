/** The engine may die at any time; several engines live side by side. */
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { BUSYBOX_IMAGE, busyboxTar } from '../support/busybox.ts'
import { composeFile, containersOf, freePort, httpServer, httpText, idle, shell } from '../support/compose.ts'
import { createEngine, useEngine } from '../support/engine.ts'
import type { EngineUnderTest } from '../support/engine.ts'
import { getInside } from '../support/inside.ts'
import { describeTraces, findTraces, sweep } from '../support/leaks.ts'
import { until } from '../support/poll.ts'

function killEngine(engine: EngineUnderTest): void {
  const pid = engine.pid()
  assert.ok(pid !== undefined, 'the engine runs')
  process.kill(pid, 'SIGKILL')
}

describe('recovery', () => {
  const engine = useEngine()

  test('a killed engine stops nothing: containers, names, ports and logs go on, and the next command finds them', async () => {
    const port = await freePort()
    const services = {
      web: httpServer('alive', { ports: [`${port}:80`] }),
      clock: shell('while true; do date; sleep 0.1; done', { stop_signal: 'SIGKILL' }),
      client: idle(),
    }
    await using project = engine.project(composeFile('survivor', services))
    await project.ok('up', '-d')
    const before = await containersOf(engine.client(), 'survivor')
    await until(async () => (await httpText(`http://127.0.0.1:${port}/`)) === 'alive', { what: 'web' })
    killEngine(engine)
    assert.equal(await httpText(`http://127.0.0.1:${port}/`), 'alive')
    assert.match(await project.ok('ps'), /survivor-web-1/)
    const after = await containersOf(engine.client(), 'survivor')
    assert.deepEqual(
      after.map(({ Id, State }) => [Id, State.Pid, State.StartedAt]),
      before.map(({ Id, State }) => [Id, State.Pid, State.StartedAt]),
    )
    assert.equal(await httpText(`http://127.0.0.1:${port}/`), 'alive')
    assert.equal(await getInside(project, 'client', 'web'), 'alive')
    const lines = (await project.ok('logs', '--no-log-prefix', 'clock')).split('\n').length
    await until(async () => (await project.ok('logs', '--no-log-prefix', 'clock')).split('\n').length > lines, {
      what: 'more lines of clock',
    })
  })

  test('what ended while no engine ran is recorded with its exit code, and restart policies catch up', async () => {
    const services = {
      once: idle(),
      steady: idle({ restart: 'always' }),
    }
    await using project = engine.project(composeFile('meanwhile', services))
    await project.ok('up', '-d')
    const pids = (await containersOf(engine.client(), 'meanwhile')).map(({ State }) => State.Pid)
    killEngine(engine)
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await until(
      () =>
        pids.every((pid) => {
          try {
            process.kill(pid, 0)
            return false
          } catch {
            return true
          }
        }),
      { what: 'both have ended' },
    )
    await project.ok('ps', '-a')
    const [once] = await containersOf(engine.client(), 'meanwhile')
    assert.deepEqual([once?.State.Status, once?.State.ExitCode], ['exited', 137])
    const isBack = async (): Promise<boolean> => {
      const steady = (await containersOf(engine.client(), 'meanwhile'))[1]?.State
      return steady?.Status === 'running' && steady.Pid !== pids[1]
    }
    await until(isBack, { what: 'steady runs again' })
  })

  test('a stop whose command line was killed goes on, and the next up waits for it and starts again', async () => {
    const services = { deaf: shell("trap '' TERM; echo up; while true; do sleep 1; done") }
    await using project = engine.project(composeFile('half-stopped', services))
    await project.ok('up', '-d')
    await until(async () => /up/.test(await project.ok('logs', 'deaf')), { what: 'deaf ignores SIGTERM' })
    const [before] = await containersOf(engine.client(), 'half-stopped')
    const stop = project.start('stop', '-t', '4')
    await stop.waitFor(/deaf-1 +Stopping/)
    const isStopping = async (): Promise<boolean> =>
      (await engine.client().containers.list({ all: true })).some(({ Stopping }) => Stopping === true)
    await until(isStopping, { what: 'the engine is stopping it' })
    stop.signal('SIGKILL')
    await stop.exited
    assert.match((await project.run('up', '-d')).stderr, /deaf-1 +Started/)
    const [after] = await containersOf(engine.client(), 'half-stopped')
    assert.equal(after?.State.Running, true)
    assert.notEqual(after.State.Pid, before?.State.Pid)
    await project.ok('down', '-t', '0')
  })

  test('two engines know nothing of each other', async () => {
    const other = createEngine(mkdtempSync(join(tmpdir(), 'mycompose-test-')))
    try {
      await other.ok(['image', 'import', await busyboxTar(), BUSYBOX_IMAGE])
      const files = composeFile('twin', { web: httpServer('twin'), client: idle() })
      await using here = engine.project(files)
      await using there = other.project(files)
      await Promise.all([here.ok('up', '-d'), there.ok('up', '-d')])
      const [mine, its] = await Promise.all([
        containersOf(engine.client(), 'twin'),
        containersOf(other.client(), 'twin'),
      ])
      assert.equal(mine.length, 2)
      assert.equal(its.length, 2)
      await here.ok('down')
      assert.equal((await containersOf(other.client(), 'twin'))[0]?.State.Status, 'running')
      await there.ok('down')
      other.close()
      await other.ok(['engine', 'stop'])
      assert.deepEqual(describeTraces(await findTraces(other.config)), [])
    } finally {
      other.close()
      await sweep(other.config)
    }
  })
})
