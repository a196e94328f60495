/**
 * Logins that a client sends: `X-Registry-Auth` with a pull or push, `X-Registry-Config` (all it has) with a build, each
 * base64url of JSON. Source: Docker Engine API v1.51 "Authentication".
 */
import type { Headers } from '../http1/head.ts'
import type { AuthConfig } from '../types/index.ts'
import type { RegistryCredentials } from '../../engine/services/index.ts'
import { InvalidRequestError } from '../../errors.ts'

const MAX_HEADER = 64 * 1024

function textOf(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = fields[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The JSON object of a header; undefined without it. Throws REGISTRY_AUTH; never shows what it holds. */
function fieldsOf(headers: Headers, name: string): Readonly<Record<string, unknown>> | undefined {
  const header = headers.get(name.toLowerCase())
  if (header === undefined || header === '') return undefined
  const bad = (): InvalidRequestError =>
    new InvalidRequestError(`the header ${name} is not base64url of a JSON object`, { code: 'REGISTRY_AUTH' })
  if (header.length > MAX_HEADER) throw bad()
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(header, 'base64url').toString())
  } catch {
    throw bad()
  }
  if (typeof fields !== 'object' || fields === null) throw bad()
  return fields as Readonly<Record<string, unknown>>
}

/** Undefined without a login. Throws REGISTRY_AUTH. */
export function registryCredentials(headers: Headers): RegistryCredentials | undefined {
  const fields = fieldsOf(headers, 'X-Registry-Auth')
  return fields === undefined ? undefined : credentialsOf(fields)
}

/** `X-Registry-Config` of a build: logins by the address of their registry. Throws REGISTRY_AUTH. */
export function registryConfig(headers: Headers): Readonly<Record<string, AuthConfig>> | undefined {
  const fields = fieldsOf(headers, 'X-Registry-Config')
  if (fields === undefined) return undefined
  const logins = Object.entries(fields).filter((entry): entry is [string, AuthConfig] => {
    const [, login] = entry
    return typeof login === 'object' && login !== null && !Array.isArray(login)
  })
  return logins.length === 0 ? undefined : Object.fromEntries(logins)
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
