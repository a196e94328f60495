/**
 * Builds the images of services on the engine: those that stand on each other in order, the others at the same time, each
 * image once. The first failure ends the others, as docker compose does it.
 */
import type { BuildMessage, BuildRequest } from '../../api/types/build.ts'
import type { Project, Service } from '../../compose/model.ts'
import { CanceledError, MycomposeError, NotFoundError, UnsupportedError } from '../../errors.ts'
import { walk } from '../../graph/walk.ts'
import type { ProjectContext } from '../context.ts'
import { imageResource } from '../names.ts'
import { isForPlatform } from '../pull-policy.ts'
import { BuildError } from './failure.ts'
import { completeRequest, readDockerfiles } from './inputs.ts'
import type { BuildOverrides } from './options.ts'
import { planBuilds, type BuildJob, type BuildPlan } from './plan.ts'
import type { BuildView } from './view.ts'

export type BuildFinding = Extract<BuildMessage, { readonly kind: 'warning' }>

export interface BuildOutcome {
  /** Image -> id; "" of a dry run. */
  readonly images: ReadonlyMap<string, string>
  /** Each once. */
  readonly findings: readonly BuildFinding[]
}

/** Those of `services` that have a `build`, and what these need. @throws BuildError, and what prepares a build */
export async function buildServices(
  context: ProjectContext,
  project: Project,
  services: readonly Service[],
  overrides: BuildOverrides = {},
): Promise<BuildOutcome> {
  const dockerfiles = await readDockerfiles(context, project)
  const plan = planBuilds(project, services, overrides, dockerfiles)
  for (const text of plan.warnings) context.sink.notice({ level: 'warning', text })
  if (plan.jobs.size === 0) return { images: new Map(), findings: [] }
  if (context.dryRun === true) return pretend(context, plan)
  await using agents = new AsyncDisposableStack()
  const requests = new Map<string, BuildRequest>()
  for (const [image, job] of plan.jobs) {
    const request = await completeRequest(context, project, job, {
      dockerfile: dockerfiles.get(job.service.name),
      agents,
    })
    requests.set(image, await forThisMachine(context, job, request))
  }
  return await runAll(context, plan, requests)
}

function pretend({ sink }: ProjectContext, { jobs }: BuildPlan): BuildOutcome {
  for (const image of jobs.keys()) {
    sink.progress({ id: imageResource(image), status: 'working', text: 'Building' })
    sink.progress({ id: imageResource(image), status: 'done', text: 'Built' })
  }
  return { images: new Map([...jobs.keys()].map((image) => [image, ''])), findings: [] }
}

/** Of several platforms the one that runs here. @throws UnsupportedError */
async function forThisMachine(
  { client, sink }: ProjectContext,
  { service, image }: BuildJob,
  request: BuildRequest,
): Promise<BuildRequest> {
  const { platforms } = request
  if (platforms === undefined) return request
  const { Os, Arch } = await client.version()
  const own = `${Os}/${Arch}`
  const fitting = platforms.find((platform) => isForPlatform(own, platform))
  if (fitting !== undefined) {
    const text = `image "${image}" is built for ${fitting} alone: nothing is emulated`
    if (platforms.length > 1) sink.notice({ level: 'warning', text })
    return { ...request, platforms: [fitting] }
  }
  throw new UnsupportedError(
    `cannot build service "${service.name}" for ${platforms.join(', ')}: this machine is ${own}`,
    {
      code: 'BUILD_PLATFORM',
      hint: `nothing is emulated: build it on such a machine, or add ${own} to build.platforms`,
    },
  )
}

async function runAll(
  context: ProjectContext,
  { jobs, graph }: BuildPlan,
  requests: ReadonlyMap<string, BuildRequest>,
): Promise<BuildOutcome> {
  const { sink, clock } = context
  const images = new Map<string, string>()
  const findings = new Map<string, BuildFinding>()
  const isCheck = [...requests.values()].some(({ check }) => check === true)
  const failed = new AbortController()
  const signal = AbortSignal.any([context.signal, failed.signal])
  const elapsedMs = new Map<string, number>()
  if (!isCheck)
    for (const image of jobs.keys()) sink.progress({ id: imageResource(image), status: 'working', text: 'Building' })
  // a check takes no time: its findings are what is to be seen
  const view = isCheck ? undefined : await context.openBuildView?.()
  const outcome = await (async () => {
    try {
      return await walk(
        graph,
        async (image) => {
          const [job, request] = [jobs.get(image), requests.get(image)]
          if (job === undefined || request === undefined) return
          const startedAtMs = clock.nowMs()
          try {
            const result = await runOne({ ...context, signal }, view, {
              job,
              request,
              label: jobs.size === 1 ? undefined : job.service.name,
              onFinding: (finding) =>
                findings.set(JSON.stringify([finding.rule, finding.message, finding.source]), finding),
            })
            images.set(image, result.imageId ?? '')
            elapsedMs.set(image, clock.nowMs() - startedAtMs)
          } catch (error) {
            failed.abort(error)
            throw error
          }
        },
        { limit: context.parallel, signal: context.signal },
      )
    } finally {
      await view?.close()
    }
  })()
  for (const image of isCheck ? [] : images.keys())
    sink.progress({
      id: imageResource(image),
      status: 'done',
      text: 'Built',
      elapsedMs: elapsedMs.get(image) ?? 0,
    })
  const [failure] = outcome.failures
  if (failure !== undefined) throw failure.error
  return { images, findings: [...findings.values()] }
}

interface Run {
  readonly job: BuildJob
  readonly request: BuildRequest
  readonly label: string | undefined
  readonly onFinding: (finding: BuildFinding) => void
}

async function runOne(
  { client, signal }: ProjectContext,
  view: BuildView | undefined,
  { job, request, label, onFinding }: Run,
): Promise<Extract<BuildMessage, { readonly kind: 'result' }>> {
  const names = new Map<string, string>()
  try {
    for await (const message of client.builds.build(request, signal)) {
      view?.message(label, message)
      if (message.kind === 'warning') onFinding(message)
      if (message.kind === 'step') names.set(message.id, message.name)
      if (message.kind === 'result') return message
      if (message.kind === 'error') {
        if (message.code === 'CANCELED') throw new CanceledError()
        throw new BuildError(job.image, message, message.id === undefined ? undefined : names.get(message.id))
      }
    }
  } catch (error) {
    if (error instanceof NotFoundError && error.code === 'NOT_FOUND') throw notOurs(error)
    throw error
  }
  if (signal.aborted) throw new CanceledError('canceled', { cause: signal.reason })
  throw new MycomposeError(`the engine ended before image "${job.image}" was built`, { code: 'BUILD_BROKEN_OFF' })
}

/** A dockerd behind --host or DOCKER_HOST. */
function notOurs(cause: NotFoundError): UnsupportedError {
  return new UnsupportedError('this engine does not build for mycompose', {
    hint: 'build with its own tools (docker compose build), or leave out --host and DOCKER_HOST',
    cause,
  })
}
