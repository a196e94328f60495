/** What registries and the way to them answer when something is wrong, as errors that say what to do next. */
import { readLimited } from './read-body.ts'
import { CanceledError, MycomposeError, NotFoundError, errnoOf } from '../../errors.ts'
import type { WebResponse } from '../../host/web.ts'

const MAX_ERROR_BYTES = 2 ** 20
const MAX_SHOWN = 300

const UNREACHABLE: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'its name cannot be looked up now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection broke',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ENOTFOUND: 'there is no such name',
  ETIMEDOUT: 'it does not answer',
}

/** Worth another try: the next one may go through. */
export function isPassing(error: unknown): boolean {
  const code = errnoOf(error) ?? ''
  return [
    'EAI_AGAIN',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ERR_STREAM_PREMATURE_CLOSE',
    'HPE_INVALID_EOF_STATE',
  ].includes(code)
}

function isCertificateError(code: string): boolean {
  return /CERT|ALTNAME|SIGNATURE|^UNABLE_TO_/.test(code)
}

/** A request that got no answer. */
export function toConnectionError(error: unknown, host: string): unknown {
  if (error instanceof MycomposeError) return error
  const code = errnoOf(error) ?? ''
  const message = error instanceof Error ? error.message : String(error)
  if (isCertificateError(code))
    return new MycomposeError(`the certificate of the registry ${host} is not trusted: ${message}`, {
      code: 'REGISTRY_CERTIFICATE',
      hint: `put its CA into /etc/mycompose/certs.d/${host}/ca.crt (or /etc/docker/certs.d), or name it under "insecure" in /etc/mycompose/registries.json`,
      cause: error,
    })
  if (code.startsWith('ERR_SSL') || code === 'EPROTO')
    return new MycomposeError(`the registry ${host} does not speak TLS: ${message}`, {
      code: 'REGISTRY_TLS',
      hint: `if it serves plain HTTP, name it under "insecure" in /etc/mycompose/registries.json`,
      cause: error,
    })
  return new MycomposeError(`cannot reach the registry ${host}: ${UNREACHABLE[code] ?? message}`, {
    code: 'REGISTRY_UNREACHABLE',
    hint: 'check the network and the proxy settings (HTTPS_PROXY) that the engine was started with',
    cause: error,
  })
}

function shown(text: string): string {
  // control characters of a hostile answer must not reach a terminal
  return text
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MAX_SHOWN)
}

/** The registry's own words: `{"errors": [{"code", "message"}]}`, or the beginning of a text. */
async function explanationOf({ body }: WebResponse): Promise<string> {
  const text = await readLimited(body, MAX_ERROR_BYTES, 'an error answer').then(String, () => '')
  try {
    const { errors } = JSON.parse(text) as { errors?: readonly Record<string, unknown>[] }
    const words = (errors ?? []).flatMap(
      ({ code, message }) => [message, code].find((word) => typeof word === 'string') ?? [],
    )
    if (words.length > 0) return shown(words.join('; '))
  } catch {
    // not in the registry's form: a proxy's page, say
  }
  return text.startsWith('<') ? '' : shown(text)
}

/** For an answer that is no success; its body is read. `what`: "the manifest of web:1". */
export async function toStatusError(response: WebResponse, host: string, what: string): Promise<MycomposeError> {
  const { status } = response
  const explanation = await explanationOf(response)
  const detail = explanation === '' ? '' : `: ${explanation}`
  if (status === 401 || status === 403)
    return new MycomposeError(`the registry ${host} does not give access to ${what}${detail}`, {
      code: 'REGISTRY_DENIED',
      hint: `it may not exist or need a login: mycompose login ${host}`,
    })
  if (status === 404)
    return new NotFoundError(`the registry ${host} has not got ${what}${detail}`, {
      code: 'REGISTRY_NOT_FOUND',
      hint: 'check the name and the tag',
    })
  if (status === 429)
    return new MycomposeError(`the registry ${host} allows no more requests for now${detail}`, {
      code: 'REGISTRY_RATE_LIMIT',
      hint: `wait, log in for a higher limit (mycompose login ${host}), or name a mirror in /etc/mycompose/registries.json`,
    })
  return new MycomposeError(`the registry ${host} answered ${status} for ${what}${detail}`, {
    code: 'REGISTRY_STATUS',
    hint: status >= 500 ? 'it has trouble of its own: try again later' : undefined,
  })
}

/** True for failures after which a mirror gives way to the next endpoint. */
export function isEndpointFailure(error: unknown): boolean {
  if (error instanceof CanceledError) return false
  return error instanceof MycomposeError && error.code.startsWith('REGISTRY_')
}
