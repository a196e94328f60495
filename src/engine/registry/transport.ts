/**
 * Requests to one repository of one registry: authorization, redirects, plain HTTP where it may be, and patience (retries
 * with growing pauses, 429 with Retry-After). A redirect to another host gets no Authorization, and never leads from
 * HTTPS to HTTP. Sources: distribution-spec spec.md, RFC 9110 section 15.4 and 10.2.3.
 */
import type { Readable } from 'node:stream'
import { createAuthorization, type Authorization } from './authorization.ts'
import type { RegistryCredentials } from '../services/index.ts'
import type { RegistryEndpoint } from './endpoints.ts'
import { isPassing, toConnectionError, toStatusError } from './errors.ts'
import { discardBody, readLimited } from './read-body.ts'
import { CanceledError, MycomposeError, errnoOf } from '../../errors.ts'
import type { Clock } from '../../host/host.ts'
import type { Web, WebRequest, WebResponse, WebTls } from '../../host/web.ts'

export interface TransportOptions {
  readonly web: Web
  readonly clock: Clock
  readonly endpoint: RegistryEndpoint
  readonly credentials: RegistryCredentials | undefined
  /** "library/debian"; "" for the registry itself. */
  readonly repository: string
  /** "pull", or "pull,push". */
  readonly actions: string
  readonly tlsOf: (host: string) => Promise<WebTls>
  readonly userAgent: string
  readonly signal?: AbortSignal
  /** See authorization.ts. */
  readonly onRefreshToken?: (token: string) => void
}

export interface TransportRequest {
  readonly method: WebRequest['method']
  /** Below "v2/<repository>/", or a whole URL that the registry gave (an upload's location). */
  readonly target: string | URL
  readonly headers?: Readonly<Record<string, string>>
  /** Called for each try: a stream cannot be sent twice. */
  readonly body?: () => Uint8Array | Readable
  /** "the manifest of web:1", for messages. */
  readonly what: string
  /** Statuses that are answers; all others become errors. */
  readonly ok: readonly number[]
  /** Scopes besides that of the repository. */
  readonly scopes?: readonly string[]
  /** One try only, e.g. for a chunk whose fate has to be asked first. */
  readonly once?: boolean
  /** Instead of the transport's: for a download that others take over from who began it. */
  readonly signal?: AbortSignal
}

/** With the address that answered, after redirects: locations are relative to it. */
export type TransportResponse = WebResponse & { readonly url: URL }

export interface Transport {
  readonly endpoint: RegistryEndpoint
  readonly repository: string
  /** The body is the caller's to read or destroy. Throws REGISTRY_* errors, CanceledError. */
  request(request: TransportRequest): Promise<TransportResponse>
  /** With the whole body, of at most `limit` bytes; a connection that breaks on the way is one more try. */
  read(request: TransportRequest, limit: number): Promise<TransportResponse & { readonly bytes: Buffer }>
}

const MAX_TRIES = 5
const MAX_REDIRECTS = 5
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 10_000
/** A registry that wants a longer pause gets none: the user hears of it. */
const MAX_RETRY_AFTER_MS = 60_000

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** Seconds or a date. PURE. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}

function pauseMs(attempt: number): number {
  const full = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), MAX_PAUSE_MS)
  return full / 2 + (Math.random() * full) / 2
}

/** Who does not speak TLS says so in one of these ways. */
function isNoTls(error: unknown): boolean {
  const code = errnoOf(error) ?? ''
  return code === 'EPROTO' || code.startsWith('ERR_SSL') || code === 'ECONNRESET' || code === 'ECONNREFUSED'
}

export function createTransport(options: TransportOptions): Transport {
  const { web, clock, endpoint, repository } = options
  const authorization: Authorization = createAuthorization({
    web,
    endpoint,
    credentials: options.credentials,
    nowMs: () => clock.nowMs(),
    tlsOf: options.tlsOf,
    onRefreshToken: options.onRefreshToken,
  })
  const scope = repository === '' ? '' : `repository:${repository}:${options.actions}`
  /** Set once a loopback or insecure registry has turned out to speak no TLS. */
  let isPlain = endpoint.url.protocol === 'http:'

  function urlOf(target: string | URL): URL {
    const url = typeof target === 'string' ? new URL(`v2/${repository}/${target}`, endpoint.url) : new URL(target)
    if (isPlain && url.host === endpoint.url.host) url.protocol = 'http:'
    return url
  }

  /** One request to one URL; where TLS is not spoken and need not be, the same without. */
  async function send(
    request: TransportRequest,
    url: URL,
    headers: Record<string, string>,
  ): Promise<TransportResponse> {
    const isOwn = url.hostname === endpoint.url.hostname && (url.port === endpoint.url.port || isPlain)
    const tls = isOwn ? endpoint.tls : await options.tlsOf(url.host)
    const signal = request.signal ?? options.signal
    const common = { method: request.method, headers, tls, ...(signal === undefined ? {} : { signal }) }
    const body = request.body?.()
    try {
      const response = await web.request({ ...common, url, ...(body === undefined ? {} : { body }) })
      return { ...response, url }
    } catch (error) {
      if (!isOwn || !endpoint.mayBePlain || url.protocol !== 'https:' || !isNoTls(error)) throw error
      const plain = new URL(url)
      plain.protocol = 'http:'
      const again = request.body?.()
      const response = await web.request({ ...common, url: plain, ...(again === undefined ? {} : { body: again }) })
      isPlain = true
      return { ...response, url: plain }
    }
  }

  async function follow(request: TransportRequest): Promise<TransportResponse> {
    let url = urlOf(request.target)
    // a location that the registry named may be anywhere: whoever is there gets no login
    const origin = endpoint.url.host
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const headers: Record<string, string> = { 'user-agent': options.userAgent, ...request.headers }
      const proof = url.host === origin ? authorization.header() : undefined
      if (proof !== undefined) headers['authorization'] = proof
      const response = await send(request, url, headers)
      const { location } = response.headers
      if (
        !isRedirect(response.status) ||
        location === undefined ||
        (request.method !== 'GET' && request.method !== 'HEAD')
      )
        return response
      await discardBody(response.body)
      const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined
      if (
        next === undefined ||
        !/^https?:$/.test(next.protocol) ||
        (url.protocol === 'https:' && next.protocol === 'http:' && !isPlain)
      )
        throw new MycomposeError(
          `the registry ${endpoint.host} leads from ${url.origin} to ${location.slice(0, 200)}`,
          {
            code: 'REGISTRY_REDIRECT',
            hint: 'only http(s) addresses are followed, and never from https to http',
          },
        )
      url = next
    }
    throw new MycomposeError(`the registry ${endpoint.host} leads from one address to the next without end`, {
      code: 'REGISTRY_REDIRECT',
    })
  }

  /** With the proof that the registry asks for, asked for once. */
  async function authorized(request: TransportRequest): Promise<TransportResponse> {
    const sent = authorization.header()
    const response = await follow(request)
    if (response.status !== 401) return response
    const isKnown = await authorization.answer(response, [scope, ...(request.scopes ?? [])], {
      sent,
      signal: request.signal ?? options.signal,
    })
    if (!isKnown) return response
    await discardBody(response.body)
    return await follow(request)
  }

  /** How long to wait before the next try; undefined: there is none. */
  function pauseAfter(
    request: TransportRequest,
    attempt: number,
    outcome: WebResponse | undefined,
  ): number | undefined {
    if (request.once === true || attempt >= MAX_TRIES) return undefined
    if (outcome?.status !== 429 && outcome?.status !== 503) return pauseMs(attempt)
    const wanted = retryAfterMs(outcome.headers['retry-after'], clock.nowMs()) ?? pauseMs(attempt)
    return wanted > MAX_RETRY_AFTER_MS ? undefined : wanted
  }

  /** `take` belongs to the try: what breaks while it reads is tried again as well. */
  async function patiently<T>(
    request: TransportRequest,
    take: (response: TransportResponse) => Promise<T> | T,
  ): Promise<T> {
    const signal = request.signal ?? options.signal
    for (let attempt = 1; ; attempt += 1) {
      let response: TransportResponse
      try {
        response = await authorized(request)
        if (request.ok.includes(response.status)) return await take(response)
      } catch (error) {
        if (signal?.aborted === true) throw new CanceledError('the request was canceled', { cause: error })
        const pause = isPassing(error) ? pauseAfter(request, attempt, undefined) : undefined
        if (pause === undefined) throw toConnectionError(error, endpoint.host)
        await clock.sleep(pause, signal)
        continue
      }
      const isTransient = response.status === 429 || response.status >= 500
      const pause = isTransient ? pauseAfter(request, attempt, response) : undefined
      if (pause === undefined) throw await toStatusError(response, endpoint.host, request.what)
      await discardBody(response.body)
      await clock.sleep(pause, signal)
    }
  }

  return {
    endpoint,
    repository,
    request: (request) => patiently(request, (response) => response),
    read: (request, limit) =>
      patiently(request, async (response) => ({
        ...response,
        bytes: await readLimited(response.body, limit, request.what),
      })),
  }
}
