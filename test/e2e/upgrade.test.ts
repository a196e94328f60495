/** A command line of another version than the engine: an older engine makes way without its containers, a newer stays. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { describeResult } from '../support/command.ts'
import { composeFile, containersOf, freePort, httpServer, httpText } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'

describe('upgrade', () => {
  const engine = useEngine()

  const pretend = (version: string): void => writeFileSync(engine.config.paths.pidFile, `${engine.pid()}\n${version}\n`)
  const lives = async (): Promise<(number | string)[][]> =>
    (await containersOf(engine.client(), 'upgrade')).map(({ Id, State }) => [Id, State.Pid, State.StartedAt])

  test('an older engine is replaced and its containers go on; a newer one stays, with a warning', async () => {
    const port = await freePort()
    await using project = engine.project(composeFile('upgrade', { web: httpServer('here', { ports: [`${port}:80`] }) }))
    await project.ok('up', '-d')
    const [pid, before] = [engine.pid(), await lives()]

    pretend('0.0.1')
    const replaced = await project.run('ps')
    assert.equal(replaced.exitCode, 0, describeResult(replaced))
    assert.match(replaced.stderr, /The engine of version 0\.0\.1 is replaced by .*; containers go on/)
    assert.notEqual(engine.pid(), pid)
    assert.ok(!existsSync(`/proc/${pid}`), 'the older one has ended')
    assert.deepEqual(await lives(), before)
    assert.equal(await httpText(`http://127.0.0.1:${port}/`), 'here')
    assert.equal((await project.run('ps')).stderr, '', 'told once')

    const now = engine.pid()
    pretend('99.0.0')
    const kept = await project.run('ps')
    assert.equal(kept.exitCode, 0)
    assert.match(kept.stderr, /warning: the engine is of version 99\.0\.0, newer than this mycompose/)
    assert.equal(engine.pid(), now)
  })

  test('engine stop leaves containers running, engine stop --all does not', async () => {
    await using project = engine.project(composeFile('upgrade', { web: httpServer('here') }))
    await project.ok('up', '-d')
    const before = await lives()
    await engine.ok(['engine', 'stop'])
    assert.equal(engine.pid(), undefined)
    assert.ok(existsSync(`/proc/${before[0]?.[1]}`))
    await project.ok('ps')
    assert.deepEqual(await lives(), before)
    await engine.ok(['engine', 'stop', '--all'])
    assert.ok(!existsSync(`/proc/${before[0]?.[1]}`))
    assert.match(await project.ok('ps', '-a'), /Exited/)
  })

  test('a damaged state.db is told with its place and what to do; set aside, nothing of the disk is lost', async () => {
    const files = composeFile(
      'upgrade',
      { web: httpServer('here', { volumes: ['data:/keep'] }) },
      { volumes: { data: {} } },
    )
    await using project = engine.project(files)
    await project.ok('up', '-d')
    await project.ok('exec', '-T', 'web', 'sh', '-c', 'echo mine > /keep/file; echo also > /root/file; sync')
    const id = (await containersOf(engine.client(), 'upgrade'))[0]?.Id ?? ''
    await engine.ok(['engine', 'stop'])
    const { database, containers } = engine.config.paths
    const whole = readFileSync(database)
    const damaged = Buffer.concat([whole.subarray(0, 2048), Buffer.alloc(8192, 0xa5), whole.subarray(10_240)])
    writeFileSync(database, damaged)
    for (const tail of ['-wal', '-shm']) rmSync(`${database}${tail}`, { force: true })

    const refused = await project.run('ps')
    assert.equal(refused.exitCode, 1)
    assert.ok(refused.stderr.includes(`the state ${database} is damaged`), describeResult(refused))
    assert.match(refused.stderr, /hint: .*move it away/)
    assert.deepEqual(readFileSync(database), damaged, 'kept as it is')

    rmSync(database)
    assert.equal((await project.run('ps')).exitCode, 0)
    assert.equal(readFileSync(join(engine.config.paths.volumes, 'upgrade_data/_data/file'), 'utf8'), 'mine\n')
    assert.equal(readFileSync(join(containers, `lost-${id}`, 'upper/root/file'), 'utf8'), 'also\n')
    await engine.ok(['engine', 'stop'])

    // with its whole state back, the engine knows the container again, whose files were set aside: they are put back
    for (const tail of ['', '-wal', '-shm']) rmSync(`${database}${tail}`, { force: true })
    rmSync(join(containers, `lost-${id}`), { recursive: true })
    writeFileSync(database, whole)
    assert.match(await project.ok('ps', '-a'), /Exited/)
  })
})
