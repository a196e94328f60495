/** The commands about the engine and what it keeps: images, volumes, networks, status, doctor. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { DoctorFinding, EngineStatus, ImageInspect } from '../../src/api/types/index.ts'
import { BUSYBOX_IMAGE, busyboxTar } from '../support/busybox.ts'
import { composeFile, idle } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'

describe('resources', () => {
  const engine = useEngine()

  test('image import takes Dockerfile instructions, ls and inspect show it, rm removes it', async () => {
    const changes = ['ENV WORD=hello', 'WORKDIR /tmp', 'CMD ["sh", "-c", "echo $WORD from $PWD"]', 'LABEL made.by=test']
    await engine.ok(['image', 'import', await busyboxTar(), 'mine:1', ...changes.flatMap((one) => ['--change', one])])
    assert.match(await engine.ok(['image', 'ls']), /^mine\s+1\s/m)
    const [image] = JSON.parse(await engine.ok(['image', 'inspect', 'mine:1'])) as ImageInspect[]
    assert.equal(image?.Config.Labels?.['made.by'], 'test')
    await using project = engine.project(composeFile('configured', { a: { image: 'mine:1' } }))
    assert.match((await project.run('up')).stdout, /^a-1\s+\| hello from \/tmp$/m)
    await project.ok('down')
    await engine.ok(['image', 'rm', 'mine:1'])
    assert.doesNotMatch(await engine.ok(['image', 'ls']), /^mine\s/m)
    assert.match(await engine.ok(['image', 'ls']), /^busybox\s+test\s/m)
  })

  test('an image in use stays, and one that is absent is an error that says what to do', async () => {
    await using project = engine.project(composeFile('used', { a: idle() }))
    await project.ok('up', '-d')
    assert.equal((await engine.run(['image', 'rm', BUSYBOX_IMAGE])).exitCode, 1)
    project.write('compose.yaml', composeFile('used', { a: { image: 'no/such:image' } })['compose.yaml'])
    const { exitCode, stderr } = await project.run('up', '-d')
    assert.equal(exitCode, 1)
    assert.match(stderr, /no\/such:image/)
    assert.match(stderr, /hint: /)
  })

  test('volume and network commands show what a project made, and refuse to remove what it uses', async () => {
    const services = { a: idle({ volumes: ['store:/store'] }) }
    await using project = engine.project(composeFile('kept', services, { volumes: { store: {} } }))
    await project.ok('up', '-d')
    assert.match(await engine.ok(['volume', 'ls']), /kept_store/)
    assert.match(await engine.ok(['volume', 'inspect', 'kept_store']), /"Mountpoint"/)
    assert.match(await engine.ok(['network', 'ls']), /kept_default/)
    assert.match(await engine.ok(['network', 'inspect', 'kept_default']), /"Subnet"/)
    assert.equal((await engine.run(['volume', 'rm', 'kept_store'])).exitCode, 1)
    await project.ok('down')
    await engine.ok(['volume', 'rm', 'kept_store'])
  })

  test('engine status tells its state as JSON, and stop leaves containers running', async () => {
    await using project = engine.project(composeFile('outliving', { a: idle() }))
    await project.ok('up', '-d')
    const status = JSON.parse(await engine.ok(['engine', 'status', '--format', 'json'])) as EngineStatus
    assert.equal(status.Root, engine.config.paths.root)
    assert.equal(status.Running, 1)
    const pid = (await engine.client().containers.inspect('outliving-a-1')).State.Pid
    await engine.ok(['engine', 'stop'])
    assert.equal((await engine.run(['engine', 'status'])).exitCode, 1)
    assert.match(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /^sh/)
    assert.match(await project.ok('ps'), /outliving-a-1.*Up/)
    assert.equal((await engine.client().containers.inspect('outliving-a-1')).State.Pid, pid)
    await engine.ok(['engine', 'stop', '--all'])
    assert.match(await project.ok('ps', '-a'), /outliving-a-1.*Exited/)
  })

  test('doctor finds this machine fit, version agrees with the package', async () => {
    const findings = JSON.parse(await engine.ok(['doctor', '--json'])) as DoctorFinding[]
    assert.deepEqual(
      findings.filter(({ status }) => status === 'failed'),
      [],
    )
    const manifest = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')
    const { version } = JSON.parse(manifest) as { version: string }
    assert.equal(await engine.ok(['version', '--short']), `${version}\n`)
  })

  test('profiles and --env-file choose what runs and with which values', async () => {
    const services = {
      a: idle({ environment: { WORD: '${WORD:-none}' } }),
      extra: idle({ profiles: ['more'] }),
    }
    await using project = engine.project({ ...composeFile('profiled', services), 'other.env': 'WORD=from the file\n' })
    await project.ok('--env-file', 'other.env', 'up', '-d')
    assert.equal(await project.ok('ps', '--services'), 'a\n')
    assert.equal(await project.ok('exec', '-T', 'a', 'sh', '-c', 'echo $WORD'), 'from the file\n')
    await project.ok('--profile', 'more', '--env-file', 'other.env', 'up', '-d')
    assert.deepEqual((await project.ok('ps', '--services')).trim().split('\n').toSorted(), ['a', 'extra'])
  })
})
