/**
 * Which handler serves a request: every path with and without "/v1.NN", names with slashes, version checks in Docker's
 * words. PURE.
 */
import type { Handler } from './answer.ts'
import { API_VERSION, MIN_API_VERSION } from '../types/index.ts'
import { InvalidRequestError, NotFoundError } from '../../errors.ts'

/** "GET /containers/{id}/json"; {name+} may hold slashes. */
export type Routes = Readonly<Record<string, Handler>>

export interface RouteMatch {
  readonly handler: Handler
  readonly params: Readonly<Record<string, string>>
  readonly version: string
}

export interface Router {
  /** `path` without query, still percent-encoded. Throws InvalidRequestError (version), NotFoundError. */
  match(method: string, path: string): RouteMatch
}

interface Route {
  readonly method: string
  readonly pattern: RegExp
  readonly handler: Handler
}

function toPattern(path: string): RegExp {
  const source = path
    .replaceAll(/[.*+?^$()|[\]\\]/g, (found, index: number) => (path[index + 1] === '}' ? found : `\\${found}`))
    .replaceAll(/\{(\w+)\+\}/g, '(?<$1>.+)')
    .replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')
  return new RegExp(`^${source}/?$`)
}

function minorOf(version: string): number {
  return Number(version.slice(version.indexOf('.') + 1))
}

function checkVersion(version: string): void {
  if (!version.startsWith('1.') || minorOf(version) > minorOf(API_VERSION))
    throw new InvalidRequestError(
      `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`,
      { code: 'API_VERSION' },
    )
  if (minorOf(version) < minorOf(MIN_API_VERSION))
    throw new InvalidRequestError(
      `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
      { code: 'API_VERSION' },
    )
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch (cause) {
    throw new InvalidRequestError(`malformed percent-encoding in "${value}"`, { cause })
  }
}

/** Routes are tried in order; put the more special ones first. */
export function createRouter(...tables: readonly Routes[]): Router {
  const routes: Route[] = tables.flatMap((table) =>
    Object.entries(table).map(([key, handler]) => {
      const [method = '', path = ''] = key.split(' ')
      return { method, pattern: toPattern(path), handler }
    }),
  )
  return {
    match(method, path) {
      const versioned = /^\/v(\d{1,4}\.\d{1,4})(?=\/)/.exec(path)
      const version = versioned?.[1] ?? API_VERSION
      if (versioned !== null) checkVersion(version)
      const rest = path.slice(versioned?.[0].length ?? 0)
      for (const route of routes) {
        if (route.method !== method) continue
        const found = route.pattern.exec(rest)
        if (found === null) continue
        const params = Object.fromEntries(
          Object.entries(found.groups ?? {}).map(([name, value]) => [name, decode(value)]),
        )
        return { handler: route.handler, params, version }
      }
      throw new NotFoundError('page not found')
    },
  }
}

/** True when the client speaks at least `version` ("1.42"). */
export function atLeast(version: string, wanted: string): boolean {
  return minorOf(version) >= minorOf(wanted)
}
