/**
 * One API call: path with version and query, JSON both ways, failures as our errors. The version is negotiated late:
 * our newest is tried, and an engine that finds it too new says its own in a header.
 */
import { createHttpConnections, type HttpAnswer, type RawStream } from './connection.ts'
import type { HttpRequest } from './request.ts'
import { collectBytes } from '../byte-queue.ts'
import { API_VERSION, type ErrorResponse } from '../types/index.ts'
import { ApiError, ConflictError, NotFoundError } from '../../errors.ts'

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export interface CallOptions {
  readonly query?: Query
  /** Sent as JSON. */
  readonly json?: object
  readonly body?: HttpRequest['body']
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly abort?: AbortSignal | undefined
}

export interface Caller {
  /** The answer as it is, errors thrown. */
  request(method: HttpRequest['method'], path: string, options?: CallOptions): Promise<HttpAnswer>
  /** The answer's JSON; undefined for an empty one. */
  json<T>(method: HttpRequest['method'], path: string, options?: CallOptions): Promise<T>
  /** The status, the body thrown away. */
  status(method: HttpRequest['method'], path: string, options?: CallOptions): Promise<number>
  upgrade(path: string, options?: CallOptions): Promise<RawStream>
  close(): void
}

/** "?a=1&b=x"; undefined and false are left out, lists repeat the name. */
export function formatQuery(query: Query): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === false) continue
    for (const one of Array.isArray(value) ? value : [value])
      parts.push(`${name}=${encodeURIComponent(one === true ? '1' : String(one))}`)
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

/** The error that an answer of status >= 400 stands for. */
function toError(status: number, text: string): Error {
  let body: Partial<ErrorResponse> = {}
  try {
    body = JSON.parse(text) as Partial<ErrorResponse>
  } catch {
    // not JSON: a proxy, or another kind of server; its text is all there is
  }
  const message = typeof body.message === 'string' && body.message !== '' ? body.message : text.trim().slice(0, 500)
  const options = {
    ...(body.code === undefined ? {} : { code: body.code }),
    ...(body.hint === undefined ? {} : { hint: body.hint }),
  }
  if (status === 404) return new NotFoundError(message, options)
  if (status === 409) return new ConflictError(message, options)
  return new ApiError(message === '' ? `the engine answered with status ${status}` : message, { ...options, status })
}

function isRaw(answer: RawStream | HttpAnswer): answer is RawStream {
  return 'socket' in answer
}

/** The engine's own version when it refused ours as too new. */
function olderVersion(answer: HttpAnswer | RawStream, asked: string): string | undefined {
  if (answer.status !== 400) return undefined
  const theirs = answer.headers.get('api-version')
  if (theirs === undefined || !/^1\.\d+$/.test(theirs)) return undefined
  return Number(theirs.slice(2)) < Number(asked.slice(2)) ? theirs : undefined
}

/** `apiVersion`: fixes the version; absent: negotiated. */
export function createCaller(socketPath: string, apiVersion?: string): Caller {
  const connections = createHttpConnections(socketPath)
  let version = apiVersion ?? API_VERSION

  function toRequest(method: HttpRequest['method'], path: string, options: CallOptions): HttpRequest {
    const { query, json, body, contentType, abort, headers } = options
    const content = json === undefined ? body : JSON.stringify(json)
    const type = json === undefined ? contentType : 'application/json'
    return {
      method,
      path: `/v${version}${path}${query === undefined ? '' : formatQuery(query)}`,
      ...(content === undefined ? {} : { body: content }),
      ...(type === undefined && headers === undefined
        ? {}
        : { headers: { ...(type === undefined ? {} : { 'Content-Type': type }), ...headers } }),
      abort,
    }
  }

  async function negotiated<T extends HttpAnswer | RawStream>(send: () => Promise<T>, replayable: boolean): Promise<T> {
    const answer = await send()
    if (answer.status < 400 || isRaw(answer)) return answer
    const text = (await collectBytes(answer.body)).toString('utf8')
    const older = apiVersion === undefined && replayable ? olderVersion(answer, version) : undefined
    if (older === undefined) throw toError(answer.status, text)
    version = older
    return await send()
  }

  async function request(method: HttpRequest['method'], path: string, options: CallOptions = {}): Promise<HttpAnswer> {
    return negotiated(() => connections.send(toRequest(method, path, options)), options.body === undefined)
  }

  async function text(method: HttpRequest['method'], path: string, options?: CallOptions): Promise<string> {
    return (await collectBytes((await request(method, path, options)).body)).toString('utf8')
  }

  return {
    request,
    async json<T>(method: HttpRequest['method'], path: string, options?: CallOptions) {
      const body = await text(method, path, options)
      return (body === '' ? undefined : JSON.parse(body)) as T
    },
    async status(method, path, options) {
      const answer = await request(method, path, options)
      await collectBytes(answer.body)
      return answer.status
    },
    async upgrade(path, options = {}) {
      const answer = await negotiated(() => connections.upgrade(toRequest('POST', path, options)), true)
      if (isRaw(answer)) return answer
      throw toError(answer.status, (await collectBytes(answer.body)).toString('utf8'))
    },
    close: () => connections.close(),
  }
}
