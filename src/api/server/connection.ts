/**
 * One client connection from the first request to its end: reads a request, finds its handler, writes the answer, and
 * goes on (keep-alive) or hands the connection over (hijack). Source: Docker Engine API on errors, headers, hijacking;
 * RFC 9112.
 */
import type { Socket } from 'node:net'
import type { Answer, ApiRequest } from './answer.ts'
import { createChunkedSink } from './chunked-sink.ts'
import { toFailure } from './errors.ts'
import { checkOrigin } from './origin.ts'
import { createQuery } from './query.ts'
import { createRequestReader, type IncomingRequest, type RequestReader } from './request-reader.ts'
import type { Router } from './router.ts'
import { formatHead, hasToken } from '../http1/head.ts'
import { API_VERSION } from '../types/index.ts'
import { InvalidRequestError } from '../../errors.ts'

export interface ConnectionOptions {
  readonly router: Router
  /** For the Server header. */
  readonly engineVersion: string
  /** A handler met a bug, or failed after the head was sent. */
  onError(error: Error, request: string): void
}

/** How long a client may take to close its half after we have closed ours. */
const LINGER_MS = 1000

const REASONS: Readonly<Record<number, string>> = {
  101: 'UPGRADED',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  304: 'Not Modified',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Content Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
}

/** The request line and what follows from it. */
interface Exchange {
  readonly incoming: IncomingRequest
  readonly method: string
  readonly target: string
  readonly keepAlive: boolean
  /** HTTP/1.1: chunks are understood. */
  readonly modern: boolean
}

function parseRequestLine(incoming: IncomingRequest): Exchange {
  const match = /^([A-Z]{3,10}) (\/\S*|\*) HTTP\/1\.([01])$/.exec(incoming.head.startLine)
  if (match === null) throw new InvalidRequestError('malformed HTTP request line')
  const [, method = '', target = '', minor] = match
  const { headers } = incoming.head
  const modern = minor === '1'
  const keepAlive = modern && !hasToken(headers, 'connection', 'close')
  return { incoming, method, target, keepAlive, modern }
}

/** Serves until the client is done. Never throws. */
export async function serveConnection(socket: Socket, options: ConnectionOptions): Promise<void> {
  const { router, engineVersion } = options
  const onError = (error: Error, request: string): void => options.onError(error, request)
  const common = {
    'Api-Version': API_VERSION,
    Ostype: 'linux',
    Server: `Mycompose/${engineVersion} (linux)`,
    'Docker-Experimental': 'false',
  }
  let current = new AbortController()
  let hijacked = false
  socket.on('error', () => {}) // ECONNRESET, EPIPE: "close" follows
  socket.once('close', () => current.abort())
  const reader: RequestReader = createRequestReader(socket, () => {
    if (!hijacked) current.abort()
  })

  function writeHead(status: number, headers: Readonly<Record<string, string | number>>): string {
    return formatHead(`HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}`, { ...common, ...headers })
  }

  function writeWhole(
    exchange: Exchange,
    status: number,
    text: string | undefined,
    headers: Record<string, string>,
  ): void {
    const all: Record<string, string | number> = { ...headers }
    if (status !== 204 && status !== 304) all['Content-Length'] = Buffer.byteLength(text ?? '')
    if (!exchange.keepAlive) all['Connection'] = 'close'
    const head = writeHead(status, all)
    socket.write(text === undefined || exchange.method === 'HEAD' ? head : head + text)
  }

  function writeFailure(exchange: Exchange, error: unknown): void {
    const { status, body, bug } = toFailure(error)
    if (bug !== undefined && !current.signal.aborted) onError(bug, `${exchange.method} ${exchange.target}`)
    writeWhole(exchange, status, `${JSON.stringify(body)}\n`, { 'Content-Type': 'application/json' })
  }

  async function writeStream(exchange: Exchange, answer: Answer & { kind: 'stream' }): Promise<void> {
    const framing = exchange.modern ? { 'Transfer-Encoding': 'chunked' } : { Connection: 'close' }
    socket.write(writeHead(200, { 'Content-Type': answer.contentType, ...answer.headers, ...framing }))
    const sink = createChunkedSink(socket, exchange.modern)
    try {
      await answer.write(sink)
      await new Promise<void>((resolve) => {
        sink.once('close', resolve)
        sink.end()
      })
    } catch (error) {
      // the status is out; a cut body is the only way left to tell that it is not whole
      if (!current.signal.aborted)
        onError(error instanceof Error ? error : new Error(String(error)), `${exchange.method} ${exchange.target}`)
      socket.destroy()
    }
  }

  async function hijack(exchange: Exchange, answer: Answer & { kind: 'hijack' }): Promise<void> {
    hijacked = true
    const upgrade = exchange.incoming.head.headers.has('upgrade')
    const headers = upgrade ? { Connection: 'Upgrade', Upgrade: 'tcp' } : { Connection: 'close' }
    const upgradedType = answer.contentType
    socket.write(writeHead(upgrade ? 101 : 200, { 'Content-Type': upgradedType, ...headers }))
    try {
      await answer.run({ input: reader.raw(), output: socket })
    } catch (error) {
      if (!current.signal.aborted)
        onError(error instanceof Error ? error : new Error(String(error)), `${exchange.method} ${exchange.target}`)
    }
  }

  async function answerOf(exchange: Exchange): Promise<Answer> {
    const { incoming, method, target } = exchange
    const { headers } = incoming.head
    checkOrigin(headers)
    if (method === 'OPTIONS') return { kind: 'empty', status: 200 }
    const [path = '', ...query] = target.split('?')
    const { handler, params, version } = router.match(method, path)
    const request: ApiRequest = {
      method,
      params,
      query: createQuery(query.join('?')),
      headers,
      body: incoming.body,
      version,
      signal: current.signal,
    }
    return handler(request)
  }

  /** True when the connection may carry another request. */
  async function serveOne(exchange: Exchange): Promise<boolean> {
    try {
      const answer = await answerOf(exchange)
      switch (answer.kind) {
        case 'json':
          writeWhole(exchange, answer.status, `${JSON.stringify(answer.value)}\n`, {
            'Content-Type': 'application/json',
            ...answer.headers,
          })
          break
        case 'empty':
          writeWhole(exchange, answer.status, undefined, { ...answer.headers })
          break
        case 'text':
          writeWhole(exchange, 200, answer.text, { 'Content-Type': 'text/plain; charset=utf-8', ...answer.headers })
          break
        case 'stream':
          await writeStream(exchange, answer)
          break
        case 'hijack':
          await hijack(exchange, answer)
          return false
        default:
          return answer satisfies never
      }
    } catch (error) {
      writeFailure(exchange, error)
    }
    return exchange.keepAlive && (await exchange.incoming.drain())
  }

  try {
    for (;;) {
      current = new AbortController()
      const incoming = await reader.next()
      if (incoming === undefined || !(await serveOne(parseRequestLine(incoming)))) break
    }
    // once all is out, the other half may stay open for ever: nothing that comes now is wanted
    socket.end(() => setTimeout(() => socket.destroy(), LINGER_MS).unref())
    socket.resume()
  } catch {
    // no HTTP, or a body that broke off: nothing that an answer could be matched with
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
  }
}
