/**
 * Start and wait operations: a container starts when it is prepared and the conditions of `depends_on` hold. Several
 * dependents share one wait. Pure.
 */
import type { DependencyCondition, Service } from '../../compose/model.ts'
import { MycomposeError } from '../../errors.ts'
import { LABEL, parseDependsOn } from '../labels.ts'
import { containerResource, imageReference } from '../names.ts'
import { staysUp } from '../observe.ts'
import type { ObservedContainer } from '../observe.ts'
import type { WaitCondition } from '../plan.ts'
import { isDisabled } from '../translate/health.ts'
import { refOf, refOfDesired } from './input.ts'
import type { DesiredContainer, UpState } from './input.ts'
import { publishedPorts } from './ports.ts'

export function planStarts(state: UpState): void {
  if (state.input.options.noStart === true) return
  const waits = createWaits(state)
  for (const { service } of state.selection.wanted) {
    const containers = (state.desired.get(service.name) ?? []).filter(
      (container) => startCause(state, container) !== undefined,
    )
    if (containers.length === 0) continue
    const ready = Object.entries(service.dependsOn).flatMap(([name, dependency]) => {
      if (!state.desired.has(name)) return []
      if (dependency.condition === 'service_started') return startsOf(state, name)
      return waits.on(service, name, { condition: dependency.condition, required: dependency.required })
    })
    // whoever runs it attaches first
    if (state.input.options.oneOff?.service === service.name) continue
    for (const container of containers) planStart(state, container, ready)
  }
  if (state.input.options.wait === true) {
    for (const { service } of state.selection.wanted) waits.onReady(service)
  }
  planBystanderStarts(state, waits)
}

/** Containers of services that the command is not about, stopped for a new network or a replaced dependency. */
function planBystanderStarts(state: UpState, waits: Waits): void {
  for (const container of bystanders(state)) {
    const stop = state.stopped.get(container.id)
    if (stop === undefined) continue
    const id = state.builder.add(
      { kind: 'startContainer', container: refOf(container) },
      {
        resource: containerResource(container.name),
        cause: state.builder.causeOf(stop) ?? '',
        after: [
          stop,
          ...(state.prepared.get(container.name) ?? []),
          ...parseDependsOn(container.labels[LABEL.dependsOn]).flatMap(({ name, condition }) =>
            startsOf(state, name).concat(waits.until(name, condition)),
          ),
        ],
      },
    )
    state.started.set(container.name, id)
  }
}

function bystanders(state: UpState): readonly ObservedContainer[] {
  const desired = new Set([...state.desired.values()].flat().map(({ existing }) => existing?.id))
  return state.input.observed.containers.filter(
    ({ id }) => state.stopped.has(id) && !desired.has(id) && !state.removed.has(id),
  )
}

/** Runs already and is left alone: undefined. */
function startCause(state: UpState, { existing, createCause }: DesiredContainer): string | undefined {
  if (createCause !== undefined) return existing === undefined ? 'created' : 'recreated'
  if (existing === undefined) return undefined
  const stop = state.stopped.get(existing.id)
  if (stop !== undefined) return state.builder.causeOf(stop)
  if (staysUp(existing)) return undefined
  if (existing.isStopping) return 'being stopped'
  return existing.state === 'exited' ? `exited (${existing.exitCode})` : existing.state
}

function planStart(state: UpState, container: DesiredContainer, ready: readonly number[]): void {
  const { name } = container
  const id = state.builder.add(
    { kind: 'startContainer', container: refOfDesired(container) },
    {
      resource: containerResource(name),
      cause: startCause(state, container) ?? '',
      after: [
        ...(state.prepared.get(name) ?? []),
        ...ready,
        ...portsFreed(state, container),
        ...ownStop(state, container),
      ],
    },
  )
  state.started.set(name, id)
}

function ownStop(state: UpState, { existing, createCause }: DesiredContainer): readonly number[] {
  const stop = existing === undefined || createCause !== undefined ? undefined : state.stopped.get(existing.id)
  return stop === undefined ? [] : [stop]
}

/** A host port may still be held by a container that this plan stops. */
function portsFreed(state: UpState, { wanted }: DesiredContainer): readonly number[] {
  const wantedPorts = new Set(publishedPorts(wanted.service))
  if (wantedPorts.size === 0) return []
  return [...state.stopped].flatMap(([containerId, stop]) => {
    const holder: ObservedContainer | undefined = state.input.observed.containers.find(({ id }) => id === containerId)
    return holder?.publishedPorts.some((port) => wantedPorts.has(port)) === true ? [stop] : []
  })
}

function startsOf(state: UpState, service: string): readonly number[] {
  return (state.desired.get(service) ?? []).flatMap(({ name }) => {
    const id = state.started.get(name)
    return id === undefined ? [] : [id]
  })
}

interface WaitWish {
  readonly condition: DependencyCondition
  readonly required: boolean
}

interface Waits {
  /** The wait that `dependent` needs before it starts; none when the condition holds already. */
  on(dependent: Service, target: string, wish: WaitWish): readonly number[]
  /** As `on`, for a dependent of which only the container is known. */
  until(target: string, condition: DependencyCondition): readonly number[]
  /** What --wait waits for. */
  onReady(service: Service): void
}

function createWaits(state: UpState): Waits {
  const known = new Map<string, number>()
  function wait(target: string, condition: WaitCondition, required: boolean): readonly number[] {
    const key = `${target} ${condition} ${required}`
    const id = known.get(key) ?? planWait(state, target, condition, required)
    if (id === undefined) return []
    known.set(key, id)
    return [id]
  }
  return {
    on(dependent, target, { condition, required }) {
      if (condition === 'service_healthy') requireHealthcheck(state, dependent, target)
      return wait(target, condition, required)
    },
    until: (target, condition) =>
      condition === 'service_started' || !state.desired.has(target) ? [] : wait(target, condition, true),
    onReady(service) {
      const { name } = service
      const isOneShot = dependentConditions(state, name).has('service_completed_successfully')
      const condition: WaitCondition = isOneShot ? 'service_completed_successfully' : 'ready'
      // a required wait for health says all that `ready` says
      if (condition === 'ready' && known.has(`${name} service_healthy true`)) return
      wait(name, condition, true)
    },
  }
}

function planWait(state: UpState, target: string, condition: WaitCondition, required: boolean): number | undefined {
  const containers = state.desired.get(target) ?? []
  if (containers.every((container) => isSatisfied(state, container, condition))) return undefined
  const { waitTimeoutMs, wait } = state.input.options
  return state.builder.add(
    {
      kind: 'waitDependency',
      service: target,
      containers: containers.map(refOfDesired),
      condition,
      required,
      ...(wait === true && waitTimeoutMs !== undefined && waitTimeoutMs > 0 ? { timeoutMs: waitTimeoutMs } : {}),
    },
    {
      resource: `Service ${target}`,
      cause: condition === 'ready' ? '--wait' : 'depends_on',
      after: startsOf(state, target),
    },
  )
}

function isSatisfied(state: UpState, { name, existing }: DesiredContainer, condition: WaitCondition): boolean {
  if (existing === undefined || state.started.has(name)) return false
  switch (condition) {
    case 'service_healthy':
      return existing.health === 'healthy'
    case 'service_completed_successfully':
      return existing.state === 'exited' && existing.exitCode === 0
    case 'service_started':
      return existing.state === 'running'
    case 'ready':
  }
  return existing.state === 'running' && (existing.health === '' || existing.health === 'healthy')
}

function dependentConditions(state: UpState, target: string): ReadonlySet<DependencyCondition> {
  return new Set(
    state.selection.wanted.flatMap(({ service }) => {
      const dependency = service.dependsOn[target]
      return dependency === undefined ? [] : [dependency.condition]
    }),
  )
}

function requireHealthcheck(state: UpState, dependent: Service, target: string): void {
  const service = state.input.project.services[target]
  if (service === undefined || hasHealthcheck(state, service)) return
  throw new MycomposeError(
    `service "${dependent.name}" waits for "${target}" to be healthy, but "${target}" has no healthcheck configured`,
    {
      code: 'NO_HEALTHCHECK',
      hint: `give "${target}" a healthcheck, or depend on it with "condition: service_started"`,
    },
  )
}

function hasHealthcheck(state: UpState, service: Service): boolean {
  const { healthcheck } = service
  if (healthcheck !== undefined && isDisabled(healthcheck)) return false
  if ((healthcheck?.test ?? []).length > 0) return true
  return state.input.imagesWithHealthcheck.has(imageReference(state.input.project.name, service))
}
