/**
 * A private engine for kernel and end-to-end tests: a root of its own, driven by the command line as a user would, and
 * checked for leaks after every test. Call useEngine() inside describe(); it registers the hooks.
 *
 * To test the tests, most of test/e2e also runs against docker compose: MYCOMPOSE_TEST_PEER names its program and
 * DOCKER_HOST the socket. The leak checks are ours alone and left out there.
 */
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, afterEach, before, type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { connectEngine } from '../../src/api/client/connect.ts'
import type { EngineClient } from '../../src/api/client/client.ts'
import { engineConfig, type EngineConfig } from '../../src/engine/config.ts'
import { BUSYBOX_IMAGE, busyboxTar } from './busybox.ts'
import { describeResult, runCommand, startCommand } from './command.ts'
import type { CommandOptions, CommandResult, RunningCommand } from './command.ts'
import { describeTraces, findTraces, idleLeaks, sweep } from './leaks.ts'
import { until } from './poll.ts'

const REPOSITORY = dirname(dirname(import.meta.dirname))
const LAUNCHER = join(REPOSITORY, 'bin/mycompose')
const LEAK_GRACE_MS = 15_000
/** Of ours, what bootstrapping an image may need. */
const PASSED_ON = /^(?:\w*_proxy|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS)$/i

export interface EngineUnderTest {
  readonly config: EngineConfig
  /** The CLI on this engine; any exit code. */
  run(args: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** The CLI, which must end with 0; its standard output. */
  ok(args: readonly string[], options?: CommandOptions): Promise<string>
  /** The CLI, still running. */
  start(args: readonly string[], options?: CommandOptions): RunningCommand
  /** A client of its API; closed with the engine. */
  client(): EngineClient
  /** The engine's process, or undefined while it does not run. */
  pid(): number | undefined
  /** A folder with these files and, when it goes out of scope, `down -v` in it. */
  project(files: Readonly<Record<string, string>>, options?: ProjectOptions): ProjectUnderTest
}

export interface ProjectOptions {
  /** Variables for the CLI. */
  readonly env?: Readonly<Record<string, string>>
  /** An existing folder instead of a new one; nothing is written or deleted there. */
  readonly folder?: string
}

/** As EngineUnderTest, with the CLI working in the project's folder. */
export interface ProjectUnderTest extends AsyncDisposable {
  readonly folder: string
  run(...args: readonly string[]): Promise<CommandResult>
  ok(...args: readonly string[]): Promise<string>
  start(...args: readonly string[]): RunningCommand
  /** Writes a file of the project anew. */
  write(path: string, text: string): void
}

function environment(root: string): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name))
  const path = `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`
  const own = { PATH: path, HOME: '/root', LC_ALL: 'C.UTF-8', TERM: 'dumb', MYCOMPOSE_ROOT: root }
  return { ...(Object.fromEntries(passed) as Record<string, string>), ...own }
}

function createProject(
  engine: EngineUnderTest,
  files: Readonly<Record<string, string>>,
  { env = {}, folder: existing }: ProjectOptions,
): ProjectUnderTest {
  const folder = existing ?? mkdtempSync(join(tmpdir(), 'mycompose-project-'))
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const [path, text] of Object.entries(files)) write(path, text)
  const options = { cwd: folder, env }
  return {
    folder,
    write,
    run: (...args) => engine.run(args, options),
    ok: (...args) => engine.ok(args, options),
    start: (...args) => engine.start(args, options),
    async [Symbol.asyncDispose]() {
      // a failure of the test itself must not hide behind this one; what stays is found by the leak check
      await engine.run(['down', '-v', '-t', '0', '--remove-orphans'], options).catch(() => {})
      if (existing === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Peer {
  readonly program: string
  readonly dockerHost: string
}

function peerOf(env: Readonly<Record<string, string | undefined>>): Peer | undefined {
  const [program, dockerHost] = [env['MYCOMPOSE_TEST_PEER'], env['DOCKER_HOST']]
  return program === undefined || dockerHost === undefined ? undefined : { program, dockerHost }
}

const PEER: Peer | undefined = peerOf(process.env)

/** The engine of that root; nothing is started before the first command that needs it. */
export function createEngine(root: string): EngineUnderTest & { close(): void } {
  const config = engineConfig(root, 'test')
  const env = { ...environment(root), ...(PEER === undefined ? {} : { DOCKER_HOST: PEER.dockerHost }) }
  const launcher = PEER?.program ?? LAUNCHER
  const socketPath = PEER?.dockerHost.replace('unix://', '') ?? config.paths.socket
  const withEnv = (options: CommandOptions): CommandOptions => ({ ...options, env: { ...env, ...options.env } })
  let connected: EngineClient | undefined
  const engine: EngineUnderTest & { close(): void } = {
    config,
    run: (args, options = {}) => runCommand([launcher, ...args], withEnv(options)),
    async ok(args, options = {}) {
      const result = await engine.run(args, options)
      assert.equal(result.exitCode, 0, describeResult(result))
      return result.stdout
    },
    start: (args, options = {}) => startCommand([launcher, ...args], withEnv(options)),
    client: () => (connected ??= connectEngine({ socketPath })),
    pid() {
      if (!existsSync(config.paths.pidFile)) return undefined
      return Number.parseInt(readFileSync(config.paths.pidFile, 'utf8'), 10)
    },
    project: (files, options = {}) => createProject(engine, files, options),
    close() {
      connected?.close()
      connected = undefined
    },
  }
  return engine
}

/** The last lines of the engine's log, for a test that failed. */
function tellLog(t: TestContext, { config }: EngineUnderTest): void {
  if (!existsSync(config.paths.log)) return
  const tail = readFileSync(config.paths.log, 'utf8').split('\n').slice(-40)
  t.diagnostic(`end of ${config.paths.log}:\n${tail.join('\n')}`)
}

async function importBusybox(client: EngineClient): Promise<void> {
  await client.version() // settles the API version: a stream cannot be sent twice
  const tar = createReadStream(await busyboxTar())
  for await (const { error } of client.images.import(tar, { reference: BUSYBOX_IMAGE })) assert.equal(error, undefined)
}

/** What is found again and again: the kernel frees links of a namespace, and processes end, a moment later. */
async function settled(find: () => Promise<string[]>): Promise<string[]> {
  let leaks = await find()
  const isGone = async (): Promise<boolean> => (leaks = await find()).length === 0
  if (leaks.length > 0) await until(isGone, { what: 'no leak', timeoutMs: LEAK_GRACE_MS }).catch(() => {})
  return leaks
}

/** Registers start, leak checks and stop around the tests of the present describe(). */
export function useEngine({ busybox = true }: { readonly busybox?: boolean } = {}): EngineUnderTest {
  const root = mkdtempSync(join(tmpdir(), 'mycompose-test-'))
  const engine = createEngine(root)
  // what a test left behind is told once, and is no leak of the tests after it
  const told = new Set<string>()
  before(async () => {
    if (PEER !== undefined) await importBusybox(engine.client())
    else if (busybox) await engine.ok(['image', 'import', await busyboxTar(), BUSYBOX_IMAGE])
  })
  afterEach(async (t) => {
    // `error` is not in @types/node yet; it is null for a test that passed
    const context = t as TestContext & { readonly error: unknown }
    if (context.error !== null) tellLog(context, engine)
    if (PEER !== undefined) return
    const leaks = await settled(async () =>
      idleLeaks(engine.config, await findTraces(engine.config), engine.pid()).filter((leak) => !told.has(leak)),
    )
    for (const leak of leaks) told.add(leak)
    if (context.error === null) assert.deepEqual(leaks, [], 'left behind by this test')
  })
  after(async () => {
    engine.close()
    if (PEER !== undefined) return rmSync(root, { recursive: true })
    const stopped = await engine.run(['engine', 'stop'])
    const leaks = await settled(async () =>
      describeTraces(await findTraces(engine.config)).filter((leak) => !told.has(leak)),
    )
    await sweep(engine.config)
    assert.equal(stopped.exitCode, 0, describeResult(stopped))
    assert.deepEqual(leaks, [], 'left behind by an engine that was stopped')
  })
  return engine
}
