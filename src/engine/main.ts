/**
 * The engine process: `node src/engine/main.ts --root DIR [--storage-driver overlay|vfs] [--doctor]` (bundle:
 * dist/engine.js). With --doctor it only looks, and prints its findings as JSON. Takes the root's lock, opens the engine, listens, prints "ready", and from then on writes to its log only. It ends with 0 when asked to (SIGTERM,
 * SIGINT, shutdown request) and leaves containers running, unless the whole machine goes down; with 3 when another engine has the root; with 1 and one line
 * of JSON {code, message, hint} on stderr when it cannot start; with 70 when it met a bug it cannot go on from.
 */
import { parseArgs } from 'node:util'
import { ALREADY_RUNNING_EXIT_CODE, DEFAULT_ROOT, engineConfig, type EngineConfig } from './config.ts'
import type { EngineBase } from './context.ts'
import { diagnose } from './doctor.ts'
import { diagnoseAlone } from './doctor-alone.ts'
import { openEngine, type Engine } from './engine.ts'
import { readFacts } from './facts.ts'
import { clearSocketPath, openSocketToGroup, prepareFolders } from './folders.ts'
import { formatLogLine } from './log.ts'
import { openServiceManager, type ServiceManager } from './service-manager.ts'
import { endEngine, settleContainers, type ContainersFate } from './shutdown.ts'
import { createEngineServer } from '../api/server/api.ts'
import type { HostFacts } from '../api/server/context.ts'
import type { ApiServer } from '../api/server/server.ts'
import { MycomposeError, errnoOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { openLogFile } from '../host/log-file.ts'
import { createFilePageRelease } from '../host/file-pages.ts'
import { loadLibc } from '../host/libc.ts'
import { createNodeHost } from '../host/node-host.ts'
import { createProcessControl, type ProcessControl, type ProcessLock } from '../host/process-control.ts'
import { VERSION } from '../version.ts'

const MAX_LOG_BYTES = 10 * 1024 * 1024
/** How long answers that are under way may take when the engine ends. */
const CLOSE_GRACE_MS = 300
const BUG_EXIT_CODE = 70

/** The start is over by then; and code that is used seldom should not stay in memory for ever. */
const RELEASE_PAGES_MS = 30_000

class AlreadyRunning extends MycomposeError {}

/** An engine that ends removes its run folder: when that happens between our two steps, both are done again. */
async function takeLock(config: EngineConfig, host: Host, control: ProcessControl): Promise<ProcessLock> {
  for (let attempt = 1; ; attempt += 1) {
    await prepareFolders(host.files, config)
    try {
      const lock = control.lock(config.paths.lock)
      if (lock !== undefined) return lock
      throw new AlreadyRunning(`an engine for ${config.paths.root} is running already`, {
        code: 'ALREADY_RUNNING',
        exitCode: ALREADY_RUNNING_EXIT_CODE,
        hint: `its socket is ${config.paths.socket}`,
      })
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || attempt === 3) throw error
    }
  }
}

/** Opens the log, and returns how to write to it and how to make it the process's output. */
function openLog(
  config: EngineConfig,
  host: Host,
  control: ProcessControl,
): { log: EngineBase['log']; adopt: () => void } {
  let adopted = false
  const file = openLogFile(config.paths.log, MAX_LOG_BYTES, (fd) => {
    if (adopted) control.redirectOutput(fd)
  })
  return {
    log(level, message, fields) {
      if (level === 'debug') return
      file.write(formatLogLine(host.clock.nowRfc3339(), level, message, fields))
    },
    adopt() {
      // what Node itself says when it dies (out of memory, a fatal V8 error) belongs in the log too
      adopted = true
      control.redirectOutput(file.fd)
    },
  }
}

interface Served {
  readonly engine: Engine
  readonly server: ApiServer
  readonly manager: ServiceManager
}

async function shutDown({ engine, server, manager }: Served, fate: ContainersFate): Promise<void> {
  engine.context.log('info', 'shutting down', { containers: fate })
  await server.close(CLOSE_GRACE_MS)
  if (fate !== 'keep') await manager.notify({ STATUS: 'stopping all containers' })
  await settleContainers(engine.context, fate)
  // not before: from then on systemd counts TimeoutStopSec, also when it was not itself that asked
  await manager.notify({ STOPPING: '1', STATUS: 'ending' })
  await endEngine(engine)
}

/** One ending, however often and for whatever reason it is asked for. */
function createEnding(served: Served, lock: ProcessLock): (decide: () => Promise<ContainersFate>) => void {
  let ending = false
  const { log } = served.engine.context
  return (decide) => {
    if (ending) return
    ending = true
    decide()
      .then((fate) => shutDown(served, fate))
      .then(
        () => {
          log('info', 'ended')
          lock.release()
          process.exit(0)
        },
        (error: unknown) => {
          log('error', 'the end went wrong', { error })
          process.exit(1)
        },
      )
  }
}

function watchForBugs(log: EngineBase['log']): void {
  process.on('unhandledRejection', (error) => {
    // one request's or one container's work; the others have a right to go on
    log('error', 'bug: unhandled rejection', { error })
  })
  process.on('uncaughtException', (error) => {
    log('error', 'bug: uncaught exception, the engine ends; containers go on', { error })
    process.exit(BUG_EXIT_CODE)
  })
}

async function start(root: string, storageDriver: string | undefined): Promise<void> {
  // inherited by conmon, crun and the containers: 0o077 would make their mount points unreadable to other users
  process.umask(0o022)
  process.chdir('/')
  const host = createNodeHost(process.env)
  const libc = loadLibc()
  const control = createProcessControl(libc)
  control.closeInherited()
  const config = engineConfig(root, VERSION)
  const lock = await takeLock(config, host, control)
  const { log, adopt } = openLog(config, host, control)
  watchForBugs(log)
  log('info', 'starting', { version: VERSION, pid: process.pid, root: config.paths.root, node: process.version })
  const manager = openServiceManager(host, { environment: process.env, log })
  delete process.env['NOTIFY_SOCKET'] // ours alone: nothing that we start is to speak for us
  await manager.notify({ STATUS: 'starting: looking after the containers' })
  const engine = await openEngine(config, host, log, { storageDriver })
  const { context } = engine
  let facts: Promise<HostFacts> | undefined
  let end: (decide: () => Promise<ContainersFate>) => void = () => {}
  const server = createEngineServer({
    engine: context,
    control: {
      startedAt: host.clock.nowRfc3339(),
      facts: () => (facts ??= readFacts(host)),
      doctor: () => diagnose(context),
      // the answer goes out first
      requestShutdown: ({ all }) => void setImmediate(() => end(async () => (all ? 'stop' : 'keep'))),
    },
  })
  await clearSocketPath(host.files, config.paths.socket)
  // before anybody can connect: command lines of another version look here (cli/handover.ts)
  await host.files.writeAtomic(config.paths.pidFile, `${process.pid}\n${VERSION}\n`, { mode: 0o644 })
  await listenPrivately(server, config.paths.socket)
  await openSocketToGroup(host.files, config.paths.socket)
  end = createEnding({ engine, server, manager }, lock)
  const fateAtSignal = async (): Promise<ContainersFate> => ((await manager.isMachineStopping()) ? 'halt' : 'keep')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(fateAtSignal))
  process.on('SIGHUP', () => {}) // the terminal that started us closed
  log('info', 'ready', { socket: config.paths.socket })
  control.print(1, 'ready\n')
  control.closeInput()
  adopt()
  await manager.notify({ READY: '1', STATUS: `listening on ${config.paths.socket}` })
  const releasePages = createFilePageRelease(libc)
  setTimeout(releasePages, 1000).unref()
  setInterval(releasePages, RELEASE_PAGES_MS).unref()
}

/** Nobody else may connect before the socket has its group and mode. bind(2) happens before `listen` returns. */
function listenPrivately(server: ApiServer, socketPath: string): Promise<void> {
  const usual = process.umask(0o077)
  try {
    return server.listen(socketPath)
  } finally {
    process.umask(usual)
  }
}

function reportStartFailure(error: unknown): void {
  const isOurs = error instanceof MycomposeError
  const message = error instanceof Error ? error.message : String(error)
  const report = isOurs ? { code: error.code, message, hint: error.hint } : { code: 'INTERNAL', message }
  process.stderr.write(`${JSON.stringify(report)}\n`, () => process.exit(isOurs ? error.exitCode : 1))
}

/** For a machine on which no engine runs, or can. */
async function examine(root: string, storageDriver: string | undefined): Promise<void> {
  const control = createProcessControl(loadLibc())
  const lock = (path: string): ProcessLock | undefined => control.lock(path)
  const findings = await diagnoseAlone(engineConfig(root, VERSION), createNodeHost(process.env), {
    storageDriver,
    lock,
  })
  process.stdout.write(JSON.stringify(findings), () => process.exit(0))
}

const { values } = parseArgs({
  options: {
    root: { type: 'string', default: DEFAULT_ROOT },
    'storage-driver': { type: 'string' },
    doctor: { type: 'boolean', default: false },
  },
})
const task = values.doctor ? examine : start
task(values.root, values['storage-driver']).catch(reportStartFailure)
