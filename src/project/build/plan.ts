/**
 * Which images are built, in which order. Pure. Services of one image share its build; a service whose Dockerfile stands on
 * another's image, or has it as a context, comes after it, even if nobody asked for that one.
 */
import type { Project, Service } from '../../compose/model.ts'
import { MycomposeError } from '../../errors.ts'
import { findCycle, formatCycle } from '../../graph/cycle.ts'
import { createGraph, type Graph } from '../../graph/graph.ts'
import { imageReference } from '../names.ts'
import { canonicalReference, mentionedImages } from './mentions.ts'
import type { BuildOverrides } from './options.ts'
import { draftBuild, isBuildable, type BuildableService, type BuildDraft } from './request.ts'

export interface BuildJob {
  /** Of the image: what is built once. */
  readonly image: string
  /** Sorted names of the services that it is built for; the first one's `build` counts. */
  readonly services: readonly string[]
  readonly service: BuildableService
  readonly draft: BuildDraft
}

export interface BuildPlan {
  readonly jobs: ReadonlyMap<string, BuildJob>
  /** Image -> images that have to be there before. */
  readonly graph: Graph<string>
  readonly warnings: readonly string[]
}

/** `dockerfiles`: their texts by service, as far as they are on this machine. @throws MycomposeError BUILD_CYCLE */
export function planBuilds(
  project: Project,
  services: readonly Service[],
  overrides: BuildOverrides,
  dockerfiles: ReadonlyMap<string, string>,
): BuildPlan {
  const { jobs, warnings } = collectJobs(project, services.filter(isBuildable), overrides)
  const contexts = createGraph(
    [...jobs].map(([image, { draft }]) => [image, draft.services.map((name) => imageOf(project, name))] as const),
  )
  const cycle = findCycle(contexts)
  if (cycle !== undefined)
    throw new MycomposeError(`the builds need each other: ${formatCycle(cycle)}`, {
      code: 'BUILD_CYCLE',
      hint: 'take one of the "service:" entries out of additional_contexts',
    })
  return { jobs, graph: withMentions(contexts, jobs, dockerfiles), warnings }
}

function imageOf(project: Project, name: string): string {
  const service = serviceOf(project, name)
  return service === undefined ? name : imageReference(project.name, service)
}

function serviceOf({ services, disabledServices }: Project, name: string): Service | undefined {
  return services[name] ?? disabledServices[name]
}

/** With the services whose images are contexts. */
function collectJobs(
  project: Project,
  services: readonly BuildableService[],
  overrides: BuildOverrides,
): Pick<BuildPlan, 'jobs' | 'warnings'> {
  const jobs = new Map<string, BuildJob>()
  const warnings: string[] = []
  const pending = services.toSorted((left, right) => (left.name < right.name ? -1 : 1))
  const known = new Set<string>()
  for (const service of pending) {
    if (known.has(service.name)) continue
    known.add(service.name)
    const image = imageReference(project.name, service)
    const draft = draftBuild(project, service, overrides)
    const job = jobs.get(image)
    if (job === undefined) jobs.set(image, { image, service, draft, services: [service.name] })
    else {
      jobs.set(image, merge(job, service, draft))
      if (!isSame(job.draft, draft))
        warnings.push(
          `services "${job.service.name}" and "${service.name}" build the same image "${image}" differently: it is built as "${job.service.name}" says`,
        )
    }
    for (const name of draft.services) {
      const other = serviceOf(project, name)
      if (other !== undefined && isBuildable(other)) pending.push(other)
    }
  }
  return { jobs, warnings }
}

/** All names that the services give it. */
function merge(job: BuildJob, service: BuildableService, draft: BuildDraft): BuildJob {
  const { request } = job.draft
  const tags = [...new Set([...(request.tags ?? []), ...(draft.request.tags ?? [])])]
  return {
    ...job,
    services: [...job.services, service.name],
    draft: { ...job.draft, request: { ...request, tags } },
  }
}

/** But for the label of the service and the names that it gives the image. */
function isSame(left: BuildDraft, right: BuildDraft): boolean {
  const definition = ({ request, ...rest }: BuildDraft): string => {
    const { labels = {}, tags: _tags, ...others } = request
    const { 'com.docker.compose.service': _service, ...ownLabels } = labels
    return JSON.stringify({ ...rest, others, ownLabels })
  }
  return definition(left) === definition(right)
}

/** Orders by what Dockerfiles say, as long as that goes round in no circle: a text may speak of an image and mean another. */
function withMentions(
  contexts: Graph<string>,
  jobs: ReadonlyMap<string, BuildJob>,
  dockerfiles: ReadonlyMap<string, string>,
): Graph<string> {
  const byName = new Map<string, string>()
  for (const [image, { draft }] of jobs)
    for (const tag of draft.request.tags ?? []) byName.set(canonicalReference(tag) ?? tag, image)
  let graph = contexts
  for (const [image, job] of jobs) {
    const text = dockerfiles.get(job.service.name) ?? job.draft.request.dockerfileInline
    if (text === undefined) continue
    for (const name of mentionedImages(text, job.draft.request.args)) {
      const other = byName.get(name)
      if (other === undefined || other === image) continue
      const more = new Map([...graph, [image, [...new Set([...(graph.get(image) ?? []), other])]]])
      if (findCycle(more) === undefined) graph = more
    }
  }
  return graph
}
