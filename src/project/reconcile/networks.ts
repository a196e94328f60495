/**
 * Networks: made when missing, replaced when their configuration changed, left alone when they belong to somebody
 * else. Messages are those of docker compose. Pure.
 */
import type { NetworkInspect } from '../../api/types/index.ts'
import { networkHash } from '../../compose/hash.ts'
import type { Network } from '../../compose/model.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { LABEL } from '../labels.ts'
import { networkResource } from '../names.ts'
import { toNetworkCreateRequest } from '../translate/networks.ts'
import type { Selection, UpInput, UpState } from './input.ts'

/** Names of networks whose configuration differs from that of the file. */
export function findReplacedNetworks(input: UpInput, selection: Selection): ReadonlySet<string> {
  const replaced = usedNetworks(input, selection).filter(([, network]) => {
    const now = input.observed.networks.get(network.name)
    return !network.external && now !== undefined && isOurs(input, now) && isChanged(now, network)
  })
  return new Set(replaced.map(([, network]) => network.name))
}

export function planNetworks(state: UpState, disconnected: ReadonlyMap<string, readonly number[]>): void {
  const { input, selection, builder, networkReady } = state
  for (const [key, network] of usedNetworks(input, selection)) {
    const now = input.observed.networks.get(network.name)
    if (network.external) {
      requireExternal(network, now)
      continue
    }
    const request = toNetworkCreateRequest(input.project.name, key, network, input.version)
    const resource = networkResource(network.name)
    if (now === undefined) {
      networkReady.set(network.name, builder.add({ kind: 'createNetwork', request }, { resource, cause: 'not found' }))
    } else if (state.replacedNetworks.has(network.name)) {
      const cause = 'configuration changed'
      const removed = builder.add(
        { kind: 'removeNetwork', name: network.name, networkId: now.Id, ifUnused: false },
        { resource, cause, after: disconnected.get(network.name) ?? [] },
      )
      const created = builder.add({ kind: 'createNetwork', request }, { resource, cause, after: [removed] })
      networkReady.set(network.name, created)
    } else {
      checkOwner(state, key, now)
    }
  }
}

/** Networks that a selected service is on. */
function usedNetworks({ project }: UpInput, selection: Selection): readonly (readonly [string, Network])[] {
  const used = new Set(selection.wanted.flatMap(({ service }) => Object.keys(service.networks)))
  return Object.entries(project.networks).filter(([key]) => used.has(key))
}

function isOurs({ project }: UpInput, network: NetworkInspect): boolean {
  return network.Labels[LABEL.project] === project.name
}

/** Networks of older tools carry no hash: taken as they are. */
function isChanged(now: NetworkInspect, network: Network): boolean {
  const hash = now.Labels[LABEL.configHash]
  return hash !== undefined && hash !== networkHash(network)
}

function requireExternal(network: Network, now: NetworkInspect | undefined): void {
  // names that every engine has
  if (now !== undefined || ['host', 'bridge', 'none'].includes(network.name)) return
  throw new NotFoundError(`network ${network.name} declared as external, but could not be found`, {
    code: 'EXTERNAL_NETWORK_NOT_FOUND',
    hint: 'create it first, or take "external: true" away',
  })
}

function checkOwner({ input, builder }: UpState, key: string, now: NetworkInspect): void {
  const owner = now.Labels[LABEL.project]
  if (owner === undefined) {
    builder.warn(
      `a network with name ${now.Name} exists but was not created by compose; set "external: true" to use an existing network`,
    )
  } else if (owner !== input.project.name) {
    builder.warn(
      `a network with name ${now.Name} exists but was not created for project "${input.project.name}"; set "external: true" to use an existing network`,
    )
  }
  const label = now.Labels[LABEL.network]
  if (label !== undefined && label !== key) {
    throw new ConflictError(
      `network ${now.Name} was found but has incorrect label ${LABEL.network} set to "${label}" (expected: "${key}")`,
      { code: 'NETWORK_LABEL' },
    )
  }
}
