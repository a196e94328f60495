/**
 * Which containers of each service are kept, replaced, added or too many. Numbers: the lowest are kept, but outdated
 * ones go first; a new one gets the highest number so far plus one. Pure.
 */
import type { Service } from '../../compose/model.ts'
import { ConfigErrors, ConflictError } from '../../errors.ts'
import type { ConfigProblem } from '../../errors.ts'
import { containerName, imageReference, isTemporaryName } from '../names.ts'
import type { ObservedContainer } from '../observe.ts'
import { oneOffName } from '../one-off.ts'
import { pullPolicyOf } from '../pull-policy.ts'
import { recreateCause, serviceReferences } from './decide.ts'
import type { RecreatePolicy } from './decide.ts'
import type { DesiredContainer, Selection, UpInput, Wanted } from './input.ts'

export interface Scaled {
  readonly desired: ReadonlyMap<string, readonly DesiredContainer[]>
  readonly surplus: readonly ObservedContainer[]
}

export function scaleServices(input: UpInput, selection: Selection, replacedVolumes: ReadonlySet<string>): Scaled {
  const desired = new Map<string, readonly DesiredContainer[]>()
  const surplus: ObservedContainer[] = []
  const recreatedServices = new Set<string>()
  for (const wanted of selection.wanted) {
    const { name } = wanted.service
    const { oneOff } = input.options
    if (oneOff?.service === name) {
      desired.set(name, [{ wanted, number: 0, name: oneOffName(input.project.name, oneOff), createCause: 'run' }])
      continue
    }
    const existing = containersOf(input, name)
    const causes = new Map(
      existing.map((container) => [
        container.id,
        recreateCause(container, wanted.service, {
          project: input.project,
          observed: input.observed,
          policy: policyOf(input, wanted),
          replacedVolumes,
          references: presentReferences(input, desired, wanted),
          recreatedServices,
        }),
      ]),
    )
    const { keep, drop } = splitByReplicas(existing, causes, wanted.replicas)
    const containers = [
      ...keep.map((container) => toDesired(input, wanted, container, causes.get(container.id))),
      ...newContainers(input, wanted, existing, wanted.replicas - keep.length),
    ].toSorted((left, right) => left.number - right.number)
    if (containers.some(({ existing: old, createCause }) => old !== undefined && createCause !== undefined)) {
      recreatedServices.add(name)
    }
    desired.set(name, containers)
    surplus.push(...drop)
  }
  requireImages(input, [...desired.values()].flat())
  checkNames([...desired.values()].flat())
  return { desired, surplus }
}

function checkNames(containers: readonly DesiredContainer[]): void {
  const owners = new Map<string, string>()
  for (const { name, wanted } of containers) {
    const owner = owners.get(name)
    if (owner !== undefined) {
      throw new ConflictError(`container name "${name}" is used by services "${owner}" and "${wanted.service.name}"`, {
        code: 'CONTAINER_NAME_TAKEN',
        hint: 'container_name must be unique in the project',
      })
    }
    owners.set(name, wanted.service.name)
  }
}

/** Service containers, not one-offs, in the order of numbers. */
export function containersOf(input: Pick<UpInput, 'observed'>, service: string): readonly ObservedContainer[] {
  return input.observed.containers.filter((container) => container.service === service && !container.oneOff)
}

function policyOf({ options }: UpInput, { targeted }: Wanted): RecreatePolicy {
  if (options.noRecreate === true) return 'never'
  const forced = targeted
    ? options.forceRecreate === true || options.renewAnonymousVolumes === true
    : options.alwaysRecreateDeps
  return forced === true ? 'force' : 'diverged'
}

/** Ids of the containers that "service:X" means now. */
/** Of the container that will be meant: the first one may be about to go, as the service is scaled down. */
function presentReferences(
  input: UpInput,
  desired: Scaled['desired'],
  { service }: Wanted,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    serviceReferences(service).flatMap((reference) => {
      const target = reference.slice('service:'.length)
      const known = desired.get(target)
      const id = known === undefined ? containersOf(input, target)[0]?.id : known[0]?.existing?.id
      return id === undefined ? [] : [[reference, id]]
    }),
  )
}

function splitByReplicas(
  existing: readonly ObservedContainer[],
  causes: ReadonlyMap<string, string | undefined>,
  replicas: number,
): { readonly keep: readonly ObservedContainer[]; readonly drop: readonly ObservedContainer[] } {
  const isOutdated = (container: ObservedContainer): number => (causes.get(container.id) === undefined ? 0 : 1)
  const ordered = existing.toSorted((left, right) => isOutdated(left) - isOutdated(right) || left.number - right.number)
  // a replacement that broke off leaves two containers of one number
  const first = new Set(new Map(ordered.toReversed().map((container) => [container.number, container])).values())
  const keep = ordered.filter((container) => first.has(container)).slice(0, replicas)
  return { keep, drop: ordered.filter((container) => !keep.includes(container)) }
}

/**
 * A kept container keeps its name, unless that is the temporary one of a replacement that broke off; a replaced one
 * takes the name that the model gives now.
 */
function toDesired(
  { project }: UpInput,
  wanted: Wanted,
  existing: ObservedContainer,
  createCause: string | undefined,
): DesiredContainer {
  const { number } = existing
  const name = containerName(project.name, wanted.service, number)
  if (createCause !== undefined) return { wanted, existing, number, createCause, name }
  return { wanted, existing, number, name: isTemporaryName(existing.name, name) ? name : existing.name }
}

function newContainers(
  { project }: UpInput,
  wanted: Wanted,
  existing: readonly ObservedContainer[],
  count: number,
): readonly DesiredContainer[] {
  const highest = Math.max(0, ...existing.map((container) => container.number))
  const createCause = existing.length === 0 ? 'not found' : 'scale up'
  return Array.from({ length: Math.max(0, count) }, (_, index) => {
    const number = highest + 1 + index
    return { wanted, number, name: containerName(project.name, wanted.service, number), createCause }
  })
}

/** @throws ConfigErrors for all that are missing at once. */
function requireImages(input: UpInput, containers: readonly DesiredContainer[]): void {
  const { project, observed } = input
  const services = new Set(
    containers.filter(({ createCause }) => createCause !== undefined).map(({ wanted }) => wanted.service),
  )
  const told = new Set<string>()
  const problems = [...services].flatMap((service) => {
    const reference = imageReference(project.name, service)
    if (observed.images.has(reference) || told.has(reference)) return []
    if (input.pullFailures?.has(reference) === true) told.add(reference) // it names all services of the image
    return [missingImage(input, service, reference)]
  })
  if (problems.length > 0) throw new ConfigErrors(problems)
}

function missingImage({ pullFailures, options }: UpInput, service: Service, reference: string): ConfigProblem {
  const { name, build } = service
  const failure = pullFailures?.get(reference)
  const path = ['services', name, build === undefined ? 'image' : 'build']
  if (failure !== undefined) return { code: failure.code, message: failure.message, hint: failure.hint, path }
  const { kind } = pullPolicyOf(service, options.pull)
  const byHand = `"mycompose image import FILE.tar ${reference}"`
  // what the file forbids, "mycompose pull" leaves out
  const byPull = kind === 'never' ? `"mycompose image pull ${reference}"` : `"mycompose pull ${name}"`
  return {
    code: 'NO_SUCH_IMAGE',
    message: `image "${reference}" of service "${name}" is not on this machine${kind === 'never' ? ' and may not be pulled (pull policy "never")' : ''}`,
    hint:
      build === undefined
        ? `bring it with ${byPull} or ${byHand}`
        : `make it with "mycompose build ${name}", or leave out --no-build`,
    path,
  }
}
