/**
 * Containers that must let go of a network or volume before it can be made anew: stopped, then disconnected (and
 * connected again later), or removed. Pure.
 */
import type { EndpointSettings } from '../../api/types/index.ts'
import { containerResource } from '../names.ts'
import type { ObservedContainer } from '../observe.ts'
import { networkName, orderNetworks, toEndpoint } from '../translate/networks.ts'
import { refOf } from './input.ts'
import type { UpState } from './input.ts'
import { planStops } from './stops.ts'

/** Name of a network or volume -> operations after which it is free. */
export type Released = ReadonlyMap<string, readonly number[]>

/** Every container of the project on a replaced network, whether the command is about it or not. */
export function releaseNetworks(state: UpState): Released {
  const { input, builder, stopped } = state
  const attached = input.observed.containers.filter((container) =>
    container.networks.some((name) => state.replacedNetworks.has(name)),
  )
  planEarlyStops(state, attached, 'its network is replaced')
  const released = new Map<string, number[]>()
  for (const container of attached) {
    const removed = state.removed.get(container.id)
    for (const network of container.networks.filter((name) => state.replacedNetworks.has(name))) {
      if (removed !== undefined) {
        released.set(network, [...(released.get(network) ?? []), removed])
        continue
      }
      const stop = stopped.get(container.id)
      const id = builder.add(
        { kind: 'disconnectNetwork', network, container: refOf(container) },
        {
          resource: containerResource(container.name),
          cause: 'its network is replaced',
          after: stop === undefined ? [] : [stop],
        },
      )
      released.set(network, [...(released.get(network) ?? []), id])
    }
  }
  return released
}

/** Containers that are recreated anyway go first when they hold a volume that is replaced. */
export function releaseVolumes(state: UpState): Released {
  const { input, builder, stopped, removed } = state
  const holders = input.observed.containers.filter((container) => heldVolumes(state, container).length > 0)
  planEarlyStops(state, holders, 'its volume is replaced')
  const released = new Map<string, number[]>()
  for (const container of holders) {
    const stop = stopped.get(container.id)
    const id = builder.add(
      { kind: 'removeContainer', container: refOf(container), volumes: false, replaced: true },
      {
        resource: containerResource(container.name),
        cause: 'its volume is replaced',
        after: stop === undefined ? [] : [stop],
      },
    )
    removed.set(container.id, id)
    for (const name of heldVolumes(state, container)) released.set(name, [...(released.get(name) ?? []), id])
  }
  return released
}

/** Kept containers come back to the networks that were made anew. */
export function planReconnects(state: UpState): void {
  const desired = [...state.desired.values()].flat()
  for (const container of state.input.observed.containers) {
    const wanted = desired.find(({ existing }) => existing?.id === container.id)
    const isLeaving = wanted?.createCause !== undefined || state.surplus.includes(container)
    if (isLeaving || state.removed.has(container.id)) continue
    const connects = container.networks
      .filter((name) => state.replacedNetworks.has(name))
      .map((network) => planConnect(state, container, network))
    if (connects.length === 0) continue
    state.prepared.set(container.name, connects)
  }
}

function planEarlyStops(state: UpState, containers: readonly ObservedContainer[], cause: string): void {
  planStops(
    {
      builder: state.builder,
      graph: state.selection.graph,
      stopped: state.stopped,
      timeoutSeconds: state.input.options.timeoutSeconds,
    },
    containers.map((container) => ({ container, cause })),
  )
}

function heldVolumes(state: UpState, container: ObservedContainer): readonly string[] {
  return container.mounts.flatMap(({ Name }) => (Name !== undefined && state.replacedVolumes.has(Name) ? [Name] : []))
}

function planConnect(state: UpState, container: ObservedContainer, network: string): number {
  const ready = state.networkReady.get(network)
  return state.builder.add(
    { kind: 'connectNetwork', network, container: refOf(container), endpoint: endpointOf(state, container, network) },
    {
      resource: containerResource(container.name),
      cause: 'its network is replaced',
      after: ready === undefined ? [] : [ready],
    },
  )
}

function endpointOf(state: UpState, container: ObservedContainer, network: string): EndpointSettings {
  const { project } = state.input
  const service = project.services[container.service] ?? project.disabledServices[container.service]
  if (service === undefined) return { Aliases: [container.name, container.service] }
  const keys = orderNetworks(service.networks)
  const key = keys.find((one) => networkName(project, one) === network)
  return toEndpoint(
    { project, service, containerName: container.name, references: {}, linked: {} },
    (key === undefined ? null : service.networks[key]) ?? {},
    key === keys[0],
  )
}
