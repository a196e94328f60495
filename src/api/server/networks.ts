/** Resource: networks. */
import { created, noContent, ok, type ApiRequest } from './answer.ts'
import { readJson } from './body.ts'
import type { ApiContext } from './context.ts'
import { pruneLabelsMatch, untilOf } from './prune.ts'
import type { Routes } from './router.ts'
import type { EndpointSettings, NetworkCreateRequest } from '../types/index.ts'
import type { Filters } from '../../engine/services/index.ts'
import { InvalidRequestError } from '../../errors.ts'

const PREDEFINED = new Set(['bridge', 'host', 'none'])

function idOf(request: ApiRequest): string {
  return request.params['id'] ?? ''
}

async function prune({ engine }: ApiContext, filters: Filters): Promise<object> {
  const beforeMs = untilOf(filters, engine.host.clock.nowMs())
  const deleted: string[] = []
  for (const { Id, Name, Labels, Created } of await engine.networks.list({})) {
    const inUse = engine.containers.usersOf({ networkId: Id }).length > 0
    if (PREDEFINED.has(Name) || inUse || Date.parse(Created) >= beforeMs || !pruneLabelsMatch(filters, Labels)) continue
    await engine.networks.remove(Id)
    deleted.push(Name)
  }
  return { NetworksDeleted: deleted }
}

function containerOf({ Container: idOrName }: { readonly Container?: unknown }): string {
  if (typeof idOrName === 'string' && idOrName !== '') return idOrName
  throw new InvalidRequestError('the field "Container" is missing')
}

export function networkRoutes(context: ApiContext): Routes {
  const { networks, containers } = context.engine
  return {
    'GET /networks': async ({ query }) => ok(await networks.list(query.filters())),
    'POST /networks/create': async (request) =>
      created(await networks.create(await readJson<NetworkCreateRequest>(request))),
    'POST /networks/prune': async ({ query }) => ok(await prune(context, query.filters())),
    'GET /networks/{id}': async (request) => ok(await networks.inspect(idOf(request))),
    'DELETE /networks/{id}': async (request) => {
      await networks.remove(idOf(request))
      return noContent
    },
    'POST /networks/{id}/connect': async (request) => {
      const body = await readJson<{ Container?: string; EndpointConfig?: EndpointSettings | null }>(request)
      await containers.connectNetwork(containerOf(body), idOf(request), body.EndpointConfig ?? {})
      return { kind: 'empty', status: 200 }
    },
    'POST /networks/{id}/disconnect': async (request) => {
      const body = await readJson<{ Container?: string; Force?: boolean }>(request)
      await containers.disconnectNetwork(containerOf(body), idOf(request), body.Force === true)
      return { kind: 'empty', status: 200 }
    },
  }
}
