/** Resource: exec, a further process in a running container. */
import { created, ok, type Answer, type ApiRequest } from './answer.ts'
import { readJson } from './body.ts'
import { outputType, terminalSize } from './container-streams.ts'
import type { ApiContext } from './context.ts'
import { joinSession } from './join.ts'
import type { Routes } from './router.ts'
import { parseDetachKeys } from '../detach-keys.ts'
import type { ExecCreateRequest, ExecStartRequest } from '../types/index.ts'
import { InvalidRequestError } from '../../errors.ts'

function idOf(request: ApiRequest): string {
  return request.params['id'] ?? ''
}

async function start({ engine }: ApiContext, request: ApiRequest): Promise<Answer> {
  const body = await readJson<ExecStartRequest>(request)
  const session = await engine.containers.startExec(idOf(request), body)
  if (session === undefined) return { kind: 'empty', status: 200 }
  const { DetachKeys } = await engine.containers.inspectExec(idOf(request))
  const detachKeys = parseDetachKeys(DetachKeys)
  return {
    kind: 'hijack',
    contentType: outputType(request, session.tty, true),
    run: (connection) => joinSession(session, connection, detachKeys),
  }
}

export function execRoutes(context: ApiContext): Routes {
  const { containers } = context.engine
  return {
    'POST /containers/{id}/exec': async (request) => {
      const body = await readJson<ExecCreateRequest>(request)
      if (!Array.isArray(body.Cmd) || body.Cmd.length === 0) throw new InvalidRequestError('No exec command specified')
      return created(await containers.createExec(idOf(request), body))
    },
    'POST /exec/{id}/start': (request) => start(context, request),
    'POST /exec/{id}/resize': async (request) => {
      const { rows, columns } = terminalSize(request)
      await containers.resizeExec(idOf(request), rows, columns)
      return { kind: 'empty', status: 200 }
    },
    'GET /exec/{id}/json': async (request) => ok(await containers.inspectExec(idOf(request))),
  }
}
