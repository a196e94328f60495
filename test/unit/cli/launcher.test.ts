import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'

const REPOSITORY = join(import.meta.dirname, '../../..')
const NODE_PATH = `${dirname(process.execPath)}:/usr/bin:/bin`

interface Checkout {
  readonly folder: string
  write(path: string, text: string, mode?: number): Promise<void>
  run(options?: {
    readonly program?: string
    readonly args?: readonly string[]
    readonly path?: string
  }): ReturnType<typeof spawnSync>
}

/** A checkout of programs that only say which one they are. */
async function createCheckout(t: TestContext): Promise<Checkout> {
  const folder = await mkdtemp(join(tmpdir(), 'mycompose-launcher-'))
  t.after(() => rm(folder, { recursive: true }))
  const checkout: Checkout = {
    folder,
    async write(path, text, mode = 0o644) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
      await chmod(join(folder, path), mode)
    },
    run: ({ program = join(folder, 'bin/mycompose'), args = ['a', 'b c'], path = NODE_PATH } = {}) =>
      spawnSync(program, args, { encoding: 'utf8', env: { PATH: path } }),
  }
  await mkdir(join(folder, 'bin'))
  await cp(join(REPOSITORY, 'bin/mycompose'), join(folder, 'bin/mycompose'))
  await checkout.write('src/cli/main.ts', `console.log('source', JSON.stringify(process.argv.slice(2)))`)
  await checkout.write('schemas/x.json', '{}')
  await checkout.write('package.json', '{"type":"module"}')
  return checkout
}

async function addBundle(checkout: Checkout, ageSeconds: number): Promise<void> {
  const time = Date.now() / 1000 - ageSeconds
  await checkout.write('dist/engine.js', '')
  await checkout.write('dist/mycompose.js', `console.log('bundle')`)
  await utimes(join(checkout.folder, 'dist/mycompose.js'), time, time)
}

describe('bin/mycompose', () => {
  test('runs the sources when there is no bundle, arguments untouched', async (t) => {
    assert.equal((await createCheckout(t)).run().stdout, 'source ["a","b c"]\n')
  })

  test('runs the bundle when it is newer than all sources', async (t) => {
    const checkout = await createCheckout(t)
    await addBundle(checkout, -5)
    assert.equal(checkout.run().stdout, 'bundle\n')
  })

  test('a stale bundle is not used', async (t) => {
    const checkout = await createCheckout(t)
    await addBundle(checkout, 60)
    assert.match(String(checkout.run().stdout), /^source/)
  })

  test('works through symbolic links, relative ones too', async (t) => {
    const checkout = await createCheckout(t)
    await symlink('bin/mycompose', join(checkout.folder, 'one'))
    await symlink(join(checkout.folder, 'one'), join(checkout.folder, 'src/two'))
    assert.match(String(checkout.run({ program: join(checkout.folder, 'src/two') }).stdout), /^source/)
  })

  for (const version of ['v20.19.0', 'v24.11.1', 'nonsense'])
    test(`refuses Node ${version}`, async (t) => {
      const checkout = await createCheckout(t)
      await checkout.write('old/node', `#!/bin/sh\necho ${version}\n`, 0o755)
      const { status, stdout, stderr } = checkout.run({ path: `${join(checkout.folder, 'old')}:/usr/bin:/bin` })
      assert.deepEqual([status, stdout], [1, ''])
      assert.match(
        String(stderr),
        new RegExp(`Node >= 24\\.12 is needed, found: ${version}\nhint: run \`npm run setup\``),
      )
    })

  for (const bundled of [false, true])
    test(`keeps Node from reading --env-file for itself (${bundled ? 'bundle' : 'sources'})`, async (t) => {
      const checkout = await createCheckout(t)
      if (bundled) await addBundle(checkout, -5)
      const { status, stderr } = checkout.run({ args: ['--env-file', 'gone'] })
      assert.deepEqual([status, stderr], [0, ''])
    })

  test('prefers the Node that the set-up installed', async (t) => {
    const checkout = await createCheckout(t)
    await checkout.write('.tools/node/bin/node', '#!/bin/sh\necho its own node\n', 0o755)
    assert.equal(checkout.run().stdout, 'its own node\n')
  })
})

describe('the process', () => {
  test('the first line, which an installed package is started by, keeps --env-file from Node too', async (t) => {
    const checkout = await createCheckout(t)
    const [shebang] = (await readFile(join(REPOSITORY, 'src/cli/main.ts'), 'utf8')).split('\n')
    await checkout.write('installed.mjs', `${shebang}\nconsole.log(process.argv.slice(2).join(' '))\n`, 0o755)
    const { status, stdout, stderr } = checkout.run({
      program: join(checkout.folder, 'installed.mjs'),
      args: ['--env-file', 'gone'],
    })
    assert.deepEqual([status, stdout, stderr], [0, '--env-file gone\n', ''])
  })

  const main = join(REPOSITORY, 'src/cli/main.ts')
  const environment = { PATH: '/usr/bin:/bin', HOME: '/nonexistent', XDG_CACHE_HOME: '/nonexistent' }

  test('version', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'version', '--short'], {
      encoding: 'utf8',
      env: environment,
    })
    assert.equal(status, 0)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
    assert.equal(stderr, '')
  })

  test('output that cannot be written is an error', () => {
    const { stderr } = spawnSync(
      '/bin/sh',
      ['-c', '"$0" "$1" version >/dev/full; echo "code $?" >&2', process.execPath, main],
      {
        encoding: 'utf8',
        env: environment,
      },
    )
    assert.match(stderr, /^error: cannot write to standard output: .*ENOSPC.*\ncode 1\n$/)
  })

  test('a current folder that has been removed is an error', () => {
    const script = 'cd "$(mktemp -d)" && rmdir "$PWD" && exec "$0" "$1" config'
    const { status, stderr } = spawnSync('/bin/sh', ['-c', script, process.execPath, main], {
      encoding: 'utf8',
      env: environment,
    })
    assert.match(stderr, /error: the current folder does not exist any more\n/)
    assert.equal(status, 1)
  })

  test('a reader that goes away is no error', () => {
    // far more than a pipe holds
    const services = Array.from({ length: 500 }, (_, index) => `  s${index}: { image: ${'x'.repeat(500)} }`)
    const line = `"$0" "$1" -f - config; echo "code $?" >&2`
    const { stderr } = spawnSync('/bin/sh', ['-c', `(${line}) | head -c 10`, process.execPath, main], {
      encoding: 'utf8',
      env: environment,
      input: `name: p\nservices:\n${services.join('\n')}\n`,
    })
    assert.equal(stderr, 'code 0\n')
  })
})
