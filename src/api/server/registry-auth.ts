/** `X-Registry-Auth`: base64url of JSON, the login that a client sends with a pull or push. Source: Docker Engine API v1.51 "Authentication". */
import type { Headers } from '../http1/head.ts'
import type { RegistryCredentials } from '../../engine/services/index.ts'
import { InvalidRequestError } from '../../errors.ts'

const MAX_HEADER = 64 * 1024

function textOf(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Undefined without a login. Throws REGISTRY_AUTH; never shows what it holds. */
export function registryCredentials(headers: Headers): RegistryCredentials | undefined {
  const header = headers.get('x-registry-auth')
  if (header === undefined || header === '') return undefined
  const bad = (): InvalidRequestError =>
    new InvalidRequestError('the header X-Registry-Auth is not base64url of a JSON object', { code: 'REGISTRY_AUTH' })
  if (header.length > MAX_HEADER) throw bad()
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(header, 'base64url').toString())
  } catch {
    throw bad()
  }
  if (typeof fields !== 'object' || fields === null) throw bad()
  return credentialsOf(fields as Record<string, unknown>)
}

/** Of the fields of an AuthConfig; undefined when they hold no login. */
export function credentialsOf(known: Readonly<Record<string, unknown>>): RegistryCredentials | undefined {
  const auth = textOf(known, 'auth')
  const [user, ...rest] = auth === undefined ? [] : Buffer.from(auth, 'base64').toString().split(':')
  const username = textOf(known, 'username') ?? user
  const password = textOf(known, 'password') ?? (auth === undefined ? undefined : rest.join(':'))
  const identityToken = textOf(known, 'identitytoken')
  const registryToken = textOf(known, 'registrytoken')
  if (username === undefined && identityToken === undefined && registryToken === undefined) return undefined
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(identityToken === undefined ? {} : { identityToken }),
    ...(registryToken === undefined ? {} : { registryToken }),
  }
}
