/**
 * Create operations, and the replacement of what was: the new container is made under a temporary name while the old
 * one runs, then the old one is stopped and removed, and the new one takes the name. Pure.
 */
import { MycomposeError } from '../../errors.ts'
import { LABEL, parseDependsOn } from '../labels.ts'
import { containerResource, imageReference, temporaryName } from '../names.ts'
import { isRunning } from '../observe.ts'
import type { ObservedContainer } from '../observe.ts'
import type { ContainerRef, ContainerSpec } from '../plan.ts'
import { networkName } from '../translate/networks.ts'
import { serviceReferences } from './decide.ts'
import { refOf, refOfDesired } from './input.ts'
import type { DesiredContainer, UpState } from './input.ts'
import { containersOf } from './scale.ts'
import { planStops } from './stops.ts'
import type { StopWish } from './stops.ts'

const ANONYMOUS_VOLUME = /^[0-9a-f]{64}$/

export function planCreates(state: UpState): void {
  for (const containers of state.desired.values()) {
    for (const container of containers) if (container.createCause !== undefined) planCreate(state, container)
  }
}

/** Stops, removals and renames: of replaced containers, of surplus ones, and stops of those that must restart. */
export function planReplacements(state: UpState): void {
  const { builder, stopped, removed } = state
  const replaced = [...state.desired.values()].flat().filter((container) => isReplacement(state, container))
  planStops({ builder, stopped, graph: state.selection.graph, timeoutSeconds: state.input.options.timeoutSeconds }, [
    ...replaced.flatMap((container) => replacementStop(state, container)),
    ...state.surplus.map((container): StopWish => ({ container, cause: 'scale down' })),
    ...restartedDependents(state),
  ])
  for (const container of state.surplus) {
    if (!removed.has(container.id)) planRemove(state, container, 'scale down', [])
  }
  for (const container of replaced) planSwap(state, container)
  for (const container of [...state.desired.values()].flat()) planOverdueRename(state, container)
}

function planCreate(state: UpState, container: DesiredContainer): void {
  const { builder, created, removed } = state
  const { name, existing, createCause = '' } = container
  const spec = toSpec(state, container)
  const isNameFree = existing === undefined || existing.name !== name || removed.has(existing.id)
  const id = builder.add(
    { kind: 'createContainer', spec, createName: isNameFree ? name : temporaryName(existing.id, name) },
    { resource: containerResource(name), cause: createCause, after: createDependencies(state, container, spec) },
  )
  created.set(name, id)
  state.prepared.set(name, [id])
}

function createDependencies(
  state: UpState,
  { wanted, existing }: DesiredContainer,
  spec: ContainerSpec,
): readonly number[] {
  const { project } = state.input
  const { service } = wanted
  const networks = Object.keys(service.networks).map((key) => state.networkReady.get(networkName(project, key)))
  const volumes = service.volumes.map((volume) =>
    volume.type === 'volume' && volume.source !== undefined
      ? state.volumeReady.get(project.volumes[volume.source]?.name ?? volume.source)
      : undefined,
  )
  const references = Object.values(spec.references).map(({ name }) => state.created.get(name))
  const removed = existing === undefined ? undefined : state.removed.get(existing.id)
  return [...networks, ...volumes, ...references, removed].filter((id) => id !== undefined)
}

function toSpec(state: UpState, container: DesiredContainer): ContainerSpec {
  const { project, observed, options } = state.input
  const { oneOff } = options
  const { wanted, existing, number, name } = container
  const { service } = wanted
  return {
    service,
    number,
    name,
    imageId: observed.images.get(imageReference(project.name, service)) ?? '',
    inheritedVolumes: existing === undefined ? {} : inheritedVolumes(state, existing),
    references: toReferences(state, container),
    linked: Object.fromEntries(
      (service.links ?? []).map(({ service: target }) => [target, containerNames(state, target)]),
    ),
    ...(existing === undefined ? {} : { replaces: refOf(existing) }),
    ...(oneOff?.service === service.name ? { oneOff } : {}),
  }
}

/** Anonymous volumes keep their content when the container is replaced, unless -V. */
function inheritedVolumes(state: UpState, existing: ObservedContainer): Readonly<Record<string, string>> {
  if (state.input.options.renewAnonymousVolumes === true) return {}
  return Object.fromEntries(
    existing.mounts.flatMap(({ Type, Name, Destination }) =>
      Type === 'volume' && Name !== undefined && ANONYMOUS_VOLUME.test(Name) ? [[Destination, Name]] : [],
    ),
  )
}

function toReferences(state: UpState, { wanted }: DesiredContainer): Readonly<Record<string, ContainerRef>> {
  return Object.fromEntries(
    serviceReferences(wanted.service).map((reference) => {
      const target = reference.slice('service:'.length)
      const [desired] = state.desired.get(target) ?? []
      const [existing] = containersOf(state.input, target)
      if (desired !== undefined) return [reference, refOfDesired(desired)]
      if (existing !== undefined) return [reference, refOf(existing)]
      throw new MycomposeError(`service "${wanted.service.name}" needs a container of "${target}", and there is none`, {
        code: 'REFERENCED_SERVICE_MISSING',
        hint: `start "${target}" too`,
      })
    }),
  )
}

function containerNames(state: UpState, service: string): readonly string[] {
  return (state.desired.get(service) ?? containersOf(state.input, service)).map(({ name }) => name)
}

function isReplacement(state: UpState, { existing, createCause }: DesiredContainer): boolean {
  return existing !== undefined && createCause !== undefined && !state.removed.has(existing.id)
}

function replacementStop(state: UpState, container: DesiredContainer): readonly StopWish[] {
  const { existing, name, createCause = '' } = container
  const create = state.created.get(name)
  if (existing === undefined || create === undefined) return []
  return [{ container: existing, cause: createCause, after: [create], replaced: true }]
}

/** Running and kept, whether the command is about it or not, and a dependency with `restart: true` is replaced. */
function restartedDependents(state: UpState): readonly StopWish[] {
  const leaving = new Set(
    [...state.desired.values()]
      .flat()
      .flatMap(({ existing, createCause }) => (createCause === undefined ? [] : [existing?.id])),
  )
  return state.input.observed.containers.flatMap((container): readonly StopWish[] => {
    if (container.oneOff || leaving.has(container.id) || !isRunning(container) || state.surplus.includes(container))
      return []
    const replaced = restartDependencies(state, container).find((name) =>
      (state.desired.get(name) ?? []).some((one) => isReplacement(state, one)),
    )
    return replaced === undefined ? [] : [{ container, cause: `dependency ${replaced} is recreated` }]
  })
}

/** Of the model where it knows the service, else of the labels. */
function restartDependencies(state: UpState, container: ObservedContainer): readonly string[] {
  const service = state.input.project.services[container.service]
  if (service === undefined) {
    return parseDependsOn(container.labels[LABEL.dependsOn]).flatMap(({ name, restart }) => (restart ? [name] : []))
  }
  return Object.entries(service.dependsOn).flatMap(([name, { restart }]) => (restart ? [name] : []))
}

function planSwap(state: UpState, container: DesiredContainer): void {
  const { name, existing, createCause = '' } = container
  const create = state.created.get(name)
  if (existing === undefined || create === undefined) return
  const removal = planRemove(state, existing, createCause, [create], true)
  if (existing.name !== name) return
  const rename = state.builder.add(
    { kind: 'renameContainer', container: refOfDesired(container) },
    { resource: containerResource(name), cause: createCause, after: [removal] },
  )
  state.prepared.set(name, [...(state.prepared.get(name) ?? []), rename])
}

/** A replacement broke off between the removal of the old container and the renaming of the new one. */
function planOverdueRename(state: UpState, container: DesiredContainer): void {
  const { name, existing, createCause } = container
  if (existing === undefined || createCause !== undefined || existing.name === name) return
  const holder = state.input.observed.containers.find((one) => one.name === name)
  const removal = holder === undefined ? undefined : state.removed.get(holder.id)
  const rename = state.builder.add(
    { kind: 'renameContainer', container: refOfDesired(container) },
    {
      resource: containerResource(name),
      cause: 'recreate was interrupted',
      after: removal === undefined ? [] : [removal],
    },
  )
  state.prepared.set(name, [...(state.prepared.get(name) ?? []), rename])
}

function planRemove(
  state: UpState,
  container: ObservedContainer,
  cause: string,
  after: readonly number[],
  replaced?: true,
): number {
  const stop = state.stopped.get(container.id)
  // a stop that was planned later comes after these itself
  const before = stop === undefined ? after : [...after.filter((one) => one > stop), stop]
  const id = state.builder.add(
    {
      kind: 'removeContainer',
      container: refOf(container),
      volumes: replaced === true && state.input.options.renewAnonymousVolumes === true,
      ...(replaced === undefined ? {} : { replaced }),
    },
    { resource: containerResource(container.name), cause, after: before },
  )
  state.removed.set(container.id, id)
  return id
}
