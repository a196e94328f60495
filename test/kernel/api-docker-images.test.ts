/**
 * The image commands of the docker command line against our engine; skopeo judges what it saves. Without a docker CLI
 * nothing is tested here (api-docker-cli.test.ts says why).
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { describeResult, runCommand, type CommandResult } from '../support/command.ts'
import { useEngine } from '../support/engine.ts'
import { until } from '../support/poll.ts'

const hasDocker = spawnSync('docker', ['--version']).status === 0
if (!hasDocker) console.log('no docker CLI on this machine: its image commands are not tested')
else
  describe('docker CLI, images', () => {
    const engine = useEngine()
    const folder = mkdtempSync(join(tmpdir(), 'mycompose-docker-images-'))
    after(() => rmSync(folder, { recursive: true, force: true }))

    const docker = (...args: readonly string[]): Promise<CommandResult> => {
      const DOCKER_HOST = `unix://${engine.config.paths.socket}`
      const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', DOCKER_HOST }
      return runCommand(['docker', ...args], { env })
    }
    const ok = async (...args: readonly string[]): Promise<string> => {
      const result = await docker(...args)
      assert.equal(result.exitCode, 0, describeResult(result))
      return result.stdout.trimEnd()
    }
    const imageId = (name: string): Promise<string> => ok('image', 'inspect', '-f', '{{.Id}}', name)

    it('diff, commit with changes, history, and a container of the new image', async () => {
      const script = 'rm /etc/passwd; echo new >/new; mkdir -p /d/e; echo y >>/etc/group; ln -s new /link; sleep 100'
      await ok('run', '-d', '--name', 'c1', '-l', 'com.docker.compose.project=p', BUSYBOX_IMAGE, 'sh', '-c', script)
      await until(async () => (await ok('diff', 'c1')).includes('/link'), { what: 'the script is through' })
      assert.deepEqual((await ok('diff', 'c1')).split('\n').toSorted(), [
        'A /d',
        'A /d/e',
        'A /link',
        'A /new',
        'C /etc',
        'C /etc/group',
        'D /etc/passwd',
      ])
      const id = await ok(
        'commit',
        '-a',
        'me',
        '-m',
        'why',
        '-c',
        'CMD ["cat", "/new"]',
        '-c',
        'ENV K=V',
        'c1',
        'mine:1',
      )
      assert.match(id, /^sha256:[0-9a-f]{64}$/)
      assert.equal(await ok('inspect', '-f', '{{.State.Status}}', 'c1'), 'running', 'it goes on')
      assert.equal(await ok('run', '--rm', 'mine:1'), 'new')
      assert.equal((await docker('run', '--rm', 'mine:1', 'ls', '/etc/passwd')).exitCode, 1)
      assert.equal(
        await ok('image', 'inspect', '-f', '{{.Author}} {{.Comment}} {{.Config.Labels}} {{.Config.Env}}', 'mine:1'),
        'me why map[] [K=V]',
      )
      const history = (
        await ok('history', '--no-trunc', '--format', '{{.ID}}|{{.CreatedBy}}|{{.Comment}}', 'mine:1')
      ).split('\n')
      assert.equal(history.length, 2)
      assert.equal(history[0], `${id}|sh -c ${script}|why`)
      assert.match(history[1] ?? '', /^<missing>\|import/)
      await ok('rm', '-f', 'c1')
    })

    it('save and load: files, several images, standard streams; skopeo reads it', async () => {
      const file = join(folder, 'saved.tar')
      await ok('save', '-o', file, 'mine:1', BUSYBOX_IMAGE)
      const judged = await runCommand(['skopeo', 'inspect', '--config', `docker-archive:${file}:mine:1`])
      assert.match(judged.stdout, /"cat"/, describeResult(judged))
      const id = await imageId('mine:1')
      await ok('rmi', 'mine:1')
      assert.match(await ok('load', '-i', file), /Loaded image: mine:1/)
      assert.equal(await imageId('mine:1'), id)
      assert.equal(await ok('run', '--rm', 'mine:1'), 'new')
      const piped = await runCommand(['sh', '-c', 'docker save mine | gzip | docker load -q'], {
        env: { PATH: process.env['PATH'] ?? '', DOCKER_HOST: `unix://${engine.config.paths.socket}` },
      })
      assert.equal(piped.stdout, 'Loaded image: mine:1\n', describeResult(piped))
      assert.match((await docker('save', 'nobody')).stderr, /No such image: nobody/)
      const rubbish = await runCommand(['sh', '-c', 'echo rubbish | docker load'], {
        env: { PATH: process.env['PATH'] ?? '', DOCKER_HOST: `unix://${engine.config.paths.socket}` },
      })
      assert.equal(rubbish.exitCode, 1, describeResult(rubbish))
      assert.match(rubbish.stderr, /invalid/)
    })

    it('export is the root file system without volumes, of a stopped and of a running container; import', async () => {
      await ok('create', '--name', 'e1', '-v', '/data', BUSYBOX_IMAGE, 'sleep', '100')
      const [stopped, running] = [join(folder, 'stopped.tar'), join(folder, 'running.tar')]
      await ok('export', '-o', stopped, 'e1')
      await ok('start', 'e1')
      await ok('exec', 'e1', 'sh', '-c', 'echo secret >/data/in-volume; echo own >/own')
      await ok('export', '-o', running, 'e1')
      const list = async (path: string): Promise<string[]> =>
        (await runCommand(['tar', '-tf', path])).stdout.trimEnd().split('\n')
      assert.ok((await list(stopped)).includes('bin/busybox'))
      assert.ok((await list(running)).includes('own'))
      assert.ok(!(await list(running)).includes('data/in-volume'))
      await ok('rm', '-f', '-v', 'e1')
      await ok('import', running, 'flat:1')
      assert.equal(await ok('run', '--rm', 'flat:1', 'cat', '/own'), 'own')
    })

    it('tag, rmi with its refusals, filters of images', async () => {
      await ok('tag', 'mine:1', 'registry.example:5000/team/mine:2')
      assert.equal(
        await ok('images', '--format', '{{.Repository}}:{{.Tag}}', '-f', 'reference=registry.example:5000/*/*'),
        'registry.example:5000/team/mine:2',
      )
      await ok('create', '--name', 'u1', 'mine:1')
      const refused = await docker('rmi', await imageId('mine:1'))
      assert.match(refused.stderr, /must be forced.*(multiple repositories|stopped container)/)
      await ok('rm', 'u1')
      await ok('rmi', 'registry.example:5000/team/mine:2')
      const deleted = await ok('rmi', 'mine:1')
      assert.match(deleted, /Untagged: mine:1\nDeleted: sha256:/)
      assert.match((await docker('rmi', 'mine:1')).stderr, /No such image: mine:1/)
    })

    it('system df, image prune, system prune', async () => {
      await ok('volume', 'create', 'v1')
      await ok('create', '--name', 'd1', '-v', 'v1:/data', BUSYBOX_IMAGE, 'true')
      const usage = await ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Active}}')
      assert.deepEqual(usage.split('\n'), ['Images 2 1', 'Containers 1 0', 'Local Volumes 1 1', 'Build Cache 0 0'])
      assert.match(await ok('system', 'df', '-v'), /flat\s+1\s+[0-9a-f]{12}[^]*d1[^]*v1\s+1\s/)
      assert.match(await ok('image', 'prune', '-f'), /^Total reclaimed space: 0B$/)
      assert.match(
        await ok('image', 'prune', '-af'),
        /untagged: flat:1\ndeleted: sha256:[^]*reclaimed space: [\d.]+MB$/i,
      )
      assert.match(await ok('system', 'prune', '-f'), /Deleted Containers:[^]*Total reclaimed space/)
      assert.equal(await ok('ps', '-aq'), '')
      assert.equal(await ok('images', '--format', '{{.Repository}}'), BUSYBOX_IMAGE.replace(/:.*/, ''))
      await ok('volume', 'rm', 'v1')
    })
  })
