import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { PassThrough } from 'node:stream'
import { answers, locateEngine, startEngine } from '../../../src/cli/engine.ts'
import type { CliIo } from '../../../src/cli/io.ts'
import { DEFAULT_ROOT, engineConfig } from '../../../src/engine/config.ts'
import { createCliHost } from '../../../src/host/cli-host.ts'

describe('which engine', () => {
  const cases = [
    { name: 'the default', globals: {}, env: {}, want: engineConfig(DEFAULT_ROOT, 'x').paths.socket },
    { name: '--host first', globals: { host: 'unix:///h', root: '/r' }, env: { MYCOMPOSE_ROOT: '/e' }, want: '/h' },
    {
      name: '--root',
      globals: { root: '/r' },
      env: { DOCKER_HOST: 'unix:///d' },
      want: engineConfig('/r', 'x').paths.socket,
    },
    {
      name: 'MYCOMPOSE_ROOT before DOCKER_HOST',
      globals: {},
      env: { MYCOMPOSE_ROOT: '/e', DOCKER_HOST: 'unix:///d' },
      want: engineConfig('/e', 'x').paths.socket,
    },
    { name: 'DOCKER_HOST', globals: {}, env: { DOCKER_HOST: 'unix:///d' }, want: '/d' },
    { name: 'empty is absent', globals: {}, env: { DOCKER_HOST: '' }, want: '/run/mycompose/engine.sock' },
  ]
  for (const { name, globals, env, want } of cases)
    test(name, () => assert.equal(locateEngine(globals, env).socketPath, want))

  test('only unix sockets', () => {
    assert.throws(() => locateEngine({}, { DOCKER_HOST: 'tcp://10.0.0.1:2375' }), { code: 'USAGE' })
  })
})

/** A program in the engine's place. */
async function engineProgram(t: TestContext, source: string): Promise<CliIo> {
  const folder = await mkdtemp(join(tmpdir(), 'mycompose-cli-'))
  t.after(() => rm(folder, { recursive: true }))
  const engineEntry = join(folder, 'engine.mjs')
  await writeFile(engineEntry, source)
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const host = { ...createCliHost(), userId: 0 }
  return {
    stdin,
    stdout,
    stderr,
    env: { SECRET: 'x', HTTP_PROXY: 'p' },
    cwd: '/',
    host,
    onSignal: () => () => {},
    engineEntry,
  }
}

describe('starting it', () => {
  const config = engineConfig('/nonexistent/root', 'x')

  test('returns when it says ready, with only what it needs of our environment', async (t) => {
    const io = await engineProgram(
      t,
      `const { SECRET, HTTP_PROXY, PATH } = process.env
       if (SECRET || HTTP_PROXY !== 'p' || !PATH || process.cwd() !== '/') process.exit(9)
       if (process.argv.slice(2).join(' ') !== '--root /nonexistent/root') process.exit(8)
       console.log('ready')`,
    )
    await startEngine(config, io)
  })

  test('tells its last words', async (t) => {
    const report = JSON.stringify({ code: 'NO_RUNTIME', message: 'no OCI runtime', hint: 'apt-get install crun' })
    const io = await engineProgram(
      t,
      `console.error('noise'); console.error(${JSON.stringify(report)}); process.exit(1)`,
    )
    await assert.rejects(startEngine(config, io), {
      code: 'NO_RUNTIME',
      message: 'the engine could not start: no OCI runtime',
      hint: 'apt-get install crun',
    })
  })

  test('names what it crashed with', async (t) => {
    const io = await engineProgram(t, `throw new TypeError('oops')`)
    await assert.rejects(startEngine(config, io), {
      code: 'ENGINE_START_FAILED',
      message: 'the engine could not start (exit code 1): TypeError: oops',
    })
  })

  test('the loser of a race waits for the winner to listen', async (t) => {
    const io = await engineProgram(t, 'process.exit(3)')
    const folder = await mkdtemp(join(tmpdir(), 'mycompose-cli-'))
    t.after(() => rm(folder, { recursive: true }))
    const socket = join(folder, 'engine.sock')
    const server = createServer()
    t.after(() => server.close())
    setTimeout(() => server.listen(socket), 150)
    await startEngine({ ...config, paths: { ...config.paths, socket } }, io)
    assert.equal(await answers({ kind: 'other', socketPath: socket }, io), true)
  })
})
