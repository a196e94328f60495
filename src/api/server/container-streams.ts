/** Resource: containers, what streams. logs, attach, wait, archive. */
import { pipeline } from 'node:stream/promises'
import type { Writable } from 'node:stream'
import { MULTIPLEXED_STREAM, RAW_STREAM, type Answer, type ApiRequest } from './answer.ts'
import { bodyStream } from './body.ts'
import type { ApiContext } from './context.ts'
import { joinSession } from './join.ts'
import { parseDetachKeys } from '../detach-keys.ts'
import { parseTimeMs } from '../filters.ts'
import { atLeast, type Routes } from './router.ts'
import type { LogOptions } from '../../engine/services/index.ts'
import { InvalidRequestError } from '../../errors.ts'

const WAIT_CONDITIONS = ['not-running', 'next-exit', 'removed'] as const

function idOf(request: ApiRequest): string {
  return request.params['id'] ?? ''
}

/** Frames are announced to clients that know the word (1.42) and, in a hijack, asked to upgrade. */
export function outputType(request: ApiRequest, tty: boolean, isHijack: boolean): string {
  const announce = atLeast(request.version, '1.42') && (!isHijack || request.headers.has('upgrade'))
  return announce && !tty ? MULTIPLEXED_STREAM : RAW_STREAM
}

/** `h` and `w` of a resize. Throws InvalidRequestError. */
export function terminalSize({ query }: ApiRequest): { readonly rows: number; readonly columns: number } {
  const rows = query.integer('h')
  const columns = query.integer('w')
  const isSize = (value: number | undefined): value is number => value !== undefined && value >= 0 && value <= 0xffff
  if (isSize(rows) && isSize(columns)) return { rows, columns }
  throw new InvalidRequestError('h and w are needed, each from 0 to 65535')
}

function toLogOptions({ query }: ApiRequest, nowMs: number): LogOptions {
  const stdout = query.flag('stdout')
  const stderr = query.flag('stderr')
  if (!stdout && !stderr) throw new InvalidRequestError('Bad parameters: you must choose at least one stream')
  const tail = query.text('tail')
  const since = query.text('since')
  const until = query.text('until')
  return {
    stdout,
    stderr,
    follow: query.flag('follow'),
    timestamps: query.flag('timestamps'),
    details: query.flag('details'),
    // as dockerd: what is no number of lines means all
    tail: tail !== undefined && /^\d{1,12}$/.test(tail) ? Number(tail) : undefined,
    sinceMs: since === undefined || since === '0' ? undefined : parseTimeMs(since, nowMs),
    untilMs: until === undefined || until === '0' ? undefined : parseTimeMs(until, nowMs),
    // as dockerd: the log that is followed ends with the container; clients take it up again after a restart
    untilExit: true,
  }
}

async function logs({ engine }: ApiContext, request: ApiRequest): Promise<Answer> {
  const id = idOf(request)
  const options = toLogOptions(request, engine.host.clock.nowMs())
  const tty = await engine.containers.hasTty(id)
  return {
    kind: 'stream',
    contentType: outputType(request, tty, false),
    write: (sink) => engine.containers.logs(id, options, sink, request.signal),
  }
}

/** The head goes out before the answer is known: `docker run` waits for it before it starts the container. */
async function wait({ engine }: ApiContext, request: ApiRequest): Promise<Answer> {
  const id = idOf(request)
  const asked = request.query.text('condition') ?? 'not-running'
  const condition = WAIT_CONDITIONS.find((known) => known === asked)
  if (condition === undefined) throw new InvalidRequestError(`invalid condition "${asked}"`)
  const { Id } = await engine.containers.inspect(id)
  const exit = engine.containers.wait(Id, condition, request.signal)
  exit.catch(() => {}) // told below
  return {
    kind: 'stream',
    contentType: 'application/json',
    async write(sink) {
      sink.write(Buffer.from(`${JSON.stringify(await exit)}\n`))
    },
  }
}

/** What was said before the client came; the container's output goes on meanwhile. */
async function replay({ engine }: ApiContext, request: ApiRequest, sink: Writable): Promise<void> {
  const options = { ...toLogOptions(request, engine.host.clock.nowMs()), follow: false, timestamps: false }
  await engine.containers.logs(idOf(request), options, sink, request.signal)
}

/** Joined before the answer's head goes out: whoever reads it may start the container, and misses nothing. */
async function attach(context: ApiContext, request: ApiRequest): Promise<Answer> {
  const { query } = request
  const { containers } = context.engine
  const id = idOf(request)
  const detachKeys = parseDetachKeys(query.text('detachKeys'))
  const wish = { stdin: query.flag('stdin'), stdout: query.flag('stdout'), stderr: query.flag('stderr') }
  const tty = await containers.hasTty(id)
  const session = query.flag('stream') ? await containers.attach(id, wish) : undefined
  return {
    kind: 'hijack',
    contentType: outputType(request, tty, true),
    async run(connection) {
      if (query.flag('logs') && (wish.stdout || wish.stderr)) await replay(context, request, connection.output)
      if (session !== undefined) await joinSession(session, connection, detachKeys)
    },
  }
}

function pathOf({ query }: ApiRequest): string {
  const path = query.text('path')
  if (path === undefined) throw new InvalidRequestError('the parameter "path" is missing')
  return path
}

async function getArchive({ engine }: ApiContext, request: ApiRequest): Promise<Answer> {
  const { stat, tar } = await engine.containers.getArchive(idOf(request), pathOf(request))
  const headers = { 'X-Docker-Container-Path-Stat': stat }
  if (request.method === 'HEAD') {
    tar.destroy()
    return { kind: 'empty', status: 200, headers }
  }
  return {
    kind: 'stream',
    contentType: 'application/x-tar',
    headers,
    write: (sink) => pipeline(tar, sink, { end: false, signal: request.signal }),
  }
}

export function containerStreamRoutes(context: ApiContext): Routes {
  const archive = (request: ApiRequest): Promise<Answer> => getArchive(context, request)
  return {
    'GET /containers/{id}/logs': (request) => logs(context, request),
    'POST /containers/{id}/wait': (request) => wait(context, request),
    'POST /containers/{id}/attach': (request) => attach(context, request),
    'POST /containers/{id}/resize': async (request) => {
      const { rows, columns } = terminalSize(request)
      await context.engine.containers.resize(idOf(request), rows, columns)
      return { kind: 'empty', status: 200 }
    },
    'HEAD /containers/{id}/archive': archive,
    'GET /containers/{id}/archive': archive,
    'GET /containers/{id}/export': async (request) => {
      const tar = await context.engine.containers.export(idOf(request))
      return {
        kind: 'stream',
        contentType: 'application/x-tar',
        write: (sink) => pipeline(tar, sink, { end: false, signal: request.signal }),
      }
    },
    'PUT /containers/{id}/archive': async (request) => {
      await context.engine.containers.putArchive(idOf(request), pathOf(request), bodyStream(request), {
        keepKinds: request.query.flag('noOverwriteDirNonDir'),
        toUser: request.query.flag('copyUIDGID'),
      })
      return { kind: 'empty', status: 200 }
    },
  }
}
