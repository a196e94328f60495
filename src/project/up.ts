/** `up` and `create`: makes what exists equal to the model, starts it, and waits where asked. */
import type { Project } from '../compose/model.ts'
import { ConfigErrors, MycomposeError, NotFoundError, errnoOf } from '../errors.ts'
import { bringImages } from './bring-images.ts'
import { buildImages } from './build/images.ts'
import type { BuildWish } from './build/needed.ts'
import type { ProjectContext } from './context.ts'
import { diagnose } from './diagnose.ts'
import { executePlan, tellWarnings } from './execute.ts'
import { createExecution } from './execution.ts'
import type { Execution } from './execution.ts'
import { imageReference } from './names.ts'
import { observe, observeContainers } from './observe.ts'
import type { Plan } from './plan.ts'
import type { OneOff } from './one-off.ts'
import { selectServices } from './reconcile/input.ts'
import { planUp } from './reconcile/up.ts'
import type { UpPlan } from './reconcile/up.ts'
import { localFiles } from './translate/files.ts'
import { seccompProfilePath } from './translate/security.ts'
import { VERSION } from '../version.ts'

export interface UpOptions {
  /** Named on the command line; empty: all. Dependencies come along unless `noDeps`. */
  readonly services?: readonly string[]
  readonly forceRecreate?: boolean
  readonly noRecreate?: boolean
  readonly alwaysRecreateDeps?: boolean
  readonly noDeps?: boolean
  readonly removeOrphans?: boolean
  /** No warning about orphans (COMPOSE_IGNORE_ORPHANS). */
  readonly ignoreOrphans?: boolean
  /** Replicas by service; overrides the file. */
  readonly scale?: Readonly<Record<string, number>>
  /** Wait until services run and are healthy. */
  readonly wait?: boolean
  readonly waitTimeoutMs?: number
  /** Create, do not start. */
  readonly noStart?: boolean
  readonly renewAnonymousVolumes?: boolean
  /** Grace of stops; absent: each container's own. */
  readonly timeoutSeconds?: number
  /** Instead of the containers of its service, one more: created, not started. */
  readonly oneOff?: OneOff
  /** Plan only. */
  readonly dryRun?: boolean
  /** Overrides the services' own policy. */
  readonly pull?: 'always' | 'build' | 'missing' | 'never'
  /** No progress of layers. */
  readonly quietPull?: boolean
  /** `--build` and `--no-build`; absent: images that are missing, and those of `pull_policy: build`. */
  readonly build?: BuildWish
  /** No progress of builds. */
  readonly quietBuild?: boolean
  /** Answer yes to the loss of volume content. */
  readonly assumeYes?: boolean
}

export interface UpResult {
  /** `formatPlan(plan)` is what --dry-run prints. */
  readonly plan: Plan
  /** Containers of the services that were asked for (not of their dependencies), sorted by name. */
  readonly containers: readonly UpContainer[]
}

export interface UpContainer {
  readonly id: string
  /** Without "/". */
  readonly name: string
  readonly service: string
  readonly number: number
}

export async function up(context: ProjectContext, project: Project, options: UpOptions): Promise<UpResult> {
  const planned = await prepareUp(context, project, options)
  if (options.dryRun === true) return { plan: planned.plan, containers: [] }
  using execution = await createUpExecution(context, project, planned)
  await executePlan(execution, planned.plan)
  if (options.wait === true) await verifyReady(context, project, planned)
  return { plan: planned.plan, containers: targetedContainers(execution, planned) }
}

/** observe -> pull and build images -> reconcile; tells the warnings. Changes nothing of the project. */
export async function prepareUp(context: ProjectContext, project: Project, options: UpOptions): Promise<UpPlan> {
  const services = Object.values(project.services)
  const references = services.map((service) => imageReference(project.name, service))
  const [before, healthchecks] = await Promise.all([
    observe(context.client, project.name, references),
    findImageHealthchecks(context, project),
  ])
  const wanted = selectServices(project, options).wanted.flatMap(({ service, replicas }) =>
    replicas > 0 ? [service] : [],
  )
  const brought = await bringImages(context, project, wanted, before.images, options)
  const { images, changed, failures } = await buildImages(context, project, wanted, brought, options)
  const imagesWithHealthcheck = changed ? await findImageHealthchecks(context, project) : healthchecks
  const observed = { ...before, images }
  const planned = planUp({
    project,
    observed,
    options,
    version: VERSION,
    imagesWithHealthcheck,
    pullFailures: failures,
  })
  await checkLocalFiles(context, project, planned.plan)
  tellWarnings(context, planned.plan)
  return planned
}

/** A secret that is missing is told as such, and before anything is made. @throws ConfigErrors */
async function checkLocalFiles(context: ProjectContext, project: Project, { operations }: Plan): Promise<void> {
  const services = operations.flatMap((operation) =>
    operation.kind === 'createContainer' ? [operation.spec.service] : [],
  )
  const files = new Map(localFiles(project, services).map((file) => [file.path, file]))
  const missing = await Promise.all(
    [...files.values()].map(async (file) => ((await isMissing(context, file.path)) ? [file] : [])),
  )
  const problems = missing.flat().map(({ kind, key, service, path }) => ({
    code: 'FILE_NOT_FOUND',
    message: `the file of ${kind.slice(0, -1)} "${key}" of service "${service}" does not exist: ${path}`,
    path: [kind, key, 'file'],
  }))
  if (problems.length > 0) throw new ConfigErrors(problems)
}

async function isMissing(context: ProjectContext, path: string): Promise<boolean> {
  try {
    await context.readFile(path)
    return false
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR'
  }
}

export async function createUpExecution(
  context: ProjectContext,
  project: Project,
  { plan }: UpPlan,
  onStarted?: Execution['onStarted'],
): Promise<Execution> {
  const options = plan.operations.flatMap((operation) =>
    operation.kind === 'createContainer' ? (operation.spec.service.securityOpt ?? []) : [],
  )
  const paths = [...new Set(options.map(seccompProfilePath).filter((path) => path !== undefined))]
  const profiles = await Promise.all(
    paths.map(async (path) => [path, await readProfile(context, project, path)] as const),
  )
  return createExecution(context, {
    projectName: project.name,
    project,
    seccompProfiles: Object.fromEntries(profiles),
    ...(onStarted === undefined ? {} : { onStarted }),
  })
}

/** The containers that were asked for, by name. */
export function targetedContainers(execution: Execution, { desired }: UpPlan): readonly UpContainer[] {
  return desired
    .filter(({ wanted }) => wanted.targeted)
    .map(({ name, number, wanted, existing }) => ({
      id: execution.ids.get(name) ?? existing?.id ?? '',
      name,
      number,
      service: wanted.service.name,
    }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

/** Only those that somebody waits for and that the file gives no test: mostly none, and then no request is made. */
async function findImageHealthchecks(context: ProjectContext, project: Project): Promise<ReadonlySet<string>> {
  const awaited = Object.values(project.services).flatMap(({ dependsOn }) =>
    Object.entries(dependsOn).flatMap(([name, { condition }]) => {
      const service = project.services[name]
      return condition === 'service_healthy' && service !== undefined && service.healthcheck?.test === undefined
        ? [imageReference(project.name, service)]
        : []
    }),
  )
  const found = await Promise.all(
    [...new Set(awaited)].map(async (reference) => ((await hasHealthcheck(context, reference)) ? [reference] : [])),
  )
  return new Set(found.flat())
}

async function hasHealthcheck(context: ProjectContext, reference: string): Promise<boolean> {
  try {
    const { Config } = await context.client.images.inspect(reference)
    const [head] = Config.Healthcheck?.Test ?? []
    return head !== undefined && head !== 'NONE'
  } catch (error) {
    // a missing image is told by reconcile, with the service that needs it
    if (error instanceof NotFoundError) return false
    throw error
  }
}

async function readProfile(context: ProjectContext, project: Project, path: string): Promise<string> {
  const absolute = path.startsWith('/') ? path : `${project.workingDir}/${path}`
  try {
    return (await context.readFile(absolute)).toString()
  } catch (cause) {
    throw new MycomposeError(`cannot read seccomp profile "${absolute}"`, { code: 'SECCOMP_PROFILE', cause })
  }
}

/** Without a health check "runs" is all that can be waited for: one look at the end finds what has died meanwhile. */
async function verifyReady(context: ProjectContext, project: Project, { desired }: UpPlan): Promise<void> {
  const names = new Set(desired.map(({ name }) => name))
  const containers = await observeContainers(context.client, project.name)
  const dead = containers.find(({ name, state, exitCode }) => names.has(name) && state === 'exited' && exitCode !== 0)
  if (dead === undefined) return
  throw new MycomposeError(`container ${dead.name} exited (${dead.exitCode})`, {
    code: 'DEPENDENCY_FAILED',
    hint: await diagnose(context, dead, await context.client.containers.inspect(dead.id)),
  })
}
