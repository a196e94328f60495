/** Volumes, binds, tmpfs, secrets and configs, seen from inside the container. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { composeFile, idle } from '../support/compose.ts'
import { useEngine } from '../support/engine.ts'

describe('storage', () => {
  const engine = useEngine()

  test('a named volume starts with the content of the image, and is shared', async () => {
    const services = {
      a: idle({ volumes: ['store:/data'] }),
      b: idle({ volumes: ['store:/data:ro'], depends_on: ['a'] }),
    }
    await using project = engine.project(composeFile('copyup', services, { volumes: { store: {} } }))
    await project.ok('up', '-d')
    assert.equal(await project.ok('exec', '-T', 'a', 'cat', '/data/from-image'), 'from the image\n')
    await project.ok('exec', '-T', 'a', 'sh', '-c', 'echo shared > /data/file')
    assert.equal(await project.ok('exec', '-T', 'b', 'cat', '/data/file'), 'shared\n')
    assert.notEqual((await project.run('exec', '-T', 'b', 'touch', '/data/other')).exitCode, 0)
  })

  test('a bind of a folder shows changes both ways, a bind of a file one file, read-only when asked', async () => {
    const volumes = ['./folder:/folder', './settings.conf:/etc/settings.conf:ro']
    await using project = engine.project({
      ...composeFile('binds', { a: idle({ volumes }) }),
      'folder/hello': 'from the host\n',
      'settings.conf': 'colour = blue\n',
    })
    await project.ok('up', '-d')
    assert.equal(await project.ok('exec', '-T', 'a', 'cat', '/folder/hello'), 'from the host\n')
    assert.equal(await project.ok('exec', '-T', 'a', 'cat', '/etc/settings.conf'), 'colour = blue\n')
    await project.ok('exec', '-T', 'a', 'sh', '-c', 'echo from inside > /folder/answer')
    assert.equal(readFileSync(join(project.folder, 'folder/answer'), 'utf8'), 'from inside\n')
    assert.notEqual((await project.run('exec', '-T', 'a', 'sh', '-c', 'echo x > /etc/settings.conf')).exitCode, 0)
  })

  test('a missing source in the long form is an error that names it', async () => {
    const volumes = [{ type: 'bind', source: './absent', target: '/x', bind: { create_host_path: false } }]
    await using project = engine.project(composeFile('missing', { a: idle({ volumes }) }))
    const { exitCode, stderr } = await project.run('up', '-d')
    assert.equal(exitCode, 1)
    assert.match(stderr, /absent/)
  })

  test('secrets and configs from a file, the environment and the text itself', async () => {
    const topLevel = {
      secrets: { file_secret: { file: './secret.txt' }, env_secret: { environment: 'TOKEN' } },
      configs: { text: { content: 'level = 3\n' }, mounted: { file: './app.conf' } },
    }
    const service = idle({
      secrets: ['file_secret', { source: 'env_secret', target: 'token', mode: 0o440 }],
      configs: [{ source: 'text', target: '/etc/text.conf' }, 'mounted'],
    })
    const files = { ...composeFile('secrets', { a: service }, topLevel), 'secret.txt': 'hush\n', 'app.conf': 'on\n' }
    await using project = engine.project(files, { env: { TOKEN: 'abc' } })
    await project.ok('up', '-d')
    const cat = (path: string): Promise<string> => project.ok('exec', '-T', 'a', 'cat', path)
    assert.equal(await cat('/run/secrets/file_secret'), 'hush\n')
    assert.equal(await cat('/run/secrets/token'), 'abc')
    assert.equal(await cat('/etc/text.conf'), 'level = 3\n')
    assert.equal(await cat('/mounted'), 'on\n')
    assert.equal(await project.ok('exec', '-T', 'a', 'stat', '-c', '%a', '/run/secrets/token'), '440\n')
  })

  test('read_only, tmpfs and shm_size', async () => {
    const service = idle({ read_only: true, tmpfs: ['/scratch:size=1m'], shm_size: '2m' })
    await using project = engine.project(composeFile('sealed', { a: service }))
    await project.ok('up', '-d')
    const sh = (line: string) => project.run('exec', '-T', 'a', 'sh', '-c', line)
    assert.notEqual((await sh('touch /file')).exitCode, 0)
    assert.equal((await sh('touch /scratch/file')).exitCode, 0)
    const sizes = (await sh("df -k /scratch /dev/shm | awk 'NR > 1 { print $2 }'")).stdout
    assert.equal(sizes, '1024\n2048\n')
  })

  test('down -v removes anonymous volumes and leaves external ones alone', async () => {
    await using project = engine.project(
      composeFile(
        'external',
        { a: idle({ volumes: ['kept:/kept', '/anonymous'] }) },
        { volumes: { kept: { external: true } } },
      ),
    )
    await engine.client().volumes.create({ Name: 'kept' })
    try {
      await project.ok('up', '-d')
      assert.equal((await engine.client().volumes.list()).length, 2)
      await project.ok('down', '-v')
      assert.deepEqual(
        (await engine.client().volumes.list()).map(({ Name }) => Name),
        ['kept'],
      )
    } finally {
      await engine.client().volumes.remove('kept')
    }
  })

  test('down -v takes the volumes of services whose profile is off, too', async () => {
    const services = { a: idle({ volumes: ['va:/v'] }), b: idle({ volumes: ['vb:/v'], profiles: ['x'] }) }
    await using project = engine.project(composeFile('profiled', services, { volumes: { va: {}, vb: {} } }))
    await project.ok('--profile', 'x', 'up', '-d')
    await project.ok('down', '-v', '-t', '0')
    assert.deepEqual(await engine.client().volumes.list(), [])
  })
})
