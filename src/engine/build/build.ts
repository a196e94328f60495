/** One build from its request to its image: Dockerfile, plan, solution, export. What it holds open goes when no step runs any more. */
import type { BuildMessage, BuildRequest } from '../../api/types/build.ts'
import { toFamiliar, toCanonicalTag } from '../../api/reference.ts'
import { CanceledError } from '../../errors.ts'
import { parseBuildTag } from '../images/built.ts'
import { machinePlatform } from '../images/platforms.ts'
import { checkDockerfile } from './check.ts'
import { createRemotes } from './context/remotes.ts'
import type { Dockerfile } from './dockerfile/ast.ts'
import { createSharedCaches } from './exchange/shared-caches.ts'
import { exportCaches, exportImage } from './export/finish.ts'
import { isInternal, toErrorMessage } from './failure.ts'
import { loadDockerfile } from './load-dockerfile.ts'
import type { Plan } from './plan.ts'
import { createPlan } from './plan/create-plan.ts'
import {
  checkRequest,
  closeSession,
  openSession,
  remoteOptions,
  sourceOptions,
  targetPlatform,
  type BuildContext,
  type Session,
} from './session.ts'
import { createImageResolver } from './solve/base-images.ts'
import { createProgress } from './solve/progress.ts'
import { readAhead } from './solve/read-ahead.ts'
import { solvePlan, type Solution } from './solve/solve.ts'
import { createStepWorker } from './solve/worker.ts'

function warnOfArgs({ progress }: Session, { unusedArgs }: Plan): void {
  if (unusedArgs.length === 0) return
  progress.warn({
    kind: 'warning',
    message: `One or more build-args [${unusedArgs.join(' ')}] were not consumed`,
    description: 'no ARG in the Dockerfile takes them',
  })
}

async function solve(session: Session, plan: Plan): Promise<Solution> {
  const { context, request, progress, contexts, states, hold, signal, begun, replaced, resources } = session
  const warn = (message: string): void => progress.warn({ kind: 'warning', message })
  const remotes = createRemotes(context, remoteOptions(request, signal))
  resources.defer(() => remotes.close())
  const worker = createStepWorker({ run: context, request, contexts, states, remotes, warn })
  resources.use(worker)
  const { flights, slots } = context
  const platform = targetPlatform(request) ?? machinePlatform()
  const shared = createSharedCaches({ base: context, request, progress, platform, signal })
  return await solvePlan(
    { base: context, worker, shared, flights, slots, hold, progress, begun, replaced },
    plan,
    signal,
  )
}

async function check({ context, request, contexts, progress }: Session, dockerfile: Dockerfile): Promise<void> {
  const platforms = { buildPlatform: machinePlatform(), targetPlatform: targetPlatform(request) }
  await checkDockerfile({ images: context.images, request, contexts, progress, platforms }, dockerfile)
}

async function plan(session: Session, dockerfile: Dockerfile): Promise<Plan> {
  const { context, request, progress, hold, signal, begun } = session
  const { images } = context
  const platforms = { buildPlatform: machinePlatform(), targetPlatform: targetPlatform(request) }
  let reading: Promise<void> | undefined
  const onPull = (): void => {
    if (reading !== undefined) return
    reading = readAhead(
      { base: context, request, options: sourceOptions(context, request, signal), platforms },
      dockerfile,
    )
    reading.catch((error: unknown) => context.log('error', 'reading ahead failed', { error: String(error) }))
    begun.add(reading)
  }
  return await createPlan(dockerfile, request, {
    resolveImage: createImageResolver({ base: context, images, request, progress, hold, signal, onPull }),
    ...platforms,
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
    const solution = await solve(session, planned)
    const imageId = await exportImage(session, planned, solution)
    await exportCaches(session, planned, solution)
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
