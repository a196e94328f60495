/** `up` brings the project to what the file says, does nothing when it is so, and changes only what must change. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { composeFile, containersOf, idle, idsOf } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'

describe('up', () => {
  const engine = useEngine()

  test('starts every service, and a second up changes nothing', async () => {
    await using project = engine.project(composeFile('twice', { a: idle(), b: idle() }))
    await project.ok('up', '-d')
    const first = await containersOf(engine.client(), 'twice')
    assert.deepEqual(
      first.map(({ Name, State }) => [Name, State.Status]),
      [
        ['/twice-a-1', 'running'],
        ['/twice-b-1', 'running'],
      ],
    )
    await project.ok('up', '-d')
    const second = await containersOf(engine.client(), 'twice')
    assert.deepEqual(
      second.map(({ Id, State }) => [Id, State.StartedAt]),
      first.map(({ Id, State }) => [Id, State.StartedAt]),
    )
  })

  test('recreates the changed service only, and keeps its anonymous volume', async () => {
    const files = (value: string) =>
      composeFile('changed', { a: idle(), b: idle({ environment: { VALUE: value }, volumes: ['/scratch'] }) })
    await using project = engine.project(files('one'))
    await project.ok('up', '-d')
    await project.ok('exec', '-T', 'b', 'sh', '-c', 'echo kept > /scratch/file')
    const before = await idsOf(engine.client(), 'changed')
    project.write('compose.yaml', files('two')['compose.yaml'])
    await project.ok('up', '-d')
    const after = await idsOf(engine.client(), 'changed')
    assert.equal(after['changed-a-1'], before['changed-a-1'])
    assert.notEqual(after['changed-b-1'], before['changed-b-1'])
    assert.equal(await project.ok('exec', '-T', 'b', 'sh', '-c', 'echo $VALUE; cat /scratch/file'), 'two\nkept\n')
  })

  test('--force-recreate replaces containers that are up to date', async () => {
    await using project = engine.project(composeFile('forced', { a: idle() }))
    await project.ok('up', '-d')
    const before = await idsOf(engine.client(), 'forced')
    await project.ok('up', '-d', '--force-recreate')
    assert.notDeepEqual(await idsOf(engine.client(), 'forced'), before)
  })

  test('--scale adds and removes replicas, highest numbers first', async () => {
    await using project = engine.project(composeFile('scaled', { a: idle() }))
    await project.ok('up', '-d', '--scale', 'a=3')
    const three = await idsOf(engine.client(), 'scaled')
    assert.deepEqual(Object.keys(three), ['scaled-a-1', 'scaled-a-2', 'scaled-a-3'])
    await project.ok('up', '-d', '--scale', 'a=2')
    const { 'scaled-a-3': _removed, ...rest } = three
    assert.deepEqual(await idsOf(engine.client(), 'scaled'), rest)
  })

  test('names orphans, and removes them when asked', async () => {
    await using project = engine.project(composeFile('orphans', { a: idle(), old: idle() }))
    await project.ok('up', '-d')
    project.write('compose.yaml', composeFile('orphans', { a: idle() })['compose.yaml'])
    const { stderr } = await project.run('up', '-d')
    assert.match(stderr, /orphan.*orphans-old-1/i)
    assert.deepEqual(Object.keys(await idsOf(engine.client(), 'orphans')), ['orphans-a-1', 'orphans-old-1'])
    await project.ok('up', '-d', '--remove-orphans')
    assert.deepEqual(Object.keys(await idsOf(engine.client(), 'orphans')), ['orphans-a-1'])
  })

  test('--dry-run tells the steps with their causes and does nothing', async () => {
    await using project = engine.project(composeFile('dry', { a: idle() }))
    const { exitCode, stdout, stderr } = await project.run('--dry-run', 'up', '-d')
    assert.equal(exitCode, 0, stderr)
    assert.match(`${stdout}${stderr}`, /dry-a-1/)
    assert.deepEqual(await idsOf(engine.client(), 'dry'), {})
    assert.deepEqual(await engine.client().networks.list({ label: ['com.docker.compose.project=dry'] }), [])
  })

  test('only the named service and what it depends on; --no-deps leaves those out', async () => {
    const services = { a: idle({ depends_on: ['b'] }), b: idle(), c: idle() }
    await using project = engine.project(composeFile('chosen', services))
    await project.ok('up', '-d', '--no-deps', 'a')
    assert.deepEqual(Object.keys(await idsOf(engine.client(), 'chosen')), ['chosen-a-1'])
    await project.ok('up', '-d', 'a')
    assert.deepEqual(Object.keys(await idsOf(engine.client(), 'chosen')), ['chosen-a-1', 'chosen-b-1'])
  })

  test('down removes containers and networks, keeps named volumes, and removes them with -v', async () => {
    const services = { a: idle({ volumes: ['store:/store'] }) }
    await using project = engine.project(composeFile('gone', services, { volumes: { store: {} } }))
    await project.ok('up', '-d')
    await project.ok('exec', '-T', 'a', 'sh', '-c', 'echo kept > /store/file')
    await project.ok('down')
    assert.deepEqual(await idsOf(engine.client(), 'gone'), {})
    const byProject = { label: ['com.docker.compose.project=gone'] }
    assert.deepEqual(await engine.client().networks.list(byProject), [])
    assert.deepEqual(
      (await engine.client().volumes.list(byProject)).map(({ Name }) => Name),
      ['gone_store'],
    )
    await project.ok('up', '-d')
    assert.equal(await project.ok('exec', '-T', 'a', 'cat', '/store/file'), 'kept\n')
    await project.ok('down', '-v')
    assert.deepEqual(await engine.client().volumes.list(byProject), [])
  })

  test('a project is managed by its name, without its file', async () => {
    await using project = engine.project(composeFile('named', { a: idle() }))
    await project.ok('up', '-d')
    const elsewhere = { cwd: '/' }
    assert.match(await engine.ok(['-p', 'named', 'ps'], elsewhere), /named-a-1/)
    assert.match(await engine.ok(['ls'], elsewhere), /^named\s+running\(1\)/m)
    await engine.ok(['-p', 'named', 'stop'], elsewhere)
    assert.equal((await containersOf(engine.client(), 'named'))[0]?.State.Status, 'exited')
    await engine.ok(['-p', 'named', 'start'], elsewhere)
    assert.equal((await containersOf(engine.client(), 'named'))[0]?.State.Status, 'running')
    await engine.ok(['-p', 'named', 'down'], elsewhere)
    assert.deepEqual(await idsOf(engine.client(), 'named'), {})
  })

  test('stop, start, restart, kill and rm work on the named service alone', async () => {
    await using project = engine.project(composeFile('steps', { a: idle(), b: idle() }))
    await project.ok('up', '-d')
    const statuses = async () =>
      (await containersOf(engine.client(), 'steps')).map(({ State }) => `${State.Status} ${State.ExitCode}`)
    await project.ok('stop', 'a')
    assert.deepEqual(await statuses(), ['exited 0', 'running 0'])
    await project.ok('start', 'a')
    assert.deepEqual(await statuses(), ['running 0', 'running 0'])
    const startedAt = (await containersOf(engine.client(), 'steps'))[1]?.State.StartedAt
    await project.ok('restart', 'b')
    assert.notEqual((await containersOf(engine.client(), 'steps'))[1]?.State.StartedAt, startedAt)
    await project.ok('kill', 'b')
    assert.deepEqual(await statuses(), ['running 0', 'exited 137'])
    await project.ok('rm', '-f', 'b')
    assert.deepEqual(Object.keys(await idsOf(engine.client(), 'steps')), ['steps-a-1'])
  })
})
