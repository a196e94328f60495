/**
 * The docker command line between our engine and a registry: login, push, pull, platforms, what is at the registry. Without
 * a docker CLI nothing is tested here (api-docker-cli.test.ts says why).
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { describeResult, runCommand, type CommandResult } from '../support/command.ts'
import { useEngine } from '../support/engine.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { folder, tarOf } from '../support/tar-bytes.ts'

const LOGIN = { username: 'ann', password: 'hunter2' }

const hasDocker = spawnSync('docker', ['--version']).status === 0
if (!hasDocker) console.log('no docker CLI on this machine: its way to registries is not tested')
else
  describe('docker CLI, registries', () => {
    const engine = useEngine()
    const config = mkdtempSync(join(tmpdir(), 'mycompose-docker-config-'))
    const ends: (() => Promise<void> | void)[] = []
    const scene = { after: (end: () => Promise<void> | void) => ends.push(end) } as unknown as TestContext
    let closed: TestRegistry
    let open: TestRegistry
    before(async () => {
      closed = await startRegistry(scene, { login: LOGIN })
      open = await startRegistry(scene)
    })
    after(async () => {
      for (const end of ends.toReversed()) await end()
      rmSync(config, { recursive: true, force: true })
    })

    const shell = (script: string): Promise<CommandResult> => {
      const DOCKER_HOST = `unix://${engine.config.paths.socket}`
      const env = { PATH: process.env['PATH'] ?? '', HOME: config, DOCKER_CONFIG: config, DOCKER_HOST }
      return runCommand(['sh', '-c', script], { env })
    }
    const docker = (...args: readonly string[]): Promise<CommandResult> =>
      shell(['docker', ...args].map((arg) => `'${arg}'`).join(' '))
    const ok = async (...args: readonly string[]): Promise<string> => {
      const result = await docker(...args)
      assert.equal(result.exitCode, 0, describeResult(result))
      return result.stdout.trimEnd()
    }
    const raw = async (name: string): Promise<{ readonly manifests?: readonly unknown[] }> =>
      JSON.parse(await open.skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}`)) as {
        readonly manifests?: readonly unknown[]
      }

    it('login, push, pull by tag and by digest, logout', async () => {
      const name = `${closed.host}/team/web:1`
      await ok('tag', BUSYBOX_IMAGE, name)
      const denied = await docker('push', name)
      assert.equal(denied.exitCode, 1, describeResult(denied))
      assert.match(denied.stderr, /does not give access/)
      const logIn = (password: string): Promise<CommandResult> =>
        shell(`echo ${password} | docker login -u ${LOGIN.username} --password-stdin ${closed.host}`)
      const wrong = await logIn('wrong')
      assert.equal(wrong.exitCode, 1, describeResult(wrong))
      assert.match((await logIn(LOGIN.password)).stdout, /Login Succeeded/)
      assert.match(readFileSync(join(config, 'config.json'), 'utf8'), new RegExp(closed.host))

      const pushed = await ok('push', name)
      assert.match(pushed, /The push refers to repository \[.*\/team\/web\]/)
      const digest = /^1: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed)?.[1]
      const proof = `--creds=${LOGIN.username}:${LOGIN.password}`
      const judge = ['inspect', '--tls-verify=false', proof, '--format', '{{.Digest}}', `docker://${name}`]
      assert.equal((await closed.skopeo(...judge)).trim(), digest)
      assert.match(await ok('push', name), /Layer already exists/)

      await ok('rmi', name)
      assert.match(await ok('pull', name), /Status: Image is up to date|Status: Downloaded newer image/)
      assert.match(await ok('pull', name), /Status: Image is up to date/)
      assert.equal(await ok('pull', '-q', `${closed.host}/team/web@${digest}`), `${closed.host}/team/web@${digest}`)
      assert.equal(await ok('run', '--rm', name, 'echo', 'hello'), 'hello')
      assert.match(await ok('images', '--digests', '--format', '{{.Digest}}', name), new RegExp(digest ?? '-'))
      const missing = await docker('pull', `${closed.host}/team/none:1`)
      assert.equal(missing.exitCode, 1, describeResult(missing))

      await ok('logout', closed.host)
      assert.equal((await docker('pull', name)).exitCode, 1, 'without the login it is refused')
      await ok('rmi', '-f', name)
    })

    it('push --all-tags pushes each name of the repository', async () => {
      const repository = `${open.host}/team/tags`
      for (const tag of ['a', 'b']) await ok('tag', BUSYBOX_IMAGE, `${repository}:${tag}`)
      const pushed = await ok('push', '--all-tags', repository)
      assert.match(pushed, /^a: digest: [^]*^b: digest: /m)
      const tags = await open.skopeo('list-tags', '--tls-verify=false', `docker://${repository}`)
      assert.deepEqual((JSON.parse(tags) as { Tags: string[] }).Tags.toSorted(), ['a', 'b'])
      const none = await docker('push', '--all-tags', `${open.host}/team/nobody`)
      assert.match(none.stderr, /nobody/)
      assert.equal(none.exitCode, 1)
      await ok('rmi', `${repository}:a`, `${repository}:b`)
    })

    it('platforms: pull, push, inspect and save of one or all', async () => {
      const base = tarOf(folder('etc/'), { path: 'etc/name', content: 'base' })
      const arm = tarOf({ path: 'etc/arm', content: 'arm' })
      const platform = (architecture: string) => ({ os: 'linux', architecture })
      await open.add(
        { name: 'multi:1', layers: [base], platform: platform('amd64') },
        { name: 'multi:1', layers: [base, arm], platform: platform('arm64') },
      )
      const [from, to] = [`${open.host}/multi:1`, `${open.host}/copy:1`]
      await ok('pull', '--platform', 'linux/arm64', from)
      await ok('tag', from, to)
      const one = await docker('push', to)
      assert.equal(one.exitCode, 0, describeResult(one))
      assert.match(one.stdout + one.stderr, /Not all multiplatform-content is present/)
      assert.equal((await raw(to)).manifests, undefined)

      await ok('pull', '--platform', 'linux/amd64', from)
      await ok('tag', from, to)
      await ok('push', to)
      assert.equal((await raw(to)).manifests?.length, 2)
      await ok('push', '--platform', 'linux/arm64', to)
      assert.equal((await raw(to)).manifests, undefined)
      const absent = await docker('push', '--platform', 'linux/s390x', to)
      assert.match(absent.stderr, /is here for linux\/amd64, linux\/arm64, not for linux\/s390x/)

      const architecture = ['image', 'inspect', '-f', '{{.Architecture}}']
      assert.equal(await ok(...architecture, to), 'amd64')
      assert.equal(await ok(...architecture, '--platform', 'linux/arm64', to), 'arm64')
      const tar = join(config, 'arm.tar')
      await ok('save', '--platform', 'linux/arm64', '-o', tar, to)
      const judged = await open.skopeo('inspect', '--format', '{{.Architecture}}', `docker-archive:${tar}:${to}`)
      assert.equal(judged.trim(), 'arm64')
      await ok('rmi', from, to)
      assert.match(await ok('load', '-i', tar), /Loaded image/)
      assert.equal(await ok(...architecture, to), 'arm64')
      await ok('rmi', to)
    })

    it('what a name is at the registry, without a pull', async () => {
      const socket = engine.config.paths.socket
      const name = encodeURIComponent(`${open.host}/multi:1`)
      const { stdout } = await runCommand([
        'curl',
        '-s',
        '--unix-socket',
        socket,
        `http://engine/v1.44/distribution/${name}/json`,
      ])
      const { Descriptor, Platforms } = JSON.parse(stdout) as {
        Descriptor: { mediaType: string }
        Platforms: readonly { architecture: string }[]
      }
      assert.match(Descriptor.mediaType, /index/)
      assert.deepEqual(
        Platforms.map(({ architecture }) => architecture),
        ['amd64', 'arm64'],
      )
    })
  })
