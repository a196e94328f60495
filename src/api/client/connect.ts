/**
 * Makes the client of client.ts over a unix socket. Nothing is opened until the first call. A stream (logs, events,
 * progress) whose `abort` fires ends quietly; a call then throws CanceledError.
 */
import type { BuildsApi, EngineClient, ImagesApi, ListFilters, NetworksApi, PruneApi, VolumesApi } from './client.ts'
import { createCaller, type Caller } from './call.ts'
import { containersApi, formatFilters } from './containers.ts'
import { readJsonLines, readProgress } from './streams.ts'
import { CanceledError } from '../../errors.ts'
import { parseReference } from '../reference.ts'
import type { BuildMessage } from '../types/build.ts'
import type { AuthConfig, EventMessage, ProgressMessage, Volume, VolumeList } from '../types/index.ts'

export interface ConnectOptions {
  readonly socketPath: string
  /** "1.44"; absent: our newest, lowered to what the engine offers. */
  readonly apiVersion?: string
}

function networksApi(call: Caller): NetworksApi {
  const at = (name: string, action = ''): string => `/networks/${encodeURIComponent(name)}${action}`
  return {
    list: (filters) => call.json('GET', '/networks', { query: { filters: formatFilters(filters) } }),
    inspect: (name) => call.json('GET', at(name)),
    create: (body) => call.json('POST', '/networks/create', { json: body }),
    async remove(name) {
      await call.status('DELETE', at(name))
    },
    async connect(network, container, endpoint) {
      await call.status('POST', at(network, '/connect'), { json: { Container: container, EndpointConfig: endpoint } })
    },
    async disconnect(network, container, { force = false } = {}) {
      await call.status('POST', at(network, '/disconnect'), { json: { Container: container, Force: force } })
    },
  }
}

function volumesApi(call: Caller): VolumesApi {
  const at = (name: string): string => `/volumes/${encodeURIComponent(name)}`
  return {
    async list(filters) {
      const { Volumes } = await call.json<VolumeList>('GET', '/volumes', { query: { filters: formatFilters(filters) } })
      return [...((Volumes as readonly Volume[] | null) ?? [])]
    },
    inspect: (name) => call.json('GET', at(name)),
    create: (body) => call.json('POST', '/volumes/create', { json: body }),
    async remove(name, { force } = {}) {
      await call.status('DELETE', at(name), { query: { force } })
    },
  }
}

function pruneApi(call: Caller): PruneApi {
  const prune =
    <T>(kind: string) =>
    (filters?: ListFilters): Promise<T> =>
      call.json<T>('POST', `/${kind}/prune`, { query: { filters: formatFilters(filters) } })
  return {
    containers: prune('containers'),
    networks: prune('networks'),
    volumes: prune('volumes'),
    images: prune('images'),
  }
}

async function* streamProgress(
  call: Caller,
  path: string,
  options: Parameters<Caller['request']>[2],
): AsyncGenerator<ProgressMessage, void> {
  yield* readProgress((await call.request('POST', path, options)).body)
}

/** "debian:12" -> repository and tag; a colon before a slash is a registry's port. */
function splitReference(reference: string): { repo: string; tag?: string } {
  const colon = reference.lastIndexOf(':')
  if (colon < 0 || reference.slice(colon).includes('/')) return { repo: reference }
  return { repo: reference.slice(0, colon), tag: reference.slice(colon + 1) }
}

/** The slashes of a reference stay: routers match the rest of the path. */
function encodePath(reference: string): string {
  return reference.split('/').map(encodeURIComponent).join('/')
}

/** Source: Docker Engine API v1.51 "Authentication". */
/** The API wants it in parts. @example "arm64" is linux/arm64 */
function platformJson(text: string): string {
  const parts = text.split('/')
  const [os, architecture, variant] = parts.length === 1 ? ['linux', text] : parts
  return JSON.stringify({ os, architecture, variant })
}

function authHeader(auth: AuthConfig | undefined): Record<string, string> | undefined {
  return auth === undefined ? undefined : { 'X-Registry-Auth': Buffer.from(JSON.stringify(auth)).toString('base64url') }
}

function imagesApi(call: Caller): ImagesApi {
  const at = (reference: string, action = ''): string => `/images/${encodePath(reference)}${action}`
  return {
    list: ({ filters } = {}) => call.json('GET', '/images/json', { query: { filters: formatFilters(filters) } }),
    inspect: (reference) => call.json('GET', at(reference, '/json')),
    remove: (reference, { force, noPrune } = {}) =>
      call.json('DELETE', at(reference), { query: { force, noprune: noPrune } }),
    async tag(reference, repository, tag) {
      await call.status('POST', at(reference, '/tag'), { query: { repo: repository, tag } })
    },
    import: (tar, { reference, changes, message }) =>
      streamProgress(call, '/images/create', {
        query: {
          fromSrc: '-',
          ...(reference === undefined ? {} : splitReference(reference)),
          changes: changes ?? [],
          message,
        },
        body: tar,
        contentType: 'application/x-tar',
      }),
    async *pull(reference, { platform, auth, abort } = {}) {
      const { domain, path, tag, digest } = parseReference(reference)
      yield* streamProgress(call, '/images/create', {
        // without a tag an engine would pull all there are
        query: { fromImage: `${domain}/${path}`, tag: digest ?? tag ?? 'latest', platform },
        headers: authHeader(auth),
        abort,
      })
    },
    async *push(reference, { platform, allPlatforms, auth, abort } = {}) {
      const { domain, path, tag } = parseReference(reference)
      yield* streamProgress(call, at(`${domain}/${path}`, '/push'), {
        // without a tag an engine would push all there are
        query: {
          tag: tag ?? 'latest',
          platform: platform === undefined ? undefined : platformJson(platform),
          allPlatforms,
        },
        // docker's engine wants the header, be there a login or not
        headers: authHeader(auth ?? {}),
        abort,
      })
    },
    distribution: (reference, { auth, abort } = {}) =>
      call.json('GET', `/distribution/${encodePath(reference)}/json`, { headers: authHeader(auth), abort }),
    history: (reference) => call.json('GET', at(reference, '/history')),
    save: async (references, abort) =>
      (await call.request('GET', '/images/get', { query: { names: references }, abort })).body,
    load: (tar, { quiet } = {}) =>
      streamProgress(call, '/images/load', { query: { quiet }, body: tar, contentType: 'application/x-tar' }),
    bootstrap: (request, abort) => streamProgress(call, '/mycompose/images/bootstrap', { json: request, abort }),
  }
}

async function* readEvents(
  answer: ReturnType<Caller['request']>,
  abort: AbortSignal | undefined,
): AsyncGenerator<EventMessage, void> {
  try {
    yield* readJsonLines<EventMessage>((await answer).body)
  } catch (error) {
    if (error instanceof CanceledError && abort?.aborted === true) return
    throw error
  }
}

/** Asks at once, not at the first `next`: what is done after this call is seen. */
function streamEvents(
  call: Caller,
  { filters, since, until, abort }: Parameters<EngineClient['events']>[0],
): AsyncIterable<EventMessage> {
  const answer = call.request('GET', '/events', { query: { filters: formatFilters(filters), since, until }, abort })
  answer.catch(() => {}) // told to the reader
  return readEvents(answer, abort)
}

function buildsApi(call: Caller): BuildsApi {
  return {
    async *build(request, abort) {
      try {
        const { body } = await call.request('POST', '/mycompose/build', { json: request, abort })
        yield* readJsonLines<BuildMessage>(body)
      } catch (error) {
        if (error instanceof CanceledError && abort?.aborted === true) return
        throw error
      }
    },
    prune: ({ all, keepBytes, filters } = {}) =>
      call.json('POST', '/build/prune', {
        query: { all, 'keep-storage': keepBytes, filters: formatFilters(filters) },
      }),
  }
}

/** See client.ts for what it throws. */
export function connectEngine({ socketPath, apiVersion }: ConnectOptions): EngineClient {
  const call = createCaller(socketPath, apiVersion)
  return {
    containers: containersApi(call),
    networks: networksApi(call),
    volumes: volumesApi(call),
    images: imagesApi(call),
    builds: buildsApi(call),
    prune: pruneApi(call),
    diskUsage: () => call.json('GET', '/system/df'),
    version: () => call.json('GET', '/version'),
    login: (auth, abort) => call.json('POST', '/auth', { json: auth, abort }),
    events: (options) => streamEvents(call, options),
    status: () => call.json('GET', '/mycompose/status'),
    doctor: () => call.json('GET', '/mycompose/doctor'),
    async shutdown({ all } = {}) {
      await call.status('POST', '/mycompose/shutdown', { query: { all } })
    },
    close: () => call.close(),
  }
}
