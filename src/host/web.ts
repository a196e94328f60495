/**
 * HTTP(S) requests to the world outside (registries): one request, one streamed answer, no redirects followed and nothing
 * retried here. Connections are kept and reused per set of TLS settings. Node's own modules are loaded with the first
 * request, as most engines never make one. Proxies: HTTP_PROXY, HTTPS_PROXY, NO_PROXY as Node's agents read them.
 */
import type { ClientRequest, Agent, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CanceledError } from '../errors.ts'

export interface WebTls {
  /** PEM certificates trusted besides the machine's. */
  readonly ca?: readonly string[]
  /** PEM, of the client itself. */
  readonly cert?: string
  readonly key?: string
  /** False: whoever answers is believed ("insecure registry"). */
  readonly verify: boolean
}

export interface WebRequest {
  readonly method: 'DELETE' | 'GET' | 'HEAD' | 'PATCH' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | Readable
  readonly tls?: WebTls
  readonly signal?: AbortSignal
}

export interface WebResponse {
  readonly status: number
  readonly headers: Readonly<IncomingHttpHeaders>
  /** To be read to its end or destroyed. */
  readonly body: Readable
}

export interface Web {
  /** Rejects with Node's system errors (ECONNREFUSED, CERT_HAS_EXPIRED...), ETIMEDOUT after a stall, CanceledError. */
  request(request: WebRequest): Promise<WebResponse>
  /** Ends idle connections. */
  close(): void
}

/** HTTP_PROXY and the like, by their names. */
export type ProxyEnvironment = Readonly<Record<string, string | undefined>>

/** No byte for this long, either way: the connection is given up. */
const STALL_MS = 60_000
const IDLE_MS = 4_000
const MAX_SOCKETS = 16

class StallError extends Error {
  readonly code = 'ETIMEDOUT'
}

/** Node ignores what else `process.env` holds. */
function proxySettings(environment: ProxyEnvironment): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy']
  const all = names.flatMap((name) => [name, name.toUpperCase()])
  return Object.fromEntries(all.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])))
}

async function createAgent(url: URL, tls: WebTls | undefined, environment: ProxyEnvironment): Promise<Agent> {
  const pool = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_MS, proxyEnv: proxySettings(environment) }
  if (url.protocol === 'http:') return new (await import('node:http')).Agent(pool)
  const [{ Agent: TlsAgent }, { getCACertificates }] = await Promise.all([import('node:https'), import('node:tls')])
  return new TlsAgent({
    ...pool,
    rejectUnauthorized: tls?.verify !== false,
    ca: [...getCACertificates('default'), ...getCACertificates('system'), ...(tls?.ca ?? [])],
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
  })
}

function send(request: ClientRequest, body: WebRequest['body']): void {
  if (!(body instanceof Readable)) {
    request.end(body)
    return
  }
  // an answer may come before the body is sent (an error): then the request is destroyed and this failure means nothing
  pipeline(body, request).catch((error: unknown) => request.destroy(error instanceof Error ? error : undefined))
}

function toResponse(message: IncomingMessage): WebResponse {
  return { status: message.statusCode ?? 0, headers: message.headers, body: message }
}

/** `environment`: of the process, for the proxies. */
export function createWeb(environment: ProxyEnvironment, { stallMs = STALL_MS }: { stallMs?: number } = {}): Web {
  const agents = new Map<string, Promise<Agent>>()

  function agentFor(url: URL, tls: WebTls | undefined): Promise<Agent> {
    const key = url.protocol === 'http:' ? 'http:' : JSON.stringify(tls ?? null)
    let agent = agents.get(key)
    if (agent === undefined) agents.set(key, (agent = createAgent(url, tls, environment)))
    return agent
  }

  return {
    async request({ method, url, headers = {}, body, tls, signal }) {
      if (signal?.aborted === true) throw new CanceledError('the request was canceled')
      const agent = await agentFor(url, tls)
      const { request } = url.protocol === 'http:' ? await import('node:http') : await import('node:https')
      const options: RequestOptions = { method, headers, agent, ...(signal === undefined ? {} : { signal }) }
      return await new Promise((resolve, reject) => {
        const sent = request(url, options, (message) => resolve(toResponse(message)))
        sent.setTimeout(stallMs, () => sent.destroy(new StallError(`no byte for ${stallMs / 1000} s`)))
        sent.on('error', (error) => {
          reject(signal?.aborted === true ? new CanceledError('the request was canceled', { cause: error }) : error)
        })
        send(sent, body)
      })
    },
    close() {
      for (const agent of agents.values()) agent.then((made) => made.destroy()).catch(() => {})
      agents.clear()
    },
  }
}
