/** One handler per kind of operation: the API calls, and the words of progress that docker compose uses. */
import { ApiError, CanceledError, ConflictError, MycomposeError, NotFoundError } from '../errors.ts'
import type { ProjectContext } from './context.ts'
import type { Execution } from './execution.ts'
import { resolveId } from './execution.ts'
import { runPostStart, runPreStop } from './hooks.ts'
import { containerResource, imageResource, networkResource, platformOf, volumeResource } from './names.ts'
import type { ContainerRef, Operation, Work } from './plan.ts'
import { toCreateRequest } from './translate/container.ts'
import { toContentFiles } from './translate/files.ts'
import { encodeTar } from './translate/tar.ts'
import { VERSION } from '../version.ts'

type WorkOf<K extends Work['kind']> = Extract<Work, { readonly kind: K }>

export async function runOperation(execution: Execution, operation: Operation): Promise<void> {
  switch (operation.kind) {
    case 'createNetwork':
      return await createNetwork(execution, operation)
    case 'removeNetwork':
      return await removeNetwork(execution, operation)
    case 'connectNetwork':
      return await connectNetwork(execution, operation)
    case 'disconnectNetwork':
      return await disconnectNetwork(execution, operation)
    case 'createVolume':
      return await createVolume(execution, operation)
    case 'removeVolume':
      return await removeVolume(execution, operation)
    case 'removeImage':
      return await removeImage(execution, operation)
    case 'createContainer':
      return await createContainer(execution, operation)
    case 'renameContainer':
      return await renameContainer(execution, operation)
    case 'startContainer':
      return await startContainer(execution, operation)
    case 'stopContainer':
      return await stopContainer(execution, operation)
    case 'removeContainer':
      return await removeContainer(execution, operation)
    case 'waitDependency':
      return await waitDependency(execution, operation)
  }
}

/** Tells "Creating" before and "Created" after. */
async function tell<T>(
  { context }: Execution,
  id: string,
  [during, done]: readonly [string, string],
  work: () => Promise<T>,
): Promise<T> {
  context.sink.progress({ id, status: 'working', text: during })
  const result = await work()
  context.sink.progress({ id, status: 'done', text: done })
  return result
}

async function createNetwork(execution: Execution, { request }: WorkOf<'createNetwork'>): Promise<void> {
  const { client, sink } = execution.context
  const { Warning = '' } = await tell(execution, networkResource(request.Name), ['Creating', 'Created'], () =>
    client.networks.create(request),
  )
  if (Warning !== '') sink.notice({ level: 'warning', text: `network ${request.Name}: ${Warning}` })
}

async function createVolume(execution: Execution, { request }: WorkOf<'createVolume'>): Promise<void> {
  await tell(execution, volumeResource(request.Name ?? ''), ['Creating', 'Created'], () =>
    execution.context.client.volumes.create(request),
  )
}

async function removeNetwork(execution: Execution, work: WorkOf<'removeNetwork'>): Promise<void> {
  const { context } = execution
  await removeUnused(execution, networkResource(work.name), work.ifUnused, () =>
    context.client.networks.remove(work.networkId),
  )
}

async function removeVolume(execution: Execution, work: WorkOf<'removeVolume'>): Promise<void> {
  const { context } = execution
  await removeUnused(execution, volumeResource(work.name), work.ifUnused, () =>
    context.client.volumes.remove(work.name),
  )
}

/** What other containers use stays. */
async function removeImage(execution: Execution, { reference }: WorkOf<'removeImage'>): Promise<void> {
  const { images } = execution.context.client
  await removeUnused(execution, imageResource(reference), true, async () => void (await images.remove(reference)))
}

/** Somebody else may use it by now; somebody else may have removed it. */
async function removeUnused(
  { context }: Execution,
  id: string,
  ifUnused: boolean,
  remove: () => Promise<void>,
): Promise<void> {
  context.sink.progress({ id, status: 'working', text: 'Removing' })
  try {
    await remove()
    context.sink.progress({ id, status: 'done', text: 'Removed' })
  } catch (error) {
    if (error instanceof NotFoundError)
      context.sink.progress({ id, status: 'warning', text: 'No resource found to remove' })
    else if (ifUnused && isInUse(error))
      context.sink.progress({ id, status: 'warning', text: 'Resource is still in use' })
    else throw error
  }
}

/** dockerd answers 403 for a network with endpoints, 409 for a volume. */
function isInUse(error: unknown): boolean {
  return error instanceof ConflictError || (error instanceof ApiError && error.status === 403)
}

async function connectNetwork(execution: Execution, work: WorkOf<'connectNetwork'>): Promise<void> {
  const { networks } = execution.context.client
  await networks.connect(work.network, resolveId(execution, work.container), work.endpoint)
}

async function disconnectNetwork(execution: Execution, work: WorkOf<'disconnectNetwork'>): Promise<void> {
  const { networks } = execution.context.client
  await ignoreMissing(networks.disconnect(work.network, resolveId(execution, work.container), { force: true }))
}

async function createContainer(execution: Execution, { createName, spec }: WorkOf<'createContainer'>): Promise<void> {
  const { context, project, seccompProfiles } = execution
  if (project === undefined) throw new Error('a plan that creates containers needs a project')
  const references = Object.fromEntries(
    Object.entries(spec.references).map(([reference, ref]) => [reference, resolveId(execution, ref)]),
  )
  const body = toCreateRequest({ project, spec, references, seccompProfiles, version: VERSION })
  const platform = platformOf(project, spec.service)
  const words = spec.replaces === undefined ? (['Creating', 'Created'] as const) : (['Recreate', 'Recreated'] as const)
  const id = containerResource(spec.name)
  context.sink.progress({ id, status: 'working', text: words[0] })
  const created = await explain(`cannot create container ${spec.name}`, spec.name, () =>
    context.client.containers.create(createName, body, platform === undefined ? {} : { platform }),
  )
  execution.ids.set(spec.name, created.Id)
  for (const warning of created.Warnings) context.sink.notice({ level: 'warning', text: `${spec.name}: ${warning}` })
  const files = toContentFiles(project, spec.service, Math.floor(context.clock.nowMs() / 1000))
  if (files.length > 0) {
    await explain(`cannot copy secrets and configs into container ${spec.name}`, spec.name, () =>
      context.client.containers.putArchive(created.Id, '/', encodeTar(files)),
    )
  }
  if (createName === spec.name) context.sink.progress({ id, status: 'done', text: words[1] })
}

async function renameContainer(execution: Execution, { container }: WorkOf<'renameContainer'>): Promise<void> {
  const { context } = execution
  await context.client.containers.rename(resolveId(execution, container), container.name)
  context.sink.progress({ id: containerResource(container.name), status: 'done', text: 'Recreated' })
}

async function startContainer(execution: Execution, { container }: WorkOf<'startContainer'>): Promise<void> {
  const { context, project } = execution
  const { name, service } = container
  const id = resolveId(execution, container)
  await execution.preStart.run(project, { ...container, id })
  await tell(execution, containerResource(name), ['Starting', 'Started'], async () => {
    await explain(`cannot start container ${name}`, name, () => context.client.containers.start(id))
    execution.onStarted({ id, name })
    await runPostStart(context, project, { id, service })
  })
}

async function stopContainer(execution: Execution, work: WorkOf<'stopContainer'>): Promise<void> {
  const { context, project } = execution
  const { service } = work.container
  const id = resolveId(execution, work.container)
  const stop = async (): Promise<void> => {
    await runPreStop(context, project, { id, service })
    await ignoreMissing(
      context.client.containers.stop(id, {
        ...(work.timeoutSeconds === undefined ? {} : { timeoutSeconds: work.timeoutSeconds }),
        abort: context.signal,
      }),
    )
  }
  if (work.replaced === true) await stop()
  else await tell(execution, containerResource(work.container.name), ['Stopping', 'Stopped'], stop)
}

async function removeContainer(execution: Execution, work: WorkOf<'removeContainer'>): Promise<void> {
  const { client } = execution.context
  // force: its restart policy may have started it again since it was stopped
  const remove = (): Promise<unknown> =>
    ignoreMissing(
      client.containers.remove(resolveId(execution, work.container), { force: true, volumes: work.volumes }),
    )
  if (work.replaced === true) await remove()
  else await tell(execution, containerResource(work.container.name), ['Removing', 'Removed'], remove)
}

/** All replicas; the first that fails ends the waiting for the others. */
async function waitDependency(execution: Execution, work: WorkOf<'waitDependency'>): Promise<void> {
  const { context, failed } = execution
  const settled = new AbortController()
  // what only --wait asks for is not worth waiting for once the command has failed
  const outer = work.condition === 'ready' ? [context.signal, failed.signal] : [context.signal]
  const signal = AbortSignal.any([...outer, settled.signal])
  try {
    await Promise.all(work.containers.map((ref) => waitForContainer(execution, work, { ref, signal })))
  } catch (error) {
    if (work.required || !(error instanceof MycomposeError) || error instanceof CanceledError) throw error
    const text = `optional dependency "${work.service}" failed to start: ${error.message}`
    context.sink.notice({ level: 'warning', text })
  } finally {
    settled.abort()
  }
}

async function waitForContainer(
  execution: Execution,
  work: WorkOf<'waitDependency'>,
  { ref, signal }: { readonly ref: ContainerRef; readonly signal: AbortSignal },
): Promise<void> {
  const { context, readiness } = execution
  const { service, condition, timeoutMs } = work
  const id = containerResource(ref.name)
  context.sink.progress({ id, status: 'working', text: 'Waiting' })
  const wish = { id: resolveId(execution, ref), name: ref.name, service, condition, timeoutMs }
  try {
    context.sink.progress({ id, status: 'done', text: await readiness.wait(wish, signal) })
  } catch (error) {
    if (work.required) tellFailure(context, id, error)
    else context.sink.progress({ id, status: 'warning', text: 'Skipped' })
    throw error
  }
}

/** Being interrupted is no failure of the resource. */
export function tellFailure({ sink }: ProjectContext, id: string, error: unknown): void {
  if (error instanceof CanceledError) return
  sink.progress({ id, status: 'error', text: 'Error', details: error instanceof Error ? error.message : String(error) })
}

async function ignoreMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/** The engine's message says why, but not always of what. */
async function explain<T>(doing: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof MycomposeError) || error.message.includes(name) || error.exitCode === 130) throw error
    const { code, hint, exitCode } = error
    throw new MycomposeError(`${doing}: ${error.message}`, { code, hint, exitCode, cause: error })
  }
}
