/**
 * Finds the engine that a command talks to and starts it when it is not there. The engine is the same program in a
 * process of its own: `node engine.js --root DIR`, in a new session. It prints `ready` once it listens and then turns to
 * its log; before that its last words are one JSON line {code,message,hint} on standard error. Two command lines that
 * start it at once are harmless: it locks its root, and the second one ends with ALREADY_RUNNING_EXIT_CODE.
 */
import { connectEngine } from '../api/client/connect.ts'
import type { EngineClient } from '../api/client/client.ts'
// oxlint-disable-next-line no-restricted-imports -- pure: only derives names and paths from the root folder
import {
  ALREADY_RUNNING_EXIT_CODE,
  DEFAULT_ROOT,
  ENGINE_ENVIRONMENT,
  ENGINE_NODE_FLAGS,
  engineConfig,
  type EngineConfig,
} from '../engine/config.ts'
import { MycomposeError, UsageError, errnoOf } from '../errors.ts'
import { VERSION } from '../version.ts'
import type { GlobalOptions } from './globals.ts'
import type { CliIo } from './io.ts'
import { hasSystemd, unitName, unitPath } from './unit-name.ts'

/** Hundreds of containers to look after, or a machine under emulation: one with 5 took 32 s. */
const START_TIMEOUT_MS = 180_000
const LOOK_AGAIN_MS = 500
/** For so long whoever has the lock may take to answer before we try for it again. */
const LOCK_HOLDER_MS = 2000
/** Of ours, what the engine may need: where its packages come from, and which certificates to trust. */
const PASSED_ON = /^(?:(?:HTTPS?|NO|FTP)_PROXY|SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|TZ|LANG|MYCOMPOSE_\w+)$/i
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export type EngineLocation =
  | { readonly kind: 'own'; readonly config: EngineConfig; readonly socketPath: string }
  /** Somebody else's: never started or stopped by us. */
  | { readonly kind: 'other'; readonly socketPath: string }

export type OwnLocation = Extract<EngineLocation, { kind: 'own' }>

/** --host, --root, MYCOMPOSE_ROOT, DOCKER_HOST, the default root: the first one that is there. @throws UsageError */
export function locateEngine(
  globals: Pick<GlobalOptions, 'host' | 'root'>,
  env: Readonly<Record<string, string>>,
): EngineLocation {
  const own = (root: string): EngineLocation => {
    const config = engineConfig(root, VERSION)
    return { kind: 'own', config, socketPath: config.paths.socket }
  }
  if (globals.host !== undefined) return { kind: 'other', socketPath: socketOf(globals.host, '--host') }
  const root = globals.root ?? env['MYCOMPOSE_ROOT']
  if (root !== undefined && root !== '') return own(root)
  const host = env['DOCKER_HOST']
  if (host !== undefined && host !== '') return { kind: 'other', socketPath: socketOf(host, 'DOCKER_HOST') }
  return own(DEFAULT_ROOT)
}

function socketOf(url: string, source: string): string {
  const path = /^unix:\/\/(\/.+)$/.exec(url)?.[1]
  if (path !== undefined) return path
  throw new UsageError(`${source} "${url}" is not supported`, { hint: 'use unix:///path/to/engine.sock' })
}

/** A client of the engine at that place, which is started first when it is ours and absent. */
export async function openEngine(location: EngineLocation, io: CliIo): Promise<EngineClient> {
  if (location.kind === 'own') await ensureEngine(location, io)
  return connectEngine({ socketPath: location.socketPath })
}

/** It runs when this resolves, and not as an older version than ours. False: it ran already. */
export async function ensureEngine(location: OwnLocation, io: CliIo): Promise<boolean> {
  if (!(await serves(location, io))) {
    await startEngine(location.config, io)
    return true
  }
  const version = runningVersion(location, io)
  if (version === VERSION) return false
  const { ensureVersion } = await import('./handover.ts')
  return ensureVersion(location, io, version)
}

/** What the engine wrote beside its process id; "" when it did not tell. */
function runningVersion({ config }: OwnLocation, io: CliIo): string {
  return io.host.files.readTextSync(config.paths.pidFile)?.split('\n')[1] ?? ''
}

/** Something listens that will also answer. */
async function serves(location: OwnLocation, io: CliIo): Promise<boolean> {
  return (await answers(location, io)) && !isDying(location, io)
}

/**
 * An engine that was killed a moment ago still takes connections while the kernel clears it away, and answers none. Its
 * memory goes first: then its command line is empty (proc_pid_cmdline(5)).
 */
function isDying({ config }: OwnLocation, { host: { files } }: CliIo): boolean {
  const pid = Number.parseInt(files.readTextSync(config.paths.pidFile) ?? '', 10)
  if (Number.isNaN(pid)) return false
  try {
    return files.readTextSync(`/proc/${pid}/cmdline`) === ''
  } catch {
    return false // hidepid: not ours to see
  }
}

/** True when something listens on the socket. @throws MycomposeError ENGINE_ACCESS when we may not talk to it. */
export async function answers(location: EngineLocation, io: CliIo): Promise<boolean> {
  const { connect } = await import('node:net')
  return await new Promise((resolve, reject) => {
    const socket = connect(location.socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => {
      const code = errnoOf(error)
      if (code === 'ENOENT' || code === 'ECONNREFUSED') resolve(false)
      else if (code === 'EACCES' && location.kind === 'own' && io.host.userId !== 0) reject(noAccess(location, error))
      else reject(unreachable(location, error))
    })
  })
}

function noAccess(location: EngineLocation, cause: unknown): MycomposeError {
  return new MycomposeError(`no permission to use the engine at ${location.socketPath}`, {
    code: 'ENGINE_ACCESS',
    hint: 'run as root (sudo mycompose ...), or join the group "mycompose", which is as powerful as root',
    cause,
  })
}

function unreachable(location: EngineLocation, cause: Error): MycomposeError {
  return new MycomposeError(`cannot reach the engine at ${location.socketPath}: ${cause.message}`, {
    code: 'ENGINE_UNREACHABLE',
    hint: location.kind === 'own' ? 'see `mycompose engine status` and `mycompose doctor`' : undefined,
    cause,
  })
}

/** Starts it and waits until it listens. @throws MycomposeError with what the engine said. */
export async function startEngine(config: EngineConfig, io: CliIo): Promise<void> {
  const { host } = io
  if (host.userId !== 0)
    throw new MycomposeError('the engine does not run, and only root can start it', {
      code: 'ENGINE_NEEDS_ROOT',
      hint: 'run it with sudo; once started, members of the group "mycompose" can use it',
    })
  if (host.files.existsSync(unitPath(config)) && hasSystemd(io)) {
    const { systemctl, unitWatch } = await import('./systemd.ts')
    const unit = unitName(config)
    // returns when the engine listens, or when its first try has failed: Restart= may have a second one under way
    const failure: unknown = await systemctl(io, 'start', unit).catch((error: unknown) => error)
    if (await servesWithin(START_TIMEOUT_MS, config, io, unitWatch(io, unit, failure))) return
    throw holdsLock(config)
  }
  const end = host.clock.nowMs() + START_TIMEOUT_MS
  while ((await spawnEngine(config, io)) === 'already running') {
    // another command line started it, or one that was killed has not quite let go of the lock
    if (await servesWithin(LOCK_HOLDER_MS, config, io)) return
    if (host.clock.nowMs() > end) throw holdsLock(config)
  }
}

async function spawnEngine(config: EngineConfig, io: CliIo): Promise<'ready' | 'already running'> {
  const { host } = io
  const child = (await host.exec()).spawn(engineCommand(config, io), {
    env: engineEnvironment(io.env),
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ready = new Promise<'ready'>((resolve) => child.stdout?.once('data', () => resolve('ready')))
  const waiting = new AbortController()
  const late = host.clock.sleep(START_TIMEOUT_MS, waiting.signal).then(
    () => 'late' as const,
    () => 'ready' as const, // called off
  )
  const outcome = await Promise.race([ready, late, child.exited])
  waiting.abort()
  child.stdout?.destroy()
  child.stderr?.destroy()
  child.unref()
  if (outcome === 'ready') return 'ready'
  if (outcome === 'late') throw startFailure(config, said, 'it did not get ready in time')
  if (outcome.exitCode !== ALREADY_RUNNING_EXIT_CODE) throw startFailure(config, said, how(outcome))
  return 'already running'
}

/** argv of the engine's program for that root. */
export function engineCommand({ paths }: EngineConfig, { host, engineEntry, env }: CliIo): string[] {
  return [host.nodePath, ...ENGINE_NODE_FLAGS, engineEntry, '--root', paths.root, ...storageDriver(env)]
}

/** Which way layers are put together; only the first start of a root takes a wish (engine/layers/driver.ts). */
function storageDriver({ MYCOMPOSE_STORAGE_DRIVER: wish = '' }: Readonly<Record<string, string>>): string[] {
  return wish === '' ? [] : ['--storage-driver', wish]
}

/** The variables of an engine that is started from an environment like `env`. */
export function engineEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const passedOn = Object.entries(env).filter(([name]) => PASSED_ON.test(name))
  return { PATH, LC_ALL: 'C.UTF-8', HOME: '/root', ...ENGINE_ENVIRONMENT, ...Object.fromEntries(passedOn) }
}

function how(exit: { readonly exitCode: number | null; readonly signal: string | null }): string {
  return exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`
}

/** False when it does not answer for so long. `assertAlive` is asked now and then. */
async function servesWithin(
  timeoutMs: number,
  config: EngineConfig,
  io: CliIo,
  assertAlive: () => Promise<void> = () => Promise.resolve(),
): Promise<boolean> {
  const location: OwnLocation = { kind: 'own', config, socketPath: config.paths.socket }
  const end = io.host.clock.nowMs() + timeoutMs
  let lookMs = io.host.clock.nowMs() + LOOK_AGAIN_MS
  for (let pauseMs = 2; ; pauseMs = Math.min(100, pauseMs * 1.5)) {
    if (await serves(location, io)) return true
    if (io.host.clock.nowMs() > end) return false
    await io.host.clock.sleep(pauseMs)
    if (io.host.clock.nowMs() < lookMs) continue
    await assertAlive()
    lookMs = io.host.clock.nowMs() + LOOK_AGAIN_MS
  }
}

function holdsLock({ paths }: EngineConfig): MycomposeError {
  return new MycomposeError('an engine holds the lock of this root and does not answer', {
    code: 'ENGINE_UNREACHABLE',
    hint: `see ${paths.log}; its process id is in ${paths.pidFile}`,
  })
}

function startFailure(config: EngineConfig, said: string, why: string): MycomposeError {
  const report = said.split('\n').map(parseReport).findLast(Boolean)
  if (report !== undefined) return new MycomposeError(`the engine could not start: ${report.message}`, report)
  const crash = firstError(said) ?? said.trim().split('\n').at(-1) ?? ''
  return new MycomposeError(`the engine could not start (${why})${crash === '' ? '' : `: ${crash}`}`, {
    code: 'ENGINE_START_FAILED',
    hint: `see ${config.paths.log} and \`mycompose doctor\``,
  })
}

/** The line of an uncaught error in what a Node process said: "Error [ERR_MODULE_NOT_FOUND]: Cannot find ...". */
export function firstError(said: string): string | undefined {
  return /^\w*Error.*$/m.exec(said)?.[0]
}

/** The engine's last words before it gives up. */
function parseReport(line: string): { code: string; message: string; hint?: string } | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const report = JSON.parse(line) as Record<string, unknown>
    const { code, message, hint } = report
    if (typeof code !== 'string' || typeof message !== 'string') return undefined
    return { code, message, ...(typeof hint === 'string' ? { hint } : {}) }
  } catch {
    return undefined // a line cut in half
  }
}
