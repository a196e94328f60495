/** RUN --mount: binds and tmpfs, what a step sees, what stays, and that mount points are in no layer. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { RunMount } from '../../src/engine/build/plan.ts'
import { bind, cache, secret, withMounts } from './build-run-mount-kinds.ts'
import { hostOrigin, openBuildEngine, type BuildEngine } from './build-run-support.ts'

describe('RUN --mount', () => {
  let build: BuildEngine
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    build = await openBuildEngine({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
  })

  describe('bind', () => {
    it('shows a folder of the context, read-only, with no trace in the layer', async () => {
      const folder = build.folder({ 'a/b.txt': 'B' })
      const { stdout, layer } = await build.run(
        'cat /src/a/b.txt; echo; touch /src/x 2>&1 || true',
        withMounts([bind()], folder),
      )
      assert.match(stdout, /^B\n.*Read-only file system/)
      assert.equal(layer, undefined)
    })

    it('takes a folder or a file inside, links within the origin followed', async () => {
      const folder = build.folder({ 'a/b.txt': 'B' })
      fs.symlinkSync('/a', join(folder, 'link'))
      const mounts = [bind({ source: 'link' }), bind({ source: 'a/b.txt', target: '/one.txt' })]
      assert.equal((await build.run('cat /src/b.txt /one.txt', withMounts(mounts, folder))).stdout, 'BB')
    })

    it('hides what .dockerignore leaves out', async () => {
      const folder = build.folder({ 'a/keep': 'K', 'a/.env': 'E', '.git/config': 'G', 'a/deep/x': 'X' })
      const hidden = ['a/.env', '.git', 'a/deep/x']
      const wish = withMounts([bind()], folder)
      const { stdout } = await build.run('cd /src; find . | sort', {
        ...wish,
        origins: new Map([[0, hostOrigin(folder, hidden)]]),
      })
      assert.equal(stdout, '.\n./a\n./a/deep\n./a/keep\n')
      const written = await build.run('cd /src; find . | sort', {
        ...withMounts([bind({ readOnly: false })], folder),
        origins: new Map([[0, hostOrigin(folder, hidden)]]),
      })
      assert.equal(written.stdout, stdout)
      for (const source of ['.git', '.git/config', 'a/.env']) {
        const failure = await build.failure('true', {
          ...withMounts([bind({ source })], folder),
          origins: new Map([[0, hostOrigin(folder, hidden)]]),
        })
        assert.equal(failure.code, 'MOUNT_SOURCE', source)
      }
      const below = await build.run('ls -A /src', {
        ...withMounts([bind({ source: 'a' })], folder),
        origins: new Map([[0, hostOrigin(folder, hidden)]]),
      })
      assert.equal(below.stdout, 'deep\nkeep\n')
    })

    it('is root’s, though the folder of the host is another user’s: git asks', async () => {
      const folder = build.folder({ '.git/config': 'G', 'a/f': 'F' })
      execFileSync('chown', ['-R', '1000:1000', folder])
      for (const readOnly of [true, false]) {
        const { stdout } = await build.run(
          'stat -c "%u %g" /src /src/.git; cat /src/.git/config',
          withMounts([bind({ readOnly })], folder),
        )
        assert.equal(stdout, '0 0\n0 0\nG')
      }
      const inside = await build.run('stat -c %u /src', withMounts([bind({ source: 'a' })], folder))
      assert.equal(inside.stdout, '0\n')
      assert.equal(fs.statSync(join(folder, '.git')).uid, 1000)
    })

    it('throws away what is written to one that is rw, folder or file', async () => {
      const folder = build.folder({ f: 'old', g: 'old' })
      const mounts = [bind({ readOnly: false }), bind({ readOnly: false, source: 'g', target: '/g' })]
      const script = 'echo new > /src/f; echo more > /src/more; rm -f /src/g; cat /src/f; echo new > /g; cat /g'
      const { stdout, layer } = await build.run(script, withMounts(mounts, folder))
      assert.equal(stdout, 'new\nnew\n')
      assert.equal(layer, undefined)
      assert.deepEqual(fs.readdirSync(folder).toSorted(), ['f', 'g'])
      assert.equal(fs.readFileSync(join(folder, 'f'), 'utf8'), 'old')
      assert.equal(fs.readFileSync(join(folder, 'g'), 'utf8'), 'old')
      assert.deepEqual(fs.readdirSync(build.config.paths.temporary), [])
    })

    it('may hold other mounts where the context has no folder for them', async () => {
      const folder = build.folder({ 'package.json': '{}' })
      const mounts = [
        bind(),
        cache({ target: '/src/node_modules' }),
        bind({ target: '/src/one', source: 'package.json' }),
      ]
      const { stdout, layer } = await build.run(
        'echo x > /src/node_modules/x; ls /src; cat /src/one',
        withMounts(mounts, folder),
      )
      assert.equal(stdout, 'node_modules\none\npackage.json\n{}')
      assert.equal(layer, undefined)
      assert.deepEqual(fs.readdirSync(folder), ['package.json'])
    })

    it('shows a state', async () => {
      const chainIds = await build.state((root) => fs.writeFileSync(join(root, 'data/stage'), 'S'))
      await build.engine.context.layers.withImageMounted(chainIds, async (root) => {
        const origins = new Map([[0, { folder: root, kind: 'state' as const, identity: 'x' }]])
        const script = 'cat /src/stage; touch /src/new 2>&1 || true'
        const wish = { work: { mounts: [bind({ source: '/data' })] }, origins }
        assert.match((await build.run(script, wish)).stdout, /^S.*Read-only/)
        const written = { work: { mounts: [bind({ source: '/data', readOnly: false })] }, origins }
        assert.equal((await build.run('echo N > /src/stage; cat /src/stage', written)).stdout, 'N\n')
        assert.equal(fs.readFileSync(join(root, 'data/stage'), 'utf8'), 'S')
      })
    })

    it('says when the file system of the context cannot be under an overlay', async () => {
      const folder = build.folder()
      for (const name of ['a', 'b', 'one', 'two']) fs.mkdirSync(join(folder, name))
      const over = (lower: string, target: string): void => {
        const options = `lowerdir=${join(folder, lower)}:${join(folder, 'b')}`
        execFileSync('mount', ['-t', 'overlay', '-o', options, 'overlay', join(folder, target)])
      }
      over('a', 'one')
      over('one', 'two') // as deep as the kernel lets them be
      try {
        const failure = await build.failure('true', withMounts([bind()], join(folder, 'two')))
        assert.equal(failure.code, 'MOUNT_SOURCE')
        assert.match(failure.message, /file system cannot be below an overlay/)
      } finally {
        for (const name of ['two', 'one']) execFileSync('umount', [join(folder, name)])
      }
    })

    it('says which source is not there', async () => {
      const failure = await build.failure('true', withMounts([bind({ source: 'no/such' })], build.folder()))
      assert.deepEqual(
        [failure.code, failure.message],
        ['MOUNT_SOURCE', 'cannot mount "no/such" on /src: it is not there'],
      )
    })
  })

  it('tmpfs: empty, of the size that is given, with programs that run', async () => {
    const mount: RunMount = { kind: 'tmpfs', target: '/mem', sizeBytes: 2 ** 20 }
    const script =
      'df -k /mem | tail -n 1; cp /bin/busybox /mem/ 2>/dev/null; printf "#!/bin/sh\\necho ran" > /mem/p; chmod +x /mem/p; /mem/p'
    const { stdout, layer } = await build.run(
      'rm -f /mem/busybox; ' + script.replace('cp /bin/busybox /mem/ 2>/dev/null; ', ''),
      withMounts([mount]),
    )
    assert.match(stdout, /\b1024\b/)
    assert.match(stdout, /ran\n$/)
    assert.equal(layer, undefined)
  })

  describe('mount points', () => {
    it('go again with all folders that were made for them, times and all', async () => {
      const mounts: RunMount[] = [
        { kind: 'tmpfs', target: '/new/deep/point', sizeBytes: undefined },
        secret({ target: '/etc/deep/token' }),
      ]
      const { layer } = await build.run('true', {
        ...withMounts(mounts),
        secrets: new Map([['token', Buffer.from('x')]]),
      })
      assert.equal(layer, undefined)
    })

    it('stay with what the step put beside them', async () => {
      const mounts: RunMount[] = [{ kind: 'tmpfs', target: '/new/deep/point', sizeBytes: undefined }]
      const { layer } = await build.run('echo x > /new/beside; echo y > /new/deep/point/lost', withMounts(mounts))
      assert.deepEqual(layer, ['+ new', '+ new/beside'])
    })

    it('that were there stay', async () => {
      const mounts: RunMount[] = [{ kind: 'tmpfs', target: '/data', sizeBytes: undefined }]
      const { layer, stdout } = await build.run('ls -A /data', withMounts(mounts))
      assert.deepEqual([layer, stdout], [undefined, ''])
    })

    it('lie where links of the image lead', async () => {
      const chainIds = await build.state((root) => {
        fs.mkdirSync(join(root, 'real'))
        fs.symlinkSync('/real', join(root, 'link'))
      })
      const mounts: RunMount[] = [{ kind: 'tmpfs', target: '/link/point', sizeBytes: undefined }]
      const { layer, stdout } = await build.run('grep -c " /real/point " /proc/self/mountinfo', {
        ...withMounts(mounts),
        chainIds,
      })
      assert.deepEqual([layer, stdout], [undefined, '1\n'])
    })

    it('cannot be made in a file', async () => {
      const mounts: RunMount[] = [{ kind: 'tmpfs', target: '/etc/passwd/point', sizeBytes: undefined }]
      assert.equal((await build.failure('true', withMounts(mounts))).code, 'MOUNT_TARGET')
    })

    it('for resolv.conf, when that is a link to nowhere, are made there and go again', async () => {
      const chainIds = await build.state((root) =>
        fs.symlinkSync('../run/resolve/stub.conf', join(root, 'etc/resolv.conf')),
      )
      const { layer, stdout } = await build.run('cat /etc/resolv.conf', { work: { network: 'default' }, chainIds })
      assert.match(stdout, /nameserver/)
      assert.equal(layer, undefined)
    })
  })
})
