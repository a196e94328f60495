/** Resource: exec, a further process in a running container. */
import type { Writable } from 'node:stream'
import { created, ok, type Answer, type ApiRequest, type HijackedConnection } from './answer.ts'
import { readJson } from './body.ts'
import { outputType } from './container-streams.ts'
import type { ApiContext } from './context.ts'
import type { Routes } from './router.ts'
import { frameHeader } from '../stream.ts'
import type { ExecCreateRequest, ExecStartRequest } from '../types/index.ts'
import type { StdioSession } from '../../engine/services.ts'
import { InvalidRequestError } from '../../errors.ts'

function idOf(request: ApiRequest): string {
  return request.params['id'] ?? ''
}

/** Until the sink takes more, or nothing any more. A long input waits often: no listener may stay behind. */
function room(sink: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      sink.off('drain', done)
      sink.off('close', done)
      resolve()
    }
    sink.once('drain', done)
    sink.once('close', done)
  })
}

/** The client's bytes to the process; the end of one half is end of file, not hanging up. */
async function pumpInput(input: AsyncIterable<Buffer>, sink: Writable | null): Promise<void> {
  if (sink === null) {
    // read on, so that the client's leaving is seen
    for await (const _ of input);
    return
  }
  sink.on('error', () => {}) // EPIPE: the process has closed its input
  for await (const data of input) {
    if (sink.destroyed) continue
    if (!sink.write(data) && !sink.destroyed) await room(sink)
  }
  sink.end()
}

function pumpOutput(session: StdioSession, output: Writable): void {
  output.on('drain', () => session.setFlowing?.(true))
  session.onOutput((stream, chunk) => {
    if (output.destroyed) return
    if (!session.tty) output.write(frameHeader(stream, chunk.length))
    if (!output.write(chunk)) session.setFlowing?.(false)
  })
}

/** Joins the connection and the process until the process is done or the client is gone. */
export async function joinSession(session: StdioSession, { input, output }: HijackedConnection): Promise<void> {
  output.once('close', () => session.hangUp())
  pumpOutput(session, output)
  pumpInput(input, session.input).catch(() => {}) // the client left: "close" above
  await session.ended
}

async function start({ engine }: ApiContext, request: ApiRequest): Promise<Answer> {
  const body = await readJson<ExecStartRequest>(request)
  const session = await engine.containers.startExec(idOf(request), body)
  if (session === undefined) return { kind: 'empty', status: 200 }
  return {
    kind: 'hijack',
    contentType: outputType(request, session.tty, true),
    run: (connection) => joinSession(session, connection),
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
      const rows = request.query.integer('h')
      const columns = request.query.integer('w')
      if (rows === undefined || columns === undefined) throw new InvalidRequestError('h and w are needed')
      await containers.resizeExec(idOf(request), rows, columns)
      return { kind: 'empty', status: 200 }
    },
    'GET /exec/{id}/json': async (request) => ok(await containers.inspectExec(idOf(request))),
  }
}
