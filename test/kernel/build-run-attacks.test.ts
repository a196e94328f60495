/**
 * What builders have been broken out of with, rows 26 to 30 of test/ATTACKS.md: cache mounts that are swapped for links,
 * mount points replaced by links before they are cleaned up, origins with hostile links, writes through binds of the context,
 * privileges that nobody granted. A canary on the host must stay as it is.
 * Source: CVE-2024-23651, 23652, 23653, CVE-2024-1753, 9407, 9675, 11218, CVE-2025-4953, CVE-2026-33747.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { MountOrigin } from '../../src/engine/build/run/bind-source.ts'
import type { RunMount } from '../../src/engine/build/plan.ts'
import { hostOrigin, openBuildEngine, type BuildEngine } from './build-run-support.ts'

const SECRET = 'known only on the host'
const main = { kind: 'context', name: 'context', source: { kind: 'directory', path: '/' } } as const

function bind(source: string, readOnly = true, target = '/src'): RunMount {
  return { kind: 'bind', target, from: main, source, readOnly }
}

function cache(source: string): RunMount {
  const owner = { mode: 0o755, uid: 0, gid: 0 }
  return {
    kind: 'cache',
    target: '/cache',
    id: 'race',
    sharing: 'shared',
    from: undefined,
    source,
    readOnly: false,
    ...owner,
  }
}

const tmpfs = (target: string): RunMount => ({ kind: 'tmpfs', target, sizeBytes: undefined })

/** Everything of a folder that a write could change. */
function listing(folder: string): string {
  const options = ['.', '-printf', '%p %y %m %U %G %s %T@ %l\n']
  return execFileSync('find', options, { cwd: folder, encoding: 'utf8' }).split('\n').toSorted().join('\n')
}

describe('a hostile build', () => {
  let build: BuildEngine
  let canary = ''
  let asItWas = ''
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    build = await openBuildEngine({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
  })
  beforeEach(() => {
    canary = build.folder({ secret: SECRET, token: '' })
    fs.mkdirSync(join(canary, 'point'))
    asItWas = listing(canary)
  })
  afterEach(() => assert.equal(listing(canary), asItWas, 'the canary is as it was'))

  const origins = (origin: MountOrigin) => new Map([[0, origin]])

  it('26: a folder of a cache mount that others swap for a link to the host', async () => {
    const swap = `set +e; while :; do rm -rf /cache/d; mkdir /cache/d; rmdir /cache/d; ln -s ${canary} /cache/d; ln -sfn / /cache/d; done`
    const controller = new AbortController()
    const racer = build.failure(swap, { work: { mounts: [cache('')] }, signal: controller.signal })
    const seen = new Set<string>()
    for (let round = 0; round < 25; round += 1) {
      const script = 'ls -A /cache; cat /cache/secret 2>/dev/null || true; echo x > /cache/pwned 2>/dev/null || true'
      const { stdout } = await build
        .run(script, { work: { mounts: [cache('d')] } })
        .catch((error: unknown) => ({ stdout: `failed ${(error as { code?: string }).code}` }))
      seen.add(stdout)
      assert.doesNotMatch(stdout, new RegExp(SECRET))
      assert.doesNotMatch(stdout, /^(?:proc|usr|boot)$/m, 'the root of the host')
    }
    controller.abort()
    assert.equal((await racer).code, 'CANCELED')
    assert.equal(fs.existsSync('/pwned'), false)
    assert.ok(seen.size > 0)
  })

  const replaced = [
    {
      name: 'a folder above the mount point',
      mounts: [tmpfs('/new/deep/point')],
      script: (host: string) => `mv /new/deep /x; ln -s ${host} /new/deep`,
    },
    {
      name: 'the topmost folder that was made',
      mounts: [tmpfs('/new/point')],
      script: (host: string) => `mv /new /x; ln -s ${host} /new`,
    },
    {
      name: 'the folder of a secret',
      mounts: [
        {
          kind: 'secret',
          id: 't',
          target: '/run/secrets/token',
          env: undefined,
          required: true,
          mode: 0o400,
          uid: 0,
          gid: 0,
        } as const,
      ],
      script: (host: string) => `mv /run/secrets /x; ln -s ${host} /run/secrets`,
    },
    {
      name: 'a folder that was made for the system',
      mounts: [],
      script: (host: string) => `mv /etc /x; ln -s ${host} /etc`,
    },
  ]
  for (const { name, mounts, script } of replaced)
    it(`27: ${name} is replaced by a link to the host`, async () => {
      const chainIds = await build.state((root) => fs.rmSync(join(root, 'etc'), { recursive: true }))
      const wish = { work: { mounts }, secrets: new Map([['t', Buffer.from('x')]]), chainIds }
      const { exitCode, layer } = await build.run(script(canary), wish)
      assert.equal(exitCode, 0)
      assert.ok(
        layer?.some((line) => line.startsWith('+ x')),
        'the step did what it wanted',
      )
    })

  it('27: a mount point that is replaced by a file or a folder with content stays', async () => {
    const script = 'mv /new /x; mkdir -p /new/point; echo mine > /new/point/file'
    const { layer } = await build.run(script, { work: { mounts: [tmpfs('/new/point')] } })
    assert.ok(layer?.includes('+ new/point/file'), String(layer))
  })

  it('28: origins whose links lead to the host', async () => {
    const chainIds = await build.state((root) => {
      fs.symlinkSync('/', join(root, 'data/root'))
      fs.symlinkSync('../../../../../../../../..', join(root, 'data/up'))
      fs.symlinkSync(canary, join(root, 'data/canary'))
      fs.symlinkSync('/proc/self/root', join(root, 'data/magic'))
    })
    await build.engine.context.layers.withImageMounted(chainIds, async (root) => {
      for (const source of ['data/root', 'data/up', '../../../../..', 'data/root/data/up/data/root', '/data/root/..']) {
        const wish = {
          work: { mounts: [bind(source)] },
          origins: origins({ folder: root, kind: 'state', identity: '' }),
        }
        const { stdout } = await build.run('ls /src', wish)
        assert.equal(
          stdout,
          (await build.run('ls /', { chainIds })).stdout.replaceAll(/^(?:proc|dev|sys)\n/gm, ''),
          source,
        )
      }
      for (const source of ['data/canary', 'data/magic', `data/canary/secret`]) {
        const wish = {
          work: { mounts: [bind(source)] },
          origins: origins({ folder: root, kind: 'state', identity: '' }),
        }
        assert.equal((await build.failure('ls /src', wish)).code, 'MOUNT_SOURCE', source)
      }
    })
  })

  it('28: a source that is swapped for a link to the host while steps begin', async () => {
    const folder = build.folder({ 'd/mine': 'mine' })
    const d = join(folder, 'd')
    const aside = join(folder, 'aside')
    const over = new AbortController()
    const racer = (async () => {
      while (!over.signal.aborted) {
        fs.renameSync(d, aside)
        fs.symlinkSync(canary, d)
        await new Promise((resolve) => setImmediate(resolve))
        fs.unlinkSync(d)
        fs.renameSync(aside, d)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    for (let round = 0; round < 25; round += 1) {
      const wish = { work: { mounts: [bind('d', round % 2 === 0)] }, origins: origins(hostOrigin(folder)) }
      const stdout = await build.run('cat /src/secret 2>/dev/null; ls /src; echo x > /src/secret', wish).then(
        (run) => run.stdout,
        () => '',
      )
      assert.doesNotMatch(stdout, new RegExp(SECRET))
    }
    over.abort()
    await racer
  })

  it('28: names that would be options of the mount', async () => {
    for (const name of ['a,lowerdir=x', 'b:c', 'd\\e', 'f g\ttab', ',upperdir=/,workdir=/']) {
      const folder = build.folder()
      fs.mkdirSync(join(folder, name), { recursive: true })
      fs.writeFileSync(join(folder, name, 'own'), 'own')
      for (const readOnly of [true, false]) {
        const wish = { work: { mounts: [bind(name, readOnly)] }, origins: origins(hostOrigin(folder)) }
        assert.equal((await build.run('ls /src', wish)).stdout, 'own\n', name)
        const whole = { work: { mounts: [bind('', readOnly)] }, origins: origins(hostOrigin(join(folder, name))) }
        assert.equal((await build.run('ls /src', whole)).stdout, 'own\n', name)
      }
    }
  })

  it('28: targets with blanks, commas and colons are names and nothing else', async () => {
    const target = '/new,ro:x y/point'
    const { layer, stdout } = await build.run(`ls -d '${target}'`, { work: { mounts: [tmpfs(target)] } })
    assert.deepEqual([stdout, layer], [`${target}\n`, undefined])
  })

  it('29: nothing that a step does to a bind of the context stays', async () => {
    const folder = build.folder({ f: 'old', 'sub/g': 'old' })
    fs.symlinkSync(canary, join(folder, 'link'))
    fs.linkSync(join(folder, 'f'), join(folder, 'hard'))
    const context = listing(folder)
    const script = `cd /src; echo new > f; chmod 777 f sub; chown 1:1 sub/g; rm -rf sub; mkdir new; touch -d @1 .
      ln -sf / link2; mknod null c 1 3; truncate -s 0 hard; mv f renamed; echo x > link/secret; rm link
      mount -o remount,rw /src; mount --bind / /src; true`
    for (const readOnly of [true, false])
      for (const source of ['', 'f', 'sub']) {
        const wish = { work: { mounts: [bind(source, readOnly)] }, origins: origins(hostOrigin(folder)) }
        await build.run(`(${script}) 2>/dev/null; [ -d /src ] || echo new > /src || true`, wish)
        assert.equal(listing(folder), context, `source ${source}, ${readOnly ? 'ro' : 'rw'}`)
      }
  })

  it('29: pipes of the host in the context lead nowhere', async () => {
    const folder = build.folder()
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const reader = fs.openSync(join(folder, 'pipe'), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
    try {
      const wish = { work: { mounts: [bind('')] }, origins: origins(hostOrigin(folder)) }
      await build.run('timeout 1 sh -c "echo x > /src/pipe" || true', wish)
      assert.equal(fs.readSync(reader, Buffer.alloc(8)), 0, 'nothing came')
      const special = { work: { mounts: [bind('pipe')] }, origins: origins(hostOrigin(folder)) }
      assert.equal((await build.failure('true', special)).code, 'MOUNT_SOURCE')
    } finally {
      fs.closeSync(reader)
    }
  })

  it('29: a folder of the host is not written through a first content of a cache', async () => {
    const folder = build.folder({ 'seed/f': 'old' })
    fs.symlinkSync(canary, join(folder, 'seed/link'))
    const context = listing(folder)
    const mount: RunMount = { ...cache('seed'), from: main, id: 'seed' } as RunMount
    const wish = { work: { mounts: [mount] }, origins: origins(hostOrigin(folder)) }
    await build.run('echo new > /cache/f; (echo x > /cache/link/secret) 2>/dev/null || true', wish)
    assert.equal(listing(folder), context)
  })

  it('30: privileges come with their entitlement alone', async () => {
    for (const work of [{ security: 'insecure' } as const, { network: 'host' } as const])
      for (const entitlements of [[], ['device'], ['security.insecure ', 'NETWORK.HOST']]) {
        const failure = await build.failure('true', { work, entitlements })
        assert.equal(failure.code, 'BUILD_ENTITLEMENT')
      }
  })

  it('an image whose /proc, /dev or /sys is a link is refused', async () => {
    for (const name of ['proc', 'dev', 'sys']) {
      const chainIds = await build.state((root) => fs.symlinkSync(canary, join(root, name)))
      assert.equal((await build.failure('true', { chainIds })).code, 'HOSTILE_IMAGE', name)
    }
  })
})
