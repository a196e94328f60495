/** Mounts inside of mounts, with both runtimes: what lies where, read-only or not, what is refused, and what is left. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createDriver, shell } from './containers-driver.ts'
import { openTestEngine, type TestEngine } from './containers-support.ts'

let engine: TestEngine
let keepAlive: NodeJS.Timeout
const { outputOf } = createDriver(() => engine)

before(async () => {
  keepAlive = setInterval(() => {}, 1000)
  engine = await openTestEngine()
})
after(async () => {
  clearInterval(keepAlive)
  const { root } = engine.base.config.paths
  await engine[Symbol.asyncDispose]()
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(root), 'no mount is left')
})

const volume = (name: string): string => join(engine.base.config.paths.volumes, name)

/** A folder of the host with the file `name`. */
function folder(name: string): string {
  const path = join(engine.base.config.paths.root, '..', name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'file'), `${name}\n`)
  return path
}

for (const Runtime of ['crun', 'runc'] as const) {
  test(`${Runtime}: volumes, binds, files and tmpfs inside of a volume`, async () => {
    const [one, two] = [folder('one'), folder('two')]
    const output = await outputOf({
      Cmd: shell(
        [
          'cat /v/a/file /v/a/deep/er/file /v/single',
          'echo x > /v/a/deep/er/written; echo x > /v/b/written; echo x > /v/written',
          'echo x > /v/c/no; grep " /v" /proc/mounts | busybox cut -d" " -f2,3 | busybox sort',
          'grep " /v/b " /proc/mounts | grep -o "nosuid\\|noexec\\|size=[0-9]*k"',
        ].join('; '),
      ),
      HostConfig: {
        Runtime,
        Binds: [
          `outer-${Runtime}:/v`,
          `${one}:/v/a`,
          `${two}:/v/a/deep/er`,
          `${one}/file:/v/single:ro`,
          `${one}:/v/c:ro`,
        ],
        Tmpfs: { '/v/b': 'size=1m,exec' },
      },
    })
    const type = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .findLast((line) => line.split(' ')[1] === '/')
      ?.split(' ')[2]
    const points = ['/v', '/v/a', '/v/a/deep/er', '/v/b', '/v/c', '/v/single']
    assert.deepEqual(
      output.split('\n').filter((line) => !line.includes('Read-only')),
      [
        'one',
        'two',
        'one',
        ...points.map((point) => `${point} ${point === '/v/b' ? 'tmpfs' : type}`),
        'nosuid',
        'size=1024k',
        '',
      ],
    )
    assert.match(output, /\/v\/c\/no: Read-only file system/)
    assert.ok(existsSync(join(two, 'written')))
    assert.deepEqual(readdirSync(join(volume(`outer-${Runtime}`), 'b')), [], 'the tmpfs has it')
    assert.deepEqual(readdirSync(volume(`outer-${Runtime}`)).toSorted(), ['a', 'b', 'c', 'single', 'written'])
    assert.ok(
      !readFileSync('/proc/self/mountinfo', 'utf8').includes(`${volume(`outer-${Runtime}`)}/`),
      'none in the source',
    )
  })

  test(`${Runtime}: what is writable inside of what is read-only, with all below it`, async () => {
    const outer = folder('outer')
    for (const name of ['inner', 'disk']) mkdirSync(join(outer, name), { recursive: true })
    const { mounts } = engine.base.host
    mounts.mount({ source: 'tmpfs', target: join(outer, 'disk'), type: 'tmpfs' })
    try {
      const Binds = [`${outer}:/v:ro`, `${folder('inner')}:/v/inner`]
      const script = 'for at in /v /v/inner /v/disk; do touch $at/new 2>/dev/null && echo $at; done; echo end'
      assert.equal(await outputOf({ Cmd: shell(script), HostConfig: { Runtime, Binds } }), '/v/inner\nend\n')
    } finally {
      mounts.umount(join(outer, 'disk'))
    }
    assert.equal(existsSync(join(outer, 'new')), false)
  })

  test(`${Runtime}: /etc is a volume, and the files of the engine are in it`, async () => {
    const request = {
      Hostname: 'named',
      Cmd: shell('cat /etc/hostname /etc/own; hostname'),
      HostConfig: { Runtime, Binds: [`etc-${Runtime}:/etc`] },
    }
    mkdirSync(volume(`etc-${Runtime}`), { recursive: true })
    writeFileSync(join(volume(`etc-${Runtime}`), 'own'), 'own\n')
    assert.equal(await outputOf(request), 'named\nown\nnamed\n')
    assert.equal(readFileSync(join(volume(`etc-${Runtime}`), 'hostname'), 'utf8'), '')
  })
}

test('a mount point that cannot be made is told, and nothing is made', async () => {
  const source = folder('hostile')
  const canary = folder('canary')
  symlinkSync(canary, join(source, 'absolute'))
  symlinkSync('../canary', join(source, 'relative'))
  symlinkSync('real', join(source, 'good'))
  const at = (inner: string, mode = 'rw'): string[] => [`${source}:/v:${mode}`, `inner:/v/${inner}`]
  for (const [Binds, hint] of [
    [at('absolute/deep'), /leads out/],
    [at('relative/deep'), /leads out/],
    [at('missing', 'ro'), /read-only/],
    [at('file'), /a file is where/],
    [at('file/deep'), /a file is where/],
  ] as const)
    await assert.rejects(
      outputOf({ Cmd: ['true'], HostConfig: { Binds } }),
      (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, 'MOUNT_POINT', error.message)
        assert.match(error.hint ?? '', hint)
        return true
      },
    )
  assert.deepEqual(readdirSync(canary), ['file'])
  assert.equal(existsSync(join(source, 'missing')), false)
  mkdirSync(join(source, 'real'))
  const Binds = at('good')
  assert.match(await outputOf({ Cmd: ['cat', '/proc/mounts'], HostConfig: { Binds } }), / \/v\/real /)
})
