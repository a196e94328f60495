/** One build from its request to its image: Dockerfile, plan, solution, export. What it holds open goes when no step runs any more. */
import type { BuildMessage, BuildRequest } from '../../api/types/build.ts'
import { toFamiliar, toCanonicalTag } from '../../api/reference.ts'
import { CanceledError, InvalidRequestError, UnsupportedError } from '../../errors.ts'
import { ociArchitecture } from '../images/image-config.ts'
import { parseBuildTag } from '../images/built.ts'
import { freeLayers } from '../layers/store.ts'
import { parsePlatform } from '../registry/platform.ts'
import type { EngineBase, EngineContext } from '../context.ts'
import { createRemotes, type RemoteOptions } from './context/remotes.ts'
import { checkDockerfile } from './check.ts'
import { holdLayers, type BuildHold } from './cache/holds.ts'
import { touchSteps } from './cache/records.ts'
import type { Dockerfile } from './dockerfile/ast.ts'
import { finishImage } from './export/image.ts'
import { isInternal, toErrorMessage } from './failure.ts'
import { loadDockerfile } from './load-dockerfile.ts'
import type { Plan } from './plan.ts'
import { createPlan } from './plan/create-plan.ts'
import type { Platform } from './plan/stage-state.ts'
import type { CacheMounts } from './run/cache-mounts.ts'
import { createImageResolver } from './solve/base-images.ts'
import { createContexts, type Contexts } from './solve/contexts.ts'
import { mountStates, type MountedStates } from './solve/mounted-states.ts'
import { createProgress, type Progress } from './solve/progress.ts'
import type { Slots } from './solve/slots.ts'
import { solvePlan, type Solution, type StepFlights } from './solve/solve.ts'
import { createStepWorker } from './solve/worker.ts'

/** What all builds of an engine share. */
export interface BuildContext extends EngineBase, Pick<EngineContext, 'images' | 'layers' | 'networks' | 'platform'> {
  readonly cacheMounts: CacheMounts
  readonly flights: StepFlights
  readonly slots: Slots
}

interface Session {
  readonly context: BuildContext
  readonly request: BuildRequest
  readonly progress: Progress
  readonly contexts: Contexts
  readonly states: MountedStates
  readonly hold: BuildHold
  readonly signal: AbortSignal
  /** Steps that were begun; they may go on for another build when this one has ended. */
  readonly begun: Set<Promise<unknown>>
  /** See SolveContext. */
  readonly replaced: Set<string>
  /** What is open for it. */
  readonly resources: AsyncDisposableStack
}

function machinePlatform(): Platform {
  return parsePlatform(`linux/${ociArchitecture(process.arch)}`)
}

/** Undefined: whatever suits. Throws InvalidRequestError. */
function targetPlatform({ platforms = [] }: BuildRequest): Platform | undefined {
  const [first, ...more] = platforms
  if (first === undefined) return undefined
  const platform = parsePlatform(first)
  if (more.some((other) => JSON.stringify(parsePlatform(other)) !== JSON.stringify(platform)))
    throw new UnsupportedError(`a build makes an image for one platform, not for ${platforms.join(', ')}`, {
      code: 'BUILD_PLATFORMS',
      hint: 'build once for each platform, on a machine of that kind',
    })
  return platform
}

/** What can be said before anything is read. */
function checkRequest({ storageDriver }: BuildContext, request: BuildRequest): void {
  if (storageDriver === 'vfs')
    throw new UnsupportedError('images cannot be built in a store without overlay mounts (vfs)', {
      hint: 'choose a root on ext4, xfs or btrfs with --root',
    })
  for (const tag of request.tags ?? []) parseBuildTag(tag)
  targetPlatform(request)
  const { context } = request
  if (context.kind === 'image' || context.kind === 'oci-layout')
    throw new InvalidRequestError('an image cannot be the main context', {
      code: 'BUILD_CONTEXT',
      hint: 'use it as an additional context, or write "FROM" in the Dockerfile',
    })
}

function warnOfArgs({ progress }: Session, { unusedArgs }: Plan): void {
  if (unusedArgs.length === 0) return
  progress.warn({
    kind: 'warning',
    message: `One or more build-args [${unusedArgs.join(' ')}] were not consumed`,
    description: 'no ARG in the Dockerfile takes them',
  })
}

/** What addresses and repositories may ask for: secrets of these names, the agent that is called "default". */
function remoteOptions({ secrets = [], ssh = [] }: BuildRequest, signal: AbortSignal): RemoteOptions {
  const logins = secrets.filter(({ id }) => /^(?:GIT|HTTP)_AUTH_(?:TOKEN|HEADER)/.test(id))
  const agent = ssh.find(({ id }) => id === 'default')
  return {
    secrets: new Map(logins.map(({ id, valueBase64 }) => [id, Buffer.from(valueBase64, 'base64').toString()])),
    signal,
    ...(agent === undefined ? {} : { sshSocket: agent.socketPath }),
  }
}

async function solve(session: Session, plan: Plan): Promise<Solution> {
  const { context, request, progress, contexts, states, hold, signal, begun, replaced, resources } = session
  const warn = (message: string): void => progress.warn({ kind: 'warning', message })
  const remotes = createRemotes(context, remoteOptions(request, signal))
  resources.defer(() => remotes.close())
  const worker = createStepWorker({ run: context, request, contexts, states, remotes, warn })
  resources.use(worker)
  const { flights, slots } = context
  return await solvePlan({ base: context, worker, flights, slots, hold, progress, begun, replaced }, plan, signal)
}

const EXPORT_ID = 'export'

async function exportImage({ context, request, progress }: Session, plan: Plan, solution: Solution): Promise<string> {
  progress.announce({ id: EXPORT_ID, name: 'exporting to image', inputs: [`step-${plan.image.operation}`] })
  progress.started(EXPORT_ID)
  const { chainIds, config } = finishImage(context, plan.image, solution.stateOf)
  const id = await context.images.addBuilt({ chainIds, config, tags: request.tags ?? [] })
  touchSteps(context, solution.usedKeys)
  const lines = [
    `writing image ${id}`,
    ...(request.tags ?? []).map((tag) => `naming to ${toCanonicalTag(parseBuildTag(tag))}`),
  ]
  progress.output(EXPORT_ID, { stream: 'stdout', data: Buffer.from(lines.map((line) => `${line}\n`).join('')) })
  progress.ended(EXPORT_ID, { kind: 'done', cached: false })
  return id
}

function openSession(context: BuildContext, request: BuildRequest, progress: Progress, signal: AbortSignal): Session {
  const resources = new AsyncDisposableStack()
  return {
    context,
    request,
    progress,
    contexts: resources.use(
      createContexts({
        base: context,
        progress,
        options: remoteOptions(request, signal),
        dockerfile: request.dockerfileInline === undefined ? (request.dockerfile ?? 'Dockerfile') : undefined,
      }),
    ),
    states: resources.use(mountStates(context, context.layers)),
    hold: resources.use(holdLayers(context)),
    signal,
    begun: new Set(),
    replaced: new Set(),
    resources,
  }
}

/** Steps that go on for another build read what this one has opened. */
async function closeSession({ context, begun, replaced, resources }: Session): Promise<void> {
  try {
    await Promise.allSettled(begun)
    await resources.disposeAsync()
    if (replaced.size > 0) await freeLayers(context, [...replaced], () => {})
  } catch (error) {
    context.log('error', 'what a build had open could not be closed', { error: String(error) })
  }
}

async function check({ context, request, contexts, progress }: Session, dockerfile: Dockerfile): Promise<void> {
  const platforms = { buildPlatform: machinePlatform(), targetPlatform: targetPlatform(request) }
  await checkDockerfile({ images: context.images, request, contexts, progress, platforms }, dockerfile)
}

async function plan(session: Session, dockerfile: Dockerfile): Promise<Plan> {
  const { context, request, progress, hold, signal } = session
  const { images } = context
  return await createPlan(dockerfile, request, {
    resolveImage: createImageResolver({ base: context, images, request, progress, hold, signal }),
    buildPlatform: machinePlatform(),
    targetPlatform: targetPlatform(request),
  })
}

/**
 * Emits everything, `result` or `error` last. `closed` resolves when nothing of it is open any more, perhaps later than the
 * build itself.
 */
export async function build(
  context: BuildContext,
  request: BuildRequest,
  emit: (message: BuildMessage) => void,
  signal: AbortSignal,
): Promise<{ readonly closed: Promise<void> }> {
  const progress = createProgress(emit, context.host.clock)
  const session = openSession(context, request, progress, signal)
  let dockerfile: Dockerfile | undefined
  try {
    checkRequest(context, request)
    dockerfile = await loadDockerfile(context, request, session)
    if (request.check === true) {
      await check(session, dockerfile)
      emit({ kind: 'result', tags: [], warnings: progress.warningCount() })
      return { closed: closeSession(session) }
    }
    const planned = await plan(session, dockerfile)
    await check(session, dockerfile)
    warnOfArgs(session, planned)
    const imageId = await exportImage(session, planned, await solve(session, planned))
    const tags = (request.tags ?? []).map((tag) => toFamiliar(toCanonicalTag(parseBuildTag(tag))))
    emit({ kind: 'result', imageId, tags, warnings: progress.warningCount() })
  } catch (error) {
    const cause = signal.aborted ? new CanceledError('the build was canceled', { cause: error }) : error
    if (isInternal(cause)) context.log('error', 'a build failed by a fault of ours', { error: String(stackOf(cause)) })
    emit(toErrorMessage(cause, dockerfile, progress))
  }
  return { closed: closeSession(session) }
}

function stackOf(error: unknown): unknown {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return cause instanceof Error ? cause.stack : cause
}
