/**
 * A registry with a password, as a user types it: login, push, what `up` and `pull` fetch and what they leave alone,
 * digests, logout. The registry stands behind a proxy that counts requests.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, after, describe, it, type TestContext } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { describeResult, runCommand } from '../support/command.ts'
import { composeFile, containersOf, idle } from '../support/compose.ts'
import { useEngine, type ProjectUnderTest } from '../support/engine.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'

const LOGIN = { username: 'ann', password: 'hunter2' }

describe('a registry with a password', () => {
  const engine = useEngine()
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-login-'))
  const env = { DOCKER_CONFIG: folder, XDG_RUNTIME_DIR: folder }
  const ends: (() => Promise<void> | void)[] = []
  const scene = { after: (end: () => Promise<void> | void) => ends.push(end) } as unknown as TestContext
  let registry: TestRegistry
  let proxy: FaultProxy
  let image: string

  before(async () => {
    registry = await startRegistry(scene, { login: LOGIN })
    proxy = await startFaultProxy(scene, registry.url)
    image = `${proxy.host}/team/web:1`
  })
  after(async () => {
    for (const end of ends.toReversed()) await end()
    rmSync(folder, { recursive: true })
  })

  /** Two services of one image. */
  function twins(attributes: Record<string, unknown> = {}): ProjectUnderTest {
    const service = idle({ image, ...attributes })
    return engine.project(composeFile('regcli', { one: service, two: service }), { env })
  }
  const asked = (method: string, part: string): string[] =>
    proxy.seen.filter((request) => request.method === method && request.path.includes(part)).map(({ path }) => path)
  /** What the registry says it has, told by a tool that knows nothing of us. */
  async function judged(): Promise<string> {
    const proof = `--creds=${LOGIN.username}:${LOGIN.password}`
    const name = `docker://${registry.host}/team/web:1`
    return (await registry.skopeo('inspect', '--tls-verify=false', proof, '--format', '{{.Digest}}', name)).trim()
  }

  it('login is checked and kept, a push needs it', async () => {
    await engine.ok(['image', 'tag', BUSYBOX_IMAGE, image], { env })
    const denied = await engine.run(['image', 'push', image], { env })
    assert.equal(denied.exitCode, 1)
    assert.match(denied.stderr, new RegExp(`mycompose login ${proxy.host}`))
    const login = ['login', '-u', LOGIN.username, '--password-stdin', proxy.host]
    const wrong = await engine.run(login, { env, input: 'wrong\n' })
    assert.deepEqual([wrong.exitCode, wrong.stdout], [1, ''], describeResult(wrong))
    assert.equal(await engine.ok(login, { env, input: `${LOGIN.password}\n` }), 'Login Succeeded\n')
    assert.equal(await engine.ok(['image', 'push', image], { env }), `${image}\n`)
    assert.match(await judged(), /^sha256:/)
  })

  it('up pulls once for two services, and not again', async () => {
    await engine.ok(['image', 'rm', image, BUSYBOX_IMAGE], { env })
    await using project = twins()
    proxy.seen.length = 0
    const up = await project.run('up', '-d')
    assert.equal(up.exitCode, 0, describeResult(up))
    const blobs = asked('GET', '/blobs/')
    assert.equal(asked('GET', '/manifests/').length, 2) // first without a login
    assert.ok(blobs.length > 0)
    assert.equal(new Set(blobs).size, blobs.length)
    assert.equal(up.stderr.split('\n').filter((line) => line === ` Image ${image} Pulled `).length, 1, up.stderr)
    const containers = await containersOf(engine.client(), 'regcli')
    assert.deepEqual(
      containers.map(({ State, Config }) => [State.Status, Config.Image]),
      [
        ['running', image],
        ['running', image],
      ],
    )
    proxy.seen.length = 0
    await project.ok('up', '-d')
    assert.deepEqual(proxy.seen, [])
  })

  it('pull asks whether the image is current, pull_policy whether anybody is asked', async () => {
    await using project = twins()
    proxy.seen.length = 0
    await project.ok('pull', '-q')
    assert.deepEqual([asked('GET', '/team/'), asked('HEAD', '/team/').length], [[], 2])
    proxy.seen.length = 0
    await project.ok('pull', '--policy', 'missing')
    assert.deepEqual(proxy.seen, [])

    await using always = twins({ pull_policy: 'always' })
    await always.ok('up', '-d')
    assert.deepEqual([asked('GET', '/team/'), asked('HEAD', '/team/').length], [[], 2])
    await always.ok('down')

    await using never = twins({ pull_policy: 'never' })
    await engine.ok(['image', 'rm', image], { env })
    proxy.seen.length = 0
    const up = await never.run('up', '-d')
    assert.equal(up.exitCode, 1)
    assert.match(up.stderr, /is not on this machine and may not be pulled/)
    assert.match(up.stderr, new RegExp(`mycompose image pull ${image}`))
    assert.deepEqual(proxy.seen, [])
  })

  it('config pins images to the digests at the registry, and what it prints runs', async () => {
    await using project = twins()
    const pinned = `${image}@${await judged()}`
    const images = (text: string): unknown =>
      Object.values((JSON.parse(text) as { services: Record<string, { image: string }> }).services).map(
        (service) => service.image,
      )
    const resolved = await project.ok('config', '--resolve-image-digests', '--format', 'json')
    assert.deepEqual(images(resolved), [pinned, pinned])
    await project.ok('config', '--lock-image-digests', '-o', 'lock.yaml')
    assert.equal(
      readFileSync(join(project.folder, 'lock.yaml'), 'utf8').replaceAll('"', ''),
      `services:\n  one:\n    image: ${pinned}\n  two:\n    image: ${pinned}\n`,
    )
    await project.ok('-f', 'compose.yaml', '-f', 'lock.yaml', 'up', '-d')
    const containers = await containersOf(engine.client(), 'regcli')
    assert.deepEqual(
      containers.map(({ State, Config }) => [State.Status, Config.Image]),
      [
        ['running', pinned],
        ['running', pinned],
      ],
    )
    // a digest of the file is believed, one that cannot be found is an error
    proxy.seen.length = 0
    const again = await project.ok('-f', 'compose.yaml', '-f', 'lock.yaml', 'config', '--resolve-image-digests')
    assert.match(again, new RegExp(`image: "?${proxy.host}/team/web@sha256:`))
    assert.deepEqual(proxy.seen, [])
    project.write('none.yaml', `services: { one: { image: '${proxy.host}/team/none:1' } }`)
    const none = await project.run('-f', 'none.yaml', 'config', '--resolve-image-digests', '-q')
    assert.equal(none.exitCode, 1)
    assert.match(none.stderr, /cannot find the digest of image ".*none:1" of service "one"/)
  })

  it('after logout the registry gives nothing', async () => {
    await engine.ok(['logout', proxy.host], { env })
    assert.ok(!readFileSync(join(folder, 'config.json'), 'utf8').includes(proxy.host))
    await using project = twins()
    const pull = await project.run('pull')
    assert.equal(pull.exitCode, 1)
    assert.match(pull.stderr, new RegExp(`mycompose login ${proxy.host}`))
    // told once for both services
    await engine.run(['image', 'rm', '-f', ...(await engine.ok(['image', 'ls', '-q'])).split('\n').filter(Boolean)])
    const up = await project.run('up', '-d')
    assert.equal(up.stderr.match(/^error: /gm)?.length, 1, describeResult(up))
    assert.match(up.stderr, /of service "one", "two"/)
    const curl = await runCommand(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', `${proxy.url}/v2/`])
    assert.equal(curl.stdout, '401')
  })
})
