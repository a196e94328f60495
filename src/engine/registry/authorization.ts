/**
 * Proof of who asks, for one repository at one registry: Basic, or a bearer token from the server that the registry
 * names. Its address is the registry's word, so credentials go there over TLS only, and only to the registry's own host
 * or domain (CVE-2020-15157, CVE-2024-3727). A token is used for the registry and the scopes it was got for.
 * Sources: distribution token.md and oauth.md.
 */
import { parseChallenges, type Challenge } from './challenge.ts'
import { hostNameOf, type RegistryEndpoint } from './endpoints.ts'
import { toConnectionError, toStatusError } from './errors.ts'
import { readLimited } from './read-body.ts'
import type { RegistryCredentials } from '../services/index.ts'
import { MycomposeError } from '../../errors.ts'
import type { Web, WebResponse, WebTls } from '../../host/web.ts'

export interface Authorization {
  /** The header's value for the next request, undefined while nothing is known to be wanted. */
  header(): string | undefined
  /**
   * After a 401: gets what the challenge asks for. `sent`: the proof that was refused. False when there is nothing (more)
   * to try.
   */
  answer(
    response: Pick<WebResponse, 'headers'>,
    scopes: readonly string[],
    refused: { readonly sent: string | undefined; readonly signal: AbortSignal | undefined },
  ): Promise<boolean>
}

export interface AuthorizationContext {
  readonly web: Web
  readonly endpoint: RegistryEndpoint
  readonly credentials: RegistryCredentials | undefined
  readonly nowMs: () => number
  readonly tlsOf: (host: string) => Promise<WebTls>
  /** A login: the token server is asked for a lasting token, too, and this is told the one that it gives. */
  readonly onRefreshToken?: ((token: string) => void) | undefined
}

const MAX_TOKEN_BYTES = 2 ** 20
const DEFAULT_LIFE_S = 60
const MARGIN_MS = 5_000
const CLIENT_ID = 'mycompose'

interface Token {
  readonly value: string
  readonly expiresMs: number
}

function basic({ username = '', password = '' }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function hasSecret(credentials: RegistryCredentials | undefined): credentials is RegistryCredentials {
  return credentials?.identityToken !== undefined || credentials?.username !== undefined
}

/** "auth.docker.io" and "registry-1.docker.io" share their last two labels; addresses and bare names are alone. */
function sharesDomain(a: string, b: string): boolean {
  const isName = (host: string): boolean => /[a-z]/i.test(host) && !host.includes(':') && host.includes('.')
  const tail = (host: string): string => host.toLowerCase().split('.').slice(-2).join('.')
  return isName(a) && isName(b) && tail(a) === tail(b)
}

/** Throws REGISTRY_REALM when the credentials would go where they do not belong. */
export function checkRealm(realm: URL, endpoint: RegistryEndpoint, withCredentials: boolean): void {
  const refuse = (why: string): MycomposeError =>
    new MycomposeError(`the registry ${endpoint.host} sends its users to ${realm.origin} for a token: ${why}`, {
      code: 'REGISTRY_REALM',
      hint: `if you trust it, add {"tokenServers": {"${endpoint.host}": ["${realm.host}"]}} to /etc/mycompose/registries.json`,
    })
  if (realm.protocol !== 'https:' && realm.protocol !== 'http:') throw refuse('that is no web address')
  const isTrusted = realm.host === endpoint.url.host || endpoint.tokenServers.includes(realm.host)
  const mayBePlain = endpoint.mayBePlain && hostNameOf(realm.host) === hostNameOf(endpoint.url.host)
  if (realm.protocol === 'http:' && !mayBePlain) throw refuse('that is not encrypted')
  if (!withCredentials || isTrusted || mayBePlain) return
  if (!sharesDomain(realm.hostname, endpoint.url.hostname))
    throw refuse('your login is not sent to a host of another domain')
}

function realmOf(challenge: Challenge, endpoint: RegistryEndpoint): URL {
  const text = challenge.parameters['realm'] ?? ''
  if (URL.canParse(text)) return new URL(text)
  throw new MycomposeError(`the registry ${endpoint.host} names no server for tokens (realm ${JSON.stringify(text)})`, {
    code: 'REGISTRY_REALM',
  })
}

async function requestToken(
  context: AuthorizationContext,
  challenge: Challenge,
  scopes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Token> {
  const { web, endpoint, credentials } = context
  const realm = realmOf(challenge, endpoint)
  checkRealm(realm, endpoint, hasSecret(credentials))
  const service = challenge.parameters['service']
  const tls = realm.host === endpoint.url.host ? endpoint.tls : await context.tlsOf(realm.host)
  const common = { tls, ...(signal === undefined ? {} : { signal }) }
  let response: WebResponse
  try {
    if (credentials?.identityToken !== undefined) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: CLIENT_ID,
        refresh_token: credentials.identityToken,
      })
      if (service !== undefined) form.set('service', service)
      if (scopes.length > 0) form.set('scope', scopes.join(' '))
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      response = await web.request({
        method: 'POST',
        url: realm,
        headers,
        body: Buffer.from(form.toString()),
        ...common,
      })
    } else {
      if (service !== undefined) realm.searchParams.set('service', service)
      for (const scope of scopes) realm.searchParams.append('scope', scope)
      if (credentials?.username !== undefined) realm.searchParams.set('account', credentials.username)
      if (context.onRefreshToken !== undefined) {
        realm.searchParams.set('offline_token', 'true')
        realm.searchParams.set('client_id', CLIENT_ID)
      }
      const headers: Record<string, string> = hasSecret(credentials) ? { authorization: basic(credentials) } : {}
      response = await web.request({ method: 'GET', url: realm, headers, ...common })
    }
  } catch (error) {
    throw toConnectionError(error, realm.host)
  }
  if (response.status !== 200) throw await toStatusError(response, realm.host, `a token for ${endpoint.host}`)
  const { token, refreshToken } = parseToken(
    await readLimited(response.body, MAX_TOKEN_BYTES, 'a token'),
    context.nowMs(),
    realm.host,
  )
  if (refreshToken !== undefined) context.onRefreshToken?.(refreshToken)
  return token
}

function parseToken(
  bytes: Buffer,
  nowMs: number,
  host: string,
): { readonly token: Token; readonly refreshToken: string | undefined } {
  const bad = (): MycomposeError =>
    new MycomposeError(`the token server ${host} sent no token`, { code: 'REGISTRY_ANSWER' })
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(bytes.toString()) as Record<string, unknown>
  } catch {
    throw bad()
  }
  const value = fields['token'] ?? fields['access_token']
  // it goes into a header
  if (typeof value !== 'string' || !/^[\u0021-\u007E]+$/.test(value)) throw bad()
  const life = typeof fields['expires_in'] === 'number' ? fields['expires_in'] : DEFAULT_LIFE_S
  const refresh = fields['refresh_token']
  return {
    token: { value, expiresMs: nowMs + Math.max(life, DEFAULT_LIFE_S) * 1000 - MARGIN_MS },
    refreshToken: typeof refresh === 'string' && refresh !== '' ? refresh : undefined,
  }
}

/** One for each pull or push: it ends with it, and so do its tokens. */
export function createAuthorization(context: AuthorizationContext): Authorization {
  const { credentials, nowMs } = context
  let current: { readonly value: string; readonly expiresMs: number } | undefined =
    credentials?.registryToken === undefined
      ? undefined
      : { value: `Bearer ${credentials.registryToken}`, expiresMs: Number.POSITIVE_INFINITY }
  let pending: Promise<boolean> | undefined

  async function meet(
    header: string,
    scopes: readonly string[],
    { sent, signal }: Parameters<Authorization['answer']>[2],
  ): Promise<boolean> {
    const challenges = parseChallenges(header)
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer')
    if (bearer !== undefined) {
      // the registry may ask for more than what we know of (another repository to mount from)
      const asked = bearer.parameters['scope']?.split(' ') ?? []
      const wanted = [...new Set([...asked, ...scopes])].filter(Boolean)
      const token = await requestToken(context, bearer, wanted, signal)
      current = { value: `Bearer ${token.value}`, expiresMs: token.expiresMs }
      return true
    }
    // of requests side by side the slower ones were sent before the first had its answer
    const isNew = credentials?.username !== undefined && sent !== basic(credentials)
    if (!isNew || !challenges.some(({ scheme }) => scheme === 'basic')) return false
    current = { value: basic(credentials), expiresMs: Number.POSITIVE_INFINITY }
    return true
  }

  return {
    header: () => (current !== undefined && current.expiresMs > nowMs() ? current.value : undefined),
    answer({ headers }, scopes, refused) {
      // several requests that run side by side meet the same challenge: one token serves them all
      pending ??= meet(headers['www-authenticate'] ?? '', scopes, refused).finally(() => {
        pending = undefined
      })
      return pending
    },
  }
}
