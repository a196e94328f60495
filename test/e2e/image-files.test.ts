/** Images in files, made of containers, and the disk: as a user types it. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { describeResult, runCommand } from '../support/command.ts'
import { useEngine } from '../support/engine.ts'

describe('images in files', () => {
  const engine = useEngine()
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-files-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'saved.tar')

  it('commit and export of a service', async () => {
    const compose = `services: { web: { image: '${BUSYBOX_IMAGE}', command: [sh, -c, 'echo hello >/w; exec sleep 100'] } }`
    await using project = engine.project({ 'compose.yaml': compose })
    await project.ok('up', '-d', '--wait')
    const id = await project.ok('commit', 'web', 'web:2', '-m', 'note', '-c', 'CMD ["cat", "/w"]')
    assert.match(id, /^sha256:[0-9a-f]{64}\n$/)
    await project.ok('export', '-o', join(folder, 'root.tar'), 'web')
    const list = await runCommand(['tar', '-tf', join(folder, 'root.tar')])
    assert.ok(list.stdout.split('\n').includes('w'), describeResult(list))
    assert.match((await project.run('commit', 'nobody', 'x')).stderr, /nobody/)
  })

  it('save, rm, load, history, ls with filters, tag', async () => {
    await engine.ok(['image', 'save', '-o', file, 'web:2'])
    const judged = await runCommand(['skopeo', 'inspect', '--config', `oci-archive:${file}`])
    assert.match(judged.stdout, /"cat"/, describeResult(judged))
    await engine.ok(['image', 'rm', 'web:2'])
    assert.equal(await engine.ok(['image', 'load', '-q', '-i', file]), 'Loaded image: web:2\n')
    assert.match(await engine.ok(['image', 'history', 'web:2']), /note\n<missing>/)
    await engine.ok(['image', 'tag', 'web:2', 'team/web'])
    const listed = await engine.ok(['image', 'ls', '--format', 'json', '--filter', 'reference=team/*'])
    assert.equal((JSON.parse(listed) as { Repository: string }).Repository, 'team/web')
    assert.equal(await engine.ok(['image', 'ls', '-q', '--filter', 'dangling=true']), '')
    assert.equal((await engine.run(['image', 'ls', '--filter', 'nonsense'])).exitCode, 1)
  })

  it('what fails leaves no file behind, and says why', async () => {
    const missing = await engine.run(['image', 'save', '-o', join(folder, 'no.tar'), 'nobody'])
    assert.equal(missing.exitCode, 1)
    assert.match(missing.stderr, /No such image: nobody/)
    writeFileSync(join(folder, 'bad.tar'), 'x'.repeat(2000))
    const bad = await engine.run(['image', 'load', '-i', join(folder, 'bad.tar')])
    assert.deepEqual([bad.exitCode, bad.stdout], [1, ''])
    assert.match(bad.stderr, /invalid tar/)
    assert.ok(!existsSync(join(folder, 'no.tar')))
    assert.deepEqual(readdirSync(folder).toSorted(), ['bad.tar', 'root.tar', 'saved.tar'])
  })

  it('system df and the prunes; nothing is kept that nothing speaks of', async () => {
    const df = await engine.ok(['system', 'df', '--format', 'json'])
    const rows = df
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { Type: string; TotalCount: number })
    assert.deepEqual(rows.map(({ Type, TotalCount }) => [Type, TotalCount]).slice(0, 3), [
      ['Images', 2],
      ['Containers', 0],
      ['Local Volumes', 0],
    ])
    assert.match(await engine.ok(['system', 'df', '-v']), /Images:[^]*Containers:[^]*Local Volumes:/)
    const blob = join(engine.config.paths.blobs, 'sha256', 'f'.repeat(64))
    writeFileSync(blob, 'left by a pull that was killed')
    assert.match(await engine.ok(['image', 'prune', '-f']), /^Total reclaimed space: 30B\n$/)
    assert.ok(!existsSync(blob))
    assert.match(await engine.ok(['system', 'prune', '-af']), /untagged: team\/web:latest\n/)
    assert.deepEqual(readdirSync(join(engine.config.paths.blobs, 'sha256')), [])
    assert.deepEqual(readdirSync(engine.config.paths.layers), [])
  })
})
