/**
 * start: root mounted -> network sandbox -> /etc files -> spec -> conmon runs `create` -> `start`. When a step fails,
 * all before it is undone, and the container is as it was, with the error in its state.
 */
import { ConflictError, InvalidRequestError, MycomposeError } from '../../errors.ts'
import { NEVER, type ContainerDocument, type ProcessRecord } from '../../state/containers.ts'
import { isStdinOnce } from './attach.ts'
import { blockWeights } from '../cgroups/block-limits.ts'
import { createWithConmon } from '../runtime/conmon.ts'
import { requireProgram } from '../runtime/programs.ts'
import type { OciRuntime } from '../runtime/runtime.ts'
import { startError } from '../runtime/runtime-error.ts'
import type { Sandbox } from '../services/index.ts'
import type { Platform } from '../platform.ts'
import { publish, type ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'
import { startHealthMonitor } from './health.ts'
import { logDriver } from './logs/log-config.ts'
import { endTornLine } from './logs/torn.ts'
import { parseSharing, sandboxRequest } from './network-mode.ts'
import { prepareSpec } from './prepare-spec.ts'
import { SIGKILL } from './signals.ts'
import { formatOci } from './spec/spec.ts'
import { provideSources, releaseSources } from './mount-sources.ts'
import { etcFilesInside, nestMounts } from './nested-mounts.ts'
import { killStarters } from './starters.ts'
import type { Container, Run } from './store.ts'
import { writeEtcFiles } from './write-etc-files.ts'

/** A bind source may have gone since create; the short syntax makes it. */
function readyBindSources({ host }: ContainersContext, { mounts }: ContainerDocument): void {
  for (const mount of mounts) {
    if (mount.kind !== 'bind') continue
    if (host.files.existsSync(mount.source)) continue
    if (mount.createSource) host.rooted.makeFolders('/', mount.source, 0o755)
    else
      throw new InvalidRequestError(
        `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`,
        { code: 'BIND_SOURCE_MISSING' },
      )
  }
}

export function newRun(startedAtMs: number, cgroupPath: string): Run {
  const { promise, resolve } = Promise.withResolvers<number>()
  return { startedAtMs, cgroupPath, oomKills: 0, ended: promise, end: resolve }
}

/** Own network or not, and the three files where the container is to have its own. */
async function openNetwork(
  context: ContainersContext,
  document: ContainerDocument,
  undo: AsyncDisposableStack,
): Promise<Sandbox | undefined> {
  const sharing = parseSharing('network mode', document.hostConfig.NetworkMode)
  if (sharing.kind !== 'own') return undefined
  undo.defer(() => context.networks.closeSandbox(document.id))
  return context.networks.openSandbox(sandboxRequest(document))
}

/** The files of the container whose network is shared are shared with it. */
async function provideEtcFiles(context: ContainersContext, document: ContainerDocument, sandbox: Sandbox | undefined) {
  const sharing = parseSharing('network mode', document.hostConfig.NetworkMode)
  if (sharing.kind !== 'container') return writeEtcFiles(context, document, sandbox)
  const theirs = containerFolder(context.config, context.store.find(sharing.container).id)
  const ours = containerFolder(context.config, document.id)
  for (const file of ['hosts', 'hostname', 'resolvConf'] as const)
    await context.host.files.copyFile(theirs[file], ours[file])
}

async function createProcess(
  context: ContainersContext,
  container: Container,
  runtime: OciRuntime,
  undo: AsyncDisposableStack,
): Promise<void> {
  const { document, id } = container
  const { host } = context
  const folder = containerFolder(context.config, id)
  const platform = await context.platform()
  undo.defer(() => forgetProcess(context, platform, container, runtime))
  let pid: number
  try {
    pid = await createWithConmon(requireProgram(host, 'conmon', 'conmon'), runtime, {
      containerId: id,
      bundle: folder.bundle,
      logPath: logDriver(document.hostConfig.LogConfig?.Type) === 'none' ? undefined : folder.log,
      exitFolder: context.config.paths.exits,
      containerPidFile: folder.pidFile,
      conmonPidFile: folder.conmonPidFile,
      terminal: document.config.Tty ?? false,
      stdin: document.config.OpenStdin !== true ? 'none' : isStdinOnce(container) ? 'once' : 'open',
    })
  } catch (error) {
    if (error instanceof MycomposeError && error.code === 'RUNTIME_FAILED')
      throw startError(document.path, error.message)
    throw error
  }
  const conmonPid = Number(host.files.readTextSync(folder.conmonPidFile) ?? 0)
  platform.cgroups.adoptMonitor(conmonPid, (error) =>
    context.log('warn', 'cannot move conmon to a cgroup of its own', { container: id, error: String(error) }),
  )
  const recordOf = (id: number): ProcessRecord => ({ pid: id, startTime: host.processes.startTime(id) ?? '' })
  context.store.commit(container, {
    unfinished: undefined,
    state: {
      ...container.document.state,
      status: 'running',
      bootId: platform.machine.bootId,
      process: recordOf(pid),
      conmon: conmonPid > 0 ? recordOf(conmonPid) : undefined,
      exitCode: 0,
      error: '',
      oomKilled: false,
      startedAt: host.clock.nowRfc3339(),
    },
  })
}

/** After a failed start: kills what was created, removes the runtime's state and the cgroup. */
async function forgetProcess(
  context: ContainersContext,
  { cgroups }: Platform,
  { id, document }: Container,
  runtime: OciRuntime,
): Promise<void> {
  await killStarters(context, id)
  const { process } = document.state
  if (process !== undefined) context.host.processes.signal(process.pid, SIGKILL, process.startTime)
  await cgroups.remove(cgroups.pathOf(id, document.hostConfig.CgroupParent))
  await runtime.forget(id)
  await context.host.files.rm(containerFolder(context.config, id).exitFile, { force: true })
}

async function bringUp(context: ContainersContext, container: Container): Promise<void> {
  const { document, id } = container
  const { host } = context
  const platform = await context.platform()
  const runtime = platform.runtimes.byName(document.runtime)
  const folder = containerFolder(context.config, id)
  await using undo = new AsyncDisposableStack()

  await context.logKeeper.checkTarget(container)
  runtime.prepare()
  readyBindSources(context, document)
  undo.defer(() => context.layers.unmount(id))
  const rootfs = await context.layers.mount(id)
  undo.defer(() => releaseSources(context, document))
  const sources = await provideSources(context, document, rootfs)
  const sandbox = await openNetwork(context, document, undo)
  host.rooted.makeFolders('/', folder.bundle, 0o700)
  await provideEtcFiles(context, document, sandbox)
  undo.defer(() => void host.mounts.umount(folder.shm))
  const etcMounts = etcFilesInside(context, document, sources)
  const mounts = nestMounts(context, document, [...sources, ...etcMounts])
  using exposed = new DisposableStack()
  const expose = (path: string): string => exposed.use(runtime.expose(path)).path
  const spec = await prepareSpec(
    context,
    { ...document, mounts },
    { rootfs, sandbox, runtime, hasEtcFiles: etcMounts.length === 0, expose },
  )
  await Promise.all([
    host.files.writeFile(folder.configJson, formatOci(spec), { mode: 0o600 }),
    host.files.rm(folder.exitFile, { force: true }),
    endTornLine(host.files, folder.log).catch(() => {}), // no space for one byte: that is told elsewhere
  ])
  const { realtimeRuntime } = spec.linux.resources.cpu ?? {}
  if (realtimeRuntime !== undefined) await platform.cgroups.grantRealtime(realtimeRuntime)
  platform.cgroups.expect(spec.linux.cgroupsPath)
  await createProcess(context, container, runtime, undo)
  container.run = newRun(host.clock.nowMs(), spec.linux.cgroupsPath)
  undo.defer(() => {
    container.run = undefined
  })
  await context.attachments.connect(container)
  const weights = blockWeights(document.hostConfig, platform.cgroups.abilities, () => {}) // create has warned
  platform.cgroups.write(spec.linux.cgroupsPath, 'blkio', weights)
  await runtime.start(id)
  undo.move()
}

/** Holds the container's lock. Throws; the state then carries the error. */
export async function startLocked(context: ContainersContext, container: Container): Promise<void> {
  const { state: before, unfinished } = container.document
  container.pendingRestart?.abort()
  container.pendingRestart = undefined
  context.store.commit(container, { unfinished: { kind: 'start', again: unfinished?.kind === 'restart' } })
  try {
    await bringUp(context, container)
  } catch (error) {
    context.attachments.dismiss(container)
    const failure = error instanceof SuppressedError ? (error.suppressed as unknown) : error
    const exitCode = failure instanceof MycomposeError && failure.exitCode > 1 ? failure.exitCode : 128
    const message = failure instanceof Error ? failure.message : String(failure)
    context.store.update(container, {
      unfinished: undefined,
      state: {
        ...before,
        status: before.startedAt === NEVER ? 'created' : 'exited',
        process: undefined,
        conmon: undefined,
        exitCode,
        error: message,
      },
    })
    if (error instanceof SuppressedError)
      context.log('error', 'cannot undo a failed start', { container: container.id, error: String(error.error) })
    throw failure
  }
  context.logKeeper.watch(container)
  container.health = startHealthMonitor(context, container)
  publish(context, container, 'start')
}

/** What a user's start does besides. False: it runs already. Holds the lock. */
export async function userStart(context: ContainersContext, container: Container): Promise<boolean> {
  const {
    name,
    state: { status },
  } = container.document
  if (context.halting.signal.aborted)
    throw new ConflictError(`cannot start container ${name}: the machine is shutting down`)
  if (container.isRemoving)
    throw new ConflictError(`container ${container.id} is marked for removal and cannot be started`)
  if (status === 'paused') throw new ConflictError('cannot start a paused container, try unpause instead')
  if (container.run !== undefined) return false
  container.lastDelayMs = 0
  if (container.document.manuallyStopped || container.document.restartCount > 0)
    context.store.update(container, { manuallyStopped: false, restartCount: 0 })
  await startLocked(context, container)
  return true
}
