/** The container service: what the API calls, each a few lines over the parts in this folder. See engine/services.ts. */
import { join } from 'node:path'
import { ConflictError } from '../../errors.ts'
import type { WaitResponse } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import type { ContainerService } from '../services/index.ts'
import { getArchive, putArchive } from './archive.ts'
import { createAttachments } from './attach.ts'
import { commitContainer, exportContainer } from './commit.ts'
import { connectNetwork, disconnectNetwork } from './connect.ts'
import { lockKey, publish, type ContainerDependencies, type ContainersContext } from './context.ts'
import { createContainer } from './create.ts'
import { createExecs } from './exec.ts'
import { handleExit, watchExits } from './exit.ts'
import { createFilter, wantsAll } from './filters.ts'
import { containerFolder } from './folders.ts'
import { toInspect, toSummary, type ContainerView } from './inspect.ts'
import { createLogKeeper } from './logs/keeper.ts'
import { streamLogs } from './logs/stream.ts'
import { watchMonitors } from './lost-exits.ts'
import { readMachine } from './machine.ts'
import { isAlive, recoverContainers } from './recovery.ts'
import { removeLocked, usesImage, usesVolume } from './remove.ts'
import { createRubbish } from './rubbish.ts'
import { userStart } from './start.ts'
import { sampleContainer } from './stats.ts'
import { endRun, haltContainers, killContainer, restartContainer, setPaused, stopContainer } from './stop.ts'
import { checkedName, createStore, type Container } from './store.ts'
import { processTable } from './top.ts'
import { updateContainer } from './update.ts'

function createContext(base: EngineBase, dependencies: ContainerDependencies): ContainersContext {
  const store = createStore(base.state, (error) =>
    base.log('error', 'cannot write state.db, what happened is kept in memory until it can', { error }),
  )
  const interrupted = store.load()
  return {
    ...base,
    ...dependencies,
    store,
    rubbish: createRubbish(base),
    logKeeper: createLogKeeper(base),
    attachments: createAttachments(base),
    interrupted,
    closing: new AbortController(),
    halting: new AbortController(),
  }
}

export function createContainerService(base: EngineBase, dependencies: ContainerDependencies): ContainerService {
  const context = createContext(base, dependencies)
  const { store, locks, networks, layers, images } = context
  const execs = createExecs(context)
  let watchers: DisposableStack | undefined

  function watch(): void {
    if (watchers !== undefined) return
    watchers = new DisposableStack()
    watchers.use(watchExits(context))
    watchers.use(watchMonitors(context))
  }

  async function viewOf(container: Container, withSize: boolean): Promise<ContainerView> {
    const { document, isRemoving, stopping, execIds } = container
    return {
      document,
      isRemoving,
      isStopping: stopping !== undefined,
      driver: base.storageDriver === 'vfs' ? 'vfs' : 'overlay2',
      execIds: [...execIds],
      sandbox: container.run === undefined ? undefined : networks.sandbox(container.id),
      sizeRwBytes: withSize ? await layers.sizeBytes(container.id) : undefined,
    }
  }

  const list: ContainerService['list'] = async ({ all, limit, size, filters }) => {
    const ids = new Map<string, string | undefined>()
    for (const reference of filters['ancestor'] ?? [])
      ids.set(
        reference,
        await images.resolve(reference).then(
          ({ id }) => id,
          () => undefined,
        ),
      )
    const matches = createFilter(filters, {
      imageId: (reference) => ids.get(reference),
      createdAt: (container) => store.find(container).document.createdAt,
    })
    const everyone = all || limit !== undefined || wantsAll(filters)
    const newestFirst = store.all().toSorted((a, b) => (a.document.createdAt < b.document.createdAt ? 1 : -1))
    const views: ContainerView[] = []
    for (const container of newestFirst) {
      if (!everyone && container.run === undefined) continue
      const view = await viewOf(container, false)
      if (matches(view)) views.push(size ? await viewOf(container, true) : view)
      if (limit !== undefined && limit > 0 && views.length === limit) break
    }
    const nowMs = base.host.clock.nowMs()
    return views.map((view) => toSummary(view, nowMs))
  }

  const remove: ContainerService['remove'] = async (idOrName, { force, volumes }) => {
    const container = store.find(idOrName)
    if (container.isRemoving) throw new ConflictError(`removal of container ${idOrName} is already in progress`)
    if (!force) refuseWhileUp(container)
    container.isRemoving = true
    try {
      container.pendingRestart?.abort()
      while (!(await removeIfDown(container, { force, volumes })))
        await endRun(context, container, { timeoutSeconds: 0 })
    } catch (error) {
      container.isRemoving = store.byId(container.id) === undefined
      throw error
    }
  }

  /** False when it runs: a start was under way when the removal was asked for. */
  async function removeIfDown(container: Container, options: Parameters<typeof remove>[1]): Promise<boolean> {
    return locks.run(lockKey(container.id), async () => {
      if (!options.force) refuseWhileUp(container)
      if (container.run !== undefined) return false
      await removeLocked(context, container, { volumes: options.volumes })
      return true
    })
  }

  const wait: ContainerService['wait'] = async (idOrName, condition, signal) => {
    const container = store.find(idOrName)
    const canceled = Promise.withResolvers<never>()
    const abort = (): void => canceled.reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    const codeNow = (): WaitResponse => ({ StatusCode: container.document.state.exitCode })
    try {
      signal.throwIfAborted()
      if (condition === 'removed') {
        await Promise.race([container.removed.promise, canceled.promise])
        return codeNow()
      }
      if (condition === 'not-running' && container.run === undefined && container.pendingRestart === undefined)
        return codeNow()
      const ending = Promise.race([container.nextExit.promise, container.removed.promise.then(() => undefined)])
      const code = await Promise.race([ending, canceled.promise])
      return code === undefined ? codeNow() : { StatusCode: code }
    } finally {
      signal.removeEventListener('abort', abort)
      canceled.promise.catch(() => {})
    }
  }

  const rename: ContainerService['rename'] = async (idOrName, wish) => {
    const container = store.find(idOrName)
    const name = checkedName(wish)
    const oldName = container.document.name
    if (name === oldName) throw new ConflictError('Renaming a container with the same name as its current name')
    await locks.run(lockKey(container.id), async () => {
      store.rename(container, name)
      await networks.renameContainer(container.id, name)
    })
    publish(context, container, 'rename', { oldName: `/${oldName}` })
  }

  return {
    list,
    remove,
    wait,
    rename,
    create: async (request, options) => createContainer(context, request, options),
    inspect: async (idOrName, options) => {
      const container = store.find(idOrName)
      const view = await viewOf(container, options?.size ?? false)
      return toInspect(view, containerFolder(base.config, container.id))
    },
    async start(idOrName) {
      const container = store.find(idOrName)
      watch()
      // not otherwise: who is second to ask for the lock must find us at work
      if (container.stopping !== undefined) await container.stopping
      const started = await locks.run(lockKey(container.id), () => startOrRemove(container))
      // the file may have been written before the watcher was told of anything
      if (started && base.host.files.existsSync(join(base.config.paths.exits, container.id)))
        void handleExit(context, container.id)
      return started
    },
    stop: async (idOrName, options) => stopContainer(context, store.find(idOrName), options),
    restart: async (idOrName, options) => {
      watch()
      await restartContainer(context, store.find(idOrName), options)
    },
    kill: async (idOrName, signal) => killContainer(context, store.find(idOrName), signal),
    pause: async (idOrName) => setPaused(context, store.find(idOrName), true),
    unpause: async (idOrName) => setPaused(context, store.find(idOrName), false),
    connectNetwork: async (idOrName, network, settings) =>
      connectNetwork(context, store.find(idOrName), network, settings),
    disconnectNetwork: async (idOrName, network, force) =>
      disconnectNetwork(context, store.find(idOrName), network, force),
    logs: async (idOrName, options, sink, signal) => streamLogs(context, store.find(idOrName), options, sink, signal),
    hasTty: async (idOrName) => store.find(idOrName).document.config.Tty ?? false,
    isRunning: (id) => store.byId(id)?.run !== undefined,
    attach: async (idOrName, request) => context.attachments.attach(store.find(idOrName), request),
    resize: async (idOrName, rows, columns) => context.attachments.resize(store.find(idOrName), rows, columns),
    createExec: async (idOrName, request) => execs.create(store.find(idOrName), request),
    startExec: (execId, request) => execs.start(execId, request),
    inspectExec: async (execId) => execs.inspect(execId),
    resizeExec: (execId, rows, columns) => execs.resize(execId, rows, columns),
    putArchive: async (idOrName, path, tar, options) => putArchive(context, store.find(idOrName), path, tar, options),
    getArchive: async (idOrName, path) => getArchive(context, store.find(idOrName), path),
    commit: async (idOrName, options) => commitContainer(context, store.find(idOrName), options),
    changes: async (idOrName) => layers.changes(store.find(idOrName).id),
    export: async (idOrName) => exportContainer(context, store.find(idOrName)),
    top: async (idOrName, psArgs) => processTable(context, store.find(idOrName), psArgs),
    update: async (idOrName, request) => updateContainer(context, store.find(idOrName), request),
    stats: async (idOrName) => sampleContainer(context, store.find(idOrName)),
    usersOf: ({ volume, imageId, networkId }) =>
      store
        .all()
        .filter(
          (container) =>
            (volume !== undefined && usesVolume(container, volume)) ||
            (imageId !== undefined && usesImage(container, imageId)) ||
            (networkId !== undefined && usesNetwork(container, networkId)),
        )
        .map(({ id, document, run }) => ({ id, name: document.name, running: run !== undefined })),
    live() {
      const { bootId } = readMachine(base.host)
      return store.all().flatMap((container) => {
        const pid = container.document.state.process?.pid
        return pid !== undefined && isAlive(context, container, bootId) ? [{ containerId: container.id, pid }] : []
      })
    },
    async recover() {
      watch()
      await recoverContainers(context)
    },
    halt: ({ maxGraceSeconds }) => haltContainers(context, maxGraceSeconds),
    async shutdown() {
      context.closing.abort()
      watchers?.dispose()
      watchers = undefined
      await context.rubbish.empty()
      context.logKeeper.close()
      const { runtimes, cgroups } = await context.platform()
      await runtimes.close()
      if (store.all().every(({ run }) => run === undefined)) await cgroups.removeParent()
    },
  }

  /** One that waits to be restarted is as good as running. Throws ConflictError. */
  function refuseWhileUp({ document, run, pendingRestart }: Container): void {
    if (run === undefined && pendingRestart === undefined) return
    throw new ConflictError(
      `cannot remove container "/${document.name}": container is ${document.state.status}: stop the container before removing or force remove`,
      { code: 'CONTAINER_RUNNING' },
    )
  }

  /** A failed start is an end too: `docker run --rm` waits until such a container is gone. */
  async function startOrRemove(container: Container): Promise<boolean> {
    try {
      return await userStart(context, container)
    } catch (error) {
      const { AutoRemove } = container.document.hostConfig
      if (AutoRemove === true && container.run === undefined && !container.isRemoving)
        await removeLocked(context, container, { volumes: true })
      throw error
    }
  }

  function usesNetwork(container: Container, networkId: string): boolean {
    const endpoints = networks.sandbox(container.id)?.endpoints ?? container.document.endpoints
    return Object.entries(endpoints).some(([name, { NetworkID }]) => name === networkId || NetworkID === networkId)
  }
}
