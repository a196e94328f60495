/** Lifecycle hooks: post_start and pre_stop inside the container, pre_start in containers of its own. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { composeFile, containersOf, idle } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'

const sh = (line: string): string[] => ['sh', '-c', line.replaceAll('$', () => '$$')]

describe('hooks', () => {
  const engine = useEngine()

  test('post_start and pre_stop run in order, as whom and where they say', async () => {
    const service = idle({
      user: 'worker',
      environment: { WORD: 'own', OTHER: 'kept' },
      volumes: ['data:/data'],
      post_start: [
        { command: sh('echo first $(id -u) > /data/hooks'), user: 'root' },
        {
          command: sh('echo $WORD $OTHER $PWD >> /data/hooks'),
          user: 'root',
          working_dir: '/tmp',
          environment: { WORD: 'new' },
        },
        { command: sh('grep CapEff /proc/self/status >> /data/hooks'), user: 'root', privileged: true },
      ],
      pre_stop: [{ command: sh('echo stopping >> /data/hooks'), user: 'root' }],
    })
    const file = composeFile('hooked', { a: service }, { volumes: { data: {} } })
    await using project = engine.project(file)
    await project.ok('up', '-d')
    const read = (): Promise<string> => project.ok('exec', '-T', 'a', 'cat', '/data/hooks')
    assert.match(await read(), /^first 0\nnew kept \/tmp\nCapEff:\t000001f/)
    await project.ok('stop')
    await project.ok('start')
    assert.match(await read(), /^first 0\n/) // written anew: after the stop there was one line more
    await project.ok('restart')
    assert.equal((await read()).split('\n').length, 4)
  })

  test('pre_stop comes before the end, on down too; without -v its work stays', async () => {
    const service = idle({ volumes: ['data:/data'], pre_stop: [{ command: sh('echo bye >> /data/bye') }] })
    await using project = engine.project(composeFile('goodbye', { a: service }, { volumes: { data: {} } }))
    await project.ok('up', '-d')
    await project.ok('down')
    await project.ok('up', '-d')
    assert.equal(await project.ok('exec', '-T', 'a', 'cat', '/data/bye'), 'bye\n')
    assert.match((await project.run('--dry-run', 'stop')).stderr, /Stopp/)
    assert.equal(await project.ok('exec', '-T', 'a', 'cat', '/data/bye'), 'bye\n')
  })

  test('a hook that fails fails the command, with what it wrote', async () => {
    const failing = [{ command: sh('echo no such table >&2; exit 3') }]
    await using project = engine.project(
      composeFile('failing', { a: idle({ post_start: failing }), b: idle({ pre_stop: failing }) }),
    )
    const up = await project.run('up', '-d')
    assert.equal(up.exitCode, 1)
    assert.match(up.stderr, /a hook exited with status 3: no such table/)
    const stop = await project.run('stop', 'b')
    assert.equal(stop.exitCode, 1)
    assert.match(stop.stderr, /b hook exited with status 3/)
    await project.ok('kill')
    await project.ok('down') // stopped already: nothing to ask
  })

  test('run: post_start beside the command, and before a detached one is told of', async () => {
    const service = idle({ volumes: ['data:/data'], post_start: [{ command: sh('echo hooked > /data/hook') }] })
    const broken = idle({ post_start: [{ command: sh('echo no such table >&2; exit 3') }] })
    await using project = engine.project(
      composeFile('hooked-run', { a: service, b: broken }, { volumes: { data: {} } }),
    )
    const untilHooked = sh('until [ -s /data/hook ]; do sleep 0.05; done; cat /data/hook')
    assert.equal(await project.ok('run', '--rm', '-T', 'a', ...untilHooked), 'hooked\n')
    assert.equal(await project.ok('run', '--rm', '-T', 'a', 'true'), '')
    const [id = ''] = (await project.ok('run', '-d', 'a')).split('\n')
    assert.match(id, /^[0-9a-f]{64}$/)
    const failed = await project.run('run', '-d', 'b')
    assert.equal(failed.exitCode, 1)
    assert.match(failed.stderr, /b hook exited with status 3: no such table/)
  })

  test('pre_start: once a service, with its volumes and network, and nothing left', async () => {
    const service = idle({
      scale: 2,
      environment: { WORD: 'own' },
      volumes: ['data:/data'],
      pre_start: [
        { command: sh('echo one $WORD >> /data/steps') },
        { command: sh('echo two $WORD $(ip route | wc -l) >> /data/steps'), environment: { WORD: 'new' } },
        { command: sh('echo each >> /data/steps'), per_replica: true },
      ],
    })
    await using project = engine.project(composeFile('prepared', { a: service }, { volumes: { data: {} } }))
    await project.ok('up', '-d')
    const read = (): Promise<string> => project.ok('exec', '-T', 'a', 'cat', '/data/steps')
    assert.equal(await read(), 'one own\ntwo new 2\neach\neach\n')
    assert.equal((await containersOf(engine.client(), 'prepared')).length, 2)
    await project.ok('up', '-d', '--scale', 'a=3')
    assert.equal(await read(), 'one own\ntwo new 2\neach\neach\neach\n') // replicas run: only the new one's step
  })

  test('pre_start that fails: the service stays created, the step can be looked at, down takes it away', async () => {
    const service = idle({ pre_start: [{ command: sh('echo cannot migrate; exit 4') }] })
    await using project = engine.project(composeFile('unprepared', { a: service }))
    for (const attempt of [1, 2]) {
      const up = await project.run('up', '-d')
      assert.equal(up.exitCode, 1, `attempt ${attempt}`)
      assert.match(up.stderr, /service "a" pre_start\[0\] exited with code 4/)
      assert.match(up.stderr, /cannot migrate/)
      assert.doesNotMatch(up.stderr, /orphan/)
      const states = (await containersOf(engine.client(), 'unprepared')).map(({ State }) => State.Status)
      assert.deepEqual(states.toSorted(), ['created', 'exited'])
    }
    await project.ok('down')
    assert.equal((await containersOf(engine.client(), 'unprepared')).length, 0)
  })
})
