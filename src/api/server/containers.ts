/** Resource: containers, all but their streams (container-streams.ts). */
import { created, noContent, notModified, ok, type ApiRequest } from './answer.ts'
import { readBytes, readJson } from './body.ts'
import type { ApiContext } from './context.ts'
import { untilOf, pruneLabelsMatch } from './prune.ts'
import type { Routes } from './router.ts'
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerSummary,
  ContainerUpdateRequest,
} from '../types/index.ts'
import type { Filters } from '../../engine/services/index.ts'
import { InvalidRequestError } from '../../errors.ts'

/** "{}\n" and the like are let through, as dockerd does; a HostConfig at start was given up with API 1.24. */
const MAX_START_BODY_BYTES = 7

function idOf(request: ApiRequest): string {
  return request.params['id'] ?? ''
}

function required(request: ApiRequest, name: string): string {
  const value = request.query.text(name)
  if (value === undefined) throw new InvalidRequestError(`the parameter "${name}" is missing`)
  return value
}

/** `t` and `signal` of stop and restart. */
function stopOptions(request: ApiRequest): { timeoutSeconds?: number; signal?: string } {
  const timeoutSeconds = request.query.integer('t')
  const signal = request.query.text('signal')
  return {
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(signal === undefined ? {} : { signal }),
  }
}

async function prune(context: ApiContext, filters: Filters): Promise<object> {
  const { containers } = context.engine
  const beforeMs = untilOf(filters, context.engine.host.clock.nowMs())
  const isGone = ({ State, Created, Labels }: ContainerSummary): boolean =>
    ['created', 'exited', 'dead'].includes(State) && Created * 1000 < beforeMs && pruneLabelsMatch(filters, Labels)
  const doomed = (await containers.list({ all: true, size: true, filters: {} })).filter(isGone)
  const deleted: string[] = []
  let reclaimed = 0
  for (const { Id, SizeRw } of doomed) {
    await containers.remove(Id, { force: false, volumes: false })
    deleted.push(Id)
    reclaimed += SizeRw ?? 0
  }
  return { ContainersDeleted: deleted, SpaceReclaimed: reclaimed }
}

/** A container is frozen unless the client says otherwise; a new image has a name only when one was given. */
async function commit({ engine }: ApiContext, request: ApiRequest): Promise<string> {
  const { query } = request
  const repository = query.text('repo')
  const tag = query.text('tag')
  return await engine.containers.commit(required(request, 'container'), {
    reference: repository === undefined ? undefined : `${repository}${tag === undefined ? '' : `:${tag}`}`,
    author: query.text('author'),
    comment: query.text('comment'),
    changes: query.list('changes'),
    pause: query.text('pause') === undefined || query.flag('pause'),
    config: await readJson<ContainerConfig>(request),
  })
}

export function containerRoutes(context: ApiContext): Routes {
  const { containers } = context.engine
  return {
    'GET /containers/json': async ({ query }) => {
      const limit = query.integer('limit')
      return ok(
        await containers.list({
          all: query.flag('all') || (limit ?? 0) > 0,
          size: query.flag('size'),
          filters: query.filters(),
          ...(limit === undefined || limit <= 0 ? {} : { limit }),
        }),
      )
    },
    'POST /containers/create': async (request) => {
      const name = request.query.text('name')
      const platform = request.query.text('platform')
      const body = await readJson<ContainerCreateRequest>(request)
      const options = {
        ...(name === undefined ? {} : { name: name.replace(/^\//, '') }),
        ...(platform === undefined ? {} : { platform }),
      }
      return created(await containers.create(body, options))
    },
    'POST /containers/prune': async ({ query }) => ok(await prune(context, query.filters())),
    'GET /containers/{id}/json': async (request) =>
      ok(await containers.inspect(idOf(request), { size: request.query.flag('size') })),
    'POST /containers/{id}/start': async (request) => {
      if ((await readBytes(request.body)).length > MAX_START_BODY_BYTES)
        throw new InvalidRequestError('starting a container with a request body is not supported since API 1.24')
      return (await containers.start(idOf(request))) ? noContent : notModified
    },
    'POST /containers/{id}/stop': async (request) =>
      (await containers.stop(idOf(request), stopOptions(request))) ? noContent : notModified,
    'POST /containers/{id}/restart': async (request) => {
      await containers.restart(idOf(request), stopOptions(request))
      return noContent
    },
    'POST /containers/{id}/kill': async (request) => {
      await containers.kill(idOf(request), request.query.text('signal') ?? 'SIGKILL')
      return noContent
    },
    'POST /containers/{id}/pause': async (request) => {
      await containers.pause(idOf(request))
      return noContent
    },
    'POST /containers/{id}/unpause': async (request) => {
      await containers.unpause(idOf(request))
      return noContent
    },
    'POST /containers/{id}/update': async (request) => {
      const body = await readJson<ContainerUpdateRequest>(request)
      return ok({ Warnings: await containers.update(idOf(request), body) })
    },
    'POST /containers/{id}/rename': async (request) => {
      await containers.rename(idOf(request), required(request, 'name').replace(/^\//, ''))
      return noContent
    },
    'GET /containers/{id}/changes': async (request) => ok(await containers.changes(idOf(request))),
    'POST /commit': async (request) => created({ Id: await commit(context, request) }),
    'GET /containers/{id}/top': async (request) =>
      ok(await containers.top(idOf(request), request.query.text('ps_args') ?? '-ef')),
    'DELETE /containers/{id}': async (request) => {
      await containers.remove(idOf(request), { force: request.query.flag('force'), volumes: request.query.flag('v') })
      return noContent
    },
  }
}
