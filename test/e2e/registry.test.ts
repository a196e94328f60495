/**
 * A registry with a password, as a user types it: login, push, what `up` and `pull` fetch and what they leave alone,
 * digests, logout. The registry stands behind a proxy that counts requests.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, after, describe, it, type TestContext } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { describeResult, runCommand } from '../support/command.ts'
import { composeFile, containersOf, idle } from '../support/compose.ts'
import { useEngine, type ProjectUnderTest } from '../support/engine.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { tarOf } from '../support/tar-bytes.ts'

const CLI = join(import.meta.dirname, '../../bin/mycompose')

/** Runs in a terminal of its own (util-linux' script) and answers each question when it has been asked. */
async function inTerminal(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  answers: readonly (readonly [question: RegExp, answer: string])[],
): Promise<{ readonly exitCode: number | null; readonly shown: string }> {
  const child = spawn('script', ['-qec', argv.join(' '), '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'dumb', ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const left = [...answers]
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString()
    const [next] = left
    if (next === undefined || !next[0].test(shown)) return
    left.shift()
    child.stdin.write(next[1])
  })
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve))
  assert.deepEqual(left, [], `not asked: ${shown}`)
  return { exitCode, shown }
}

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

  it('login asks on a terminal: name and password, of which nothing shows; Ctrl-C ends it', async () => {
    await engine.ok(['logout', proxy.host], { env })
    const dialogue = (...answers: readonly (readonly [question: RegExp, answer: string])[]) =>
      inTerminal([CLI, 'login', proxy.host], { ...env, MYCOMPOSE_ROOT: engine.config.paths.root }, answers)
    const name = [/User name for [^ ]+: $/, `${LOGIN.username}\r`] as const
    const canceled = await dialogue(name, [/Password of ann: $/, `hun\u0003`])
    assert.deepEqual([canceled.exitCode, canceled.shown.includes('hun')], [130, false], canceled.shown)
    const wrong = await dialogue(name, [/Password of ann: $/, 'mistaken\r'])
    assert.deepEqual([wrong.exitCode, wrong.shown.includes('mistaken')], [1, false], wrong.shown)
    // a slip and its correction
    const good = await dialogue(name, [/Password of ann: $/, `x\u007F${LOGIN.password}\r`])
    assert.equal(good.exitCode, 0, good.shown)
    assert.match(good.shown, /Login Succeeded/)
    assert.ok(!good.shown.includes(LOGIN.password))
    const again = await dialogue()
    assert.match(again.shown, /Trying the login that is kept/)
    assert.equal(again.exitCode, 0, again.shown)
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

describe('pull, as its options say', () => {
  const engine = useEngine({ busybox: false })
  const ends: (() => Promise<void> | void)[] = []
  const scene = { after: (end: () => Promise<void> | void) => ends.push(end) } as unknown as TestContext
  let registry: TestRegistry
  let proxy: FaultProxy

  before(async () => {
    registry = await startRegistry(scene)
    const names = ['web:1', 'db:1', 'built:1']
    await registry.add(
      ...names.map((name) => ({ name, layers: [tarOf({ path: name.replace(':', '-'), content: name })] })),
    )
    proxy = await startFaultProxy(scene, registry.url)
  })
  after(async () => {
    for (const end of ends.toReversed()) await end()
  })

  const image = (name: string): string => `${proxy.host}/${name}`
  const present = async (): Promise<string[]> =>
    (await engine.ok(['image', 'ls', '--format', 'json']))
      .match(/"(?:web|db|built):1"|\/(web|db|built)"/g)
      ?.toSorted() ?? []
  async function emptied(): Promise<void> {
    await engine.ok(['image', 'prune', '-a', '-f'])
    proxy.seen.length = 0
    assert.deepEqual(await present(), [])
  }
  /** Names of the images that were asked for. */
  const asked = (): string[] =>
    [...new Set(proxy.seen.flatMap(({ path }) => /^\/v2\/([^/]+)\/manifests/.exec(path)?.[1] ?? []))].toSorted()

  it('the named services; --include-deps: and what they depend on', async () => {
    await emptied()
    const web = { image: image('web:1'), depends_on: ['db'] }
    await using project = engine.project(composeFile('deps', { web, db: { image: image('db:1') } }))
    await project.ok('pull', 'web')
    assert.deepEqual(asked(), ['web'])
    await project.ok('pull', '--include-deps', 'web')
    assert.deepEqual(asked(), ['db', 'web'])
  })

  it('--ignore-buildable, --ignore-pull-failures, and a failure that is not ignored', async () => {
    await emptied()
    const built = { image: image('built:1'), build: { context: '.' } }
    const services = { web: { image: image('web:1') }, built, gone: { image: image('gone:1') } }
    await using project = engine.project(composeFile('ignoring', services))
    const failed = await project.run('pull', '--ignore-buildable')
    assert.equal(failed.exitCode, 1, describeResult(failed))
    assert.match(failed.stderr, /^error: cannot pull image "[^"]+gone:1" of service "gone": .*has not got/m)
    assert.match(failed.stderr, /^hint: check the name and the tag$/m)
    assert.deepEqual(asked(), ['gone', 'web'])
    const ignored = await project.run('pull', '--ignore-pull-failures')
    assert.equal(ignored.exitCode, 0, describeResult(ignored))
    assert.match(ignored.stderr, /warning: .*gone:1/)
    assert.deepEqual(asked(), ['built', 'gone', 'web'])
  })

  it('--policy always asks, missing asks nobody for what is here', async () => {
    await emptied()
    const services = { web: { image: image('web:1'), pull_policy: 'missing' }, db: { image: image('db:1') } }
    await using project = engine.project(composeFile('policies', services))
    await project.ok('pull', '--policy', 'missing')
    assert.deepEqual(asked(), ['db', 'web'])
    proxy.seen.length = 0
    await project.ok('pull', '--policy', 'missing')
    assert.deepEqual(asked(), [])
    await project.ok('pull', '--policy', 'always')
    assert.deepEqual(asked(), ['db', 'web'])
    const never = await project.run('pull', '--policy', 'never')
    assert.notEqual(never.exitCode, 0)
    assert.match(never.stderr, /choices are missing, always/)
  })

  it('up --quiet-pull tells of images, not of layers; without it of both; --progress json in objects', async () => {
    await using project = engine.project(composeFile('quiet', { web: { image: image('web:1'), command: ['/x'] } }))
    const pulled = async (...args: readonly string[]): Promise<string> => {
      await emptied()
      // what it would run is in no image: only the pull matters here
      const { stderr } = await project.run(...args)
      await project.run('down')
      return stderr
    }
    const layers = /Pull complete|Downloading|Pulling fs layer/
    const quiet = await pulled('up', '-d', '--quiet-pull')
    assert.match(quiet, /Image [^ ]+web:1 Pulled/)
    assert.doesNotMatch(quiet, layers)
    assert.match(await pulled('up', '-d'), layers)
    const objects = (await pulled('--progress', 'json', 'up', '-d'))
      .split('\n')
      .filter((line) => line.includes('"parent_id"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const counted = objects.find(({ text, total }) => text === 'Extracting' && total !== undefined)
    assert.equal(counted?.['parent_id'], `Image ${image('web:1')}`)
    assert.equal(counted?.['percent'], 100)
    assert.equal((await engine.run(['image', 'pull', '-q', image('db:1')])).stderr, '')
  })

  it('image push: the platforms that are here, all of them, one', async () => {
    const [from, to] = [image('many:1'), image('copied:1')]
    const archs = ['amd64', 'arm64', 's390x'].map((architecture) => ({ os: 'linux', architecture }))
    await registry.add(
      ...archs.map((platform) => ({
        name: 'many:1',
        layers: [tarOf({ path: 'arch', content: platform.architecture })],
        platform,
      })),
    )
    for (const platform of ['linux/arm64', 'linux/amd64'])
      await engine.ok(['image', 'pull', '-q', '--platform', platform, from])
    await engine.ok(['image', 'tag', from, to])
    assert.match(await engine.ok(['image', 'ls', '--filter', `reference=${to}`]), /copied +1 +[^]*1 \(linux\/arm64\) /)
    const pushed = await engine.run(['image', 'push', to])
    assert.equal(pushed.exitCode, 0, describeResult(pushed))
    assert.match(pushed.stderr, /copied:1 was pushed without linux\/s390x: not here/)
    const all = await engine.run(['image', 'push', '--all-platforms', to])
    assert.equal(all.exitCode, 1, describeResult(all))
    assert.match(all.stderr, /copied:1 is not here for linux\/s390x$/m)
    assert.match(all.stderr, /^hint: pull them first \(mycompose image pull --platform linux\/s390x /m)
    const both = await engine.run(['image', 'push', '--all-platforms', '--platform', 'linux/arm64', to])
    assert.match(both.stderr, /'--all-platforms' cannot be used with option '--platform/)
    await engine.ok(['image', 'push', '--platform', 'linux/arm64', to])
    const judge = ['inspect', '--format', '{{.Architecture}}', '--tls-verify=false', '--override-arch', 'arm64']
    assert.equal((await registry.skopeo(...judge, `docker://${registry.host}/copied:1`)).trim(), 'arm64')
    await engine.ok(['image', 'rm', from, to])
  })

  it('image pull says what to do: wrong name, no registry there, a login, a Debian image without a network', async () => {
    const hintOf = async (name: string): Promise<string> => {
      const { exitCode, stderr } = await engine.run(['image', 'pull', name])
      assert.equal(exitCode, 1, stderr)
      return /^hint: (.*)$/m.exec(stderr)?.[1] ?? stderr
    }
    assert.equal(await hintOf(image('none:1')), 'check the name and the tag')
    assert.match(await hintOf('127.0.0.1:1/web:1'), /mirror in \/etc\/mycompose\/registries\.json.*image import FILE/)
    proxy.rule = () => ({ kind: 'answer', status: 403 })
    assert.match(await hintOf(image('web:1')), new RegExp(`mycompose login ${proxy.host}`))
    proxy.rule = () => ({ kind: 'answer', status: 429, headers: { 'retry-after': '3600' } })
    assert.match(await hintOf(image('web:1')), /wait, log in for a higher limit/)
    proxy.rule = () => undefined
    const settings = { mirrors: { 'docker.io': ['http://127.0.0.1:1'] } }
    writeFileSync(join(engine.config.paths.root, 'registries.json'), JSON.stringify(settings))
    // nobody is at the mirror; whether Docker Hub is reached from here decides which of the two it is
    const { exitCode, stderr } = await engine.run(['image', 'pull', 'debian:no-such-tag'], { timeoutMs: 200_000 })
    assert.equal(exitCode, 1)
    assert.match(stderr, /^hint: /m)
  })
})
