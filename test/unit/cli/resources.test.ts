import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NotFoundError } from '../../../src/errors.ts'
import { fakeClient, matchGolden, runCli } from './harness.ts'

describe('volume, network and image', () => {
  const volume = {
    Name: 'p_data',
    Driver: 'local',
    Mountpoint: '/v/p_data/_data',
    CreatedAt: '2026-11-21T12:00:00Z',
    Labels: { b: '2', a: '1' },
    Options: null,
    Scope: 'local' as const,
  }
  const image = {
    Id: `sha256:${'b'.repeat(64)}`,
    ParentId: '',
    RepoTags: ['debian:bookworm-slim', 'localhost:5000/debian:12'],
    RepoDigests: [],
    Created: 1_795_000_000,
    Size: 74_800_000,
    SharedSize: 0,
    Labels: null,
    Containers: 0,
  }
  const client = fakeClient({
    volumes: {
      list: () => Promise.resolve([volume, { ...volume, Name: 'a_first' }]),
      inspect: (name) =>
        name === volume.Name ? Promise.resolve(volume) : Promise.reject(new NotFoundError(`no such volume: ${name}`)),
      remove: (name) =>
        name === volume.Name ? Promise.resolve() : Promise.reject(new NotFoundError(`no such volume: ${name}`)),
    },
    images: { list: () => Promise.resolve([image]) },
  })

  test('volume ls', async () => {
    assert.equal(
      (await runCli(['volume', 'ls'], { client })).stdout,
      'DRIVER    VOLUME NAME\nlocal     a_first\nlocal     p_data\n',
    )
    assert.equal((await runCli(['volume', 'ls', '-q'], { client })).stdout, 'a_first\np_data\n')
    const [line = ''] = (await runCli(['volume', 'ls', '--format', 'json'], { client })).stdout.split('\n')
    assert.deepEqual(JSON.parse(line), {
      Driver: 'local',
      Labels: 'a=1,b=2',
      Mountpoint: '/v/p_data/_data',
      Name: 'a_first',
      Scope: 'local',
    })
  })

  test('inspect prints what is there and fails for what is not', async () => {
    const { exitCode, stdout, stderr } = await runCli(['volume', 'inspect', 'p_data', 'x', 'y'], { client })
    assert.equal(exitCode, 1)
    assert.deepEqual(JSON.parse(stdout), [volume])
    assert.equal(stderr, 'error: no such volume: x\nno such volume: y\n')
  })

  test('rm goes on after a failure', async () => {
    const { exitCode, stdout, stderr } = await runCli(['volume', 'rm', 'x', 'p_data'], { client })
    assert.deepEqual([exitCode, stdout, stderr], [1, 'p_data\n', 'error: no such volume: x\n'])
  })

  test('image ls: a row for each name', async (t) => {
    matchGolden(t, 'image-ls.txt', (await runCli(['image', 'ls'], { client })).stdout)
  })

  test('image bootstrap: progress to standard error, the id to standard output', async () => {
    let asked: unknown
    const id = `sha256:${'c'.repeat(64)}`
    const bootstrapping = fakeClient({
      images: {
        async *bootstrap(request) {
          asked = request
          yield { status: 'Fetching packages' }
          await Promise.resolve()
          yield { status: id }
        },
      },
    })
    const { stdout, stderr, exitCode } = await runCli(
      ['image', 'bootstrap', 'debian:bookworm-slim', '--include', 'nginx,curl', '--tag', 'n:1', '-c', 'CMD ["x"]'],
      { client: bootstrapping },
    )
    assert.deepEqual([exitCode, stdout], [0, `${id}\n`])
    assert.equal(stderr, ' Image n:1 Fetching packages \n Image n:1 Created \n')
    assert.deepEqual(asked, {
      Reference: 'debian:bookworm-slim',
      Tag: 'n:1',
      Include: ['nginx', 'curl'],
      Changes: ['CMD ["x"]'],
    })
  })

  test('image import: an error in the stream is an error', async () => {
    const importing = fakeClient({
      images: {
        async *import() {
          await Promise.resolve()
          yield { error: 'not a tar' }
        },
      },
    })
    const { exitCode, stderr } = await runCli(['image', 'import', '-', 'a:1'], { client: importing, input: 'x' })
    assert.equal(exitCode, 1)
    assert.match(stderr, /error: not a tar/)
  })
})
