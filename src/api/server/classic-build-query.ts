/**
 * The parameters of `POST /build` as a build request. PURE. What the classic builder of docker has and this one has not is
 * refused by name; what changes nothing here (rm, forcerm, processor shares) is let pass.
 * Source: Docker Engine API v1.51 "Build an image".
 */
import type { Query } from './query.ts'
import type { BuildRequest, BuildSource } from '../types/build.ts'
import type { Ulimit } from '../types/index.ts'
import { InvalidRequestError, UnsupportedError } from '../../errors.ts'

export interface ClassicWishes {
  /** Without its context, which is the body. */
  readonly request: Omit<BuildRequest, 'context'>
  /** Instead of the body. */
  readonly remote: BuildSource | undefined
  readonly quiet: boolean
}

/** Throws InvalidRequestError, UnsupportedError. */
export function toBuildRequest(query: Query): ClassicWishes {
  refuse(query)
  const args = query.text('buildargs') === undefined ? undefined : parseArgs(jsonOf(query, 'buildargs'))
  const labels = query.text('labels') === undefined ? undefined : textMap(jsonOf(query, 'labels'), 'labels')
  const cacheFrom = query.text('cachefrom') === undefined ? [] : texts(jsonOf(query, 'cachefrom'), 'cachefrom')
  const hosts = query.list('extrahosts').flatMap(hostList)
  const platform = query.text('platform')
  const request = {
    dockerfile: query.text('dockerfile'),
    target: query.text('target'),
    tags: query.list('t').filter((tag) => tag !== ''),
    args,
    labels,
    network: query.text('networkmode'),
    extraHosts: hosts.length === 0 ? undefined : hosts,
    shmSizeBytes: query.integer('shmsize') || undefined,
    memoryBytes: query.integer('memory') || undefined,
    cgroupParent: query.text('cgroupparent'),
    ulimits: query.text('ulimits') === undefined ? undefined : parseUlimits(jsonOf(query, 'ulimits')),
    platforms: platform === undefined ? undefined : [platform],
    pull: query.flag('pull') ? true : undefined,
    noCache: query.flag('nocache') ? true : undefined,
    cacheFrom: cacheFrom.length === 0 ? undefined : cacheFrom.map((ref) => ({ type: 'registry', options: { ref } })),
  }
  return {
    request: Object.fromEntries(
      Object.entries(request).filter(([, value]) => value !== undefined),
    ) as ClassicWishes['request'],
    remote: remoteSource(query.text('remote')),
    quiet: query.flag('q'),
  }
}

function refuse(query: Query): void {
  const version = query.text('version')
  if (version === '2' || query.text('session') !== undefined)
    throw new UnsupportedError('this engine does not speak the session protocol of BuildKit (version=2)', {
      hint: 'build with "mycompose build", or with DOCKER_BUILDKIT=0 docker build',
    })
  if (query.flag('squash'))
    throw new UnsupportedError('cannot squash layers', { hint: 'leave out --squash; use stages and COPY --from' })
  if (query.text('outputs') !== undefined && query.text('outputs') !== '[]')
    throw new UnsupportedError('the classic builder has no outputs', { hint: 'leave out --output' })
  const isolation = query.text('isolation') ?? 'default'
  if (isolation !== 'default') throw new UnsupportedError(`no isolation "${isolation}" on Linux`)
}

function jsonOf(query: Query, name: string): unknown {
  try {
    return JSON.parse(query.text(name) ?? 'null') as unknown
  } catch (cause) {
    throw new InvalidRequestError(`invalid ${name}: not JSON`, { cause })
  }
}

function entriesOf(value: unknown, name: string): [string, unknown][] {
  if (value === null) return []
  if (typeof value !== 'object' || Array.isArray(value)) throw new InvalidRequestError(`invalid ${name}: not an object`)
  return Object.entries(value)
}

function textMap(value: unknown, name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    entriesOf(value, name).map(([key, one]) => {
      if (typeof one !== 'string') throw new InvalidRequestError(`invalid ${name}: the value of "${key}" is no text`)
      return [key, one]
    }),
  )
}

/** An argument without a value (null) is as if it were not given. */
function parseArgs(value: unknown): Readonly<Record<string, string>> {
  return textMap(Object.fromEntries(entriesOf(value, 'buildargs').filter(([, one]) => one !== null)), 'buildargs')
}

function texts(value: unknown, name: string): readonly string[] {
  if (value === null) return []
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw new InvalidRequestError(`invalid ${name}: not a list of texts`)
}

/** docker's CLI sends a JSON list, the documentation speaks of "host:ip". */
function hostList(text: string): readonly string[] {
  if (!text.startsWith('[')) return text === '' ? [] : text.split(',')
  try {
    return texts(JSON.parse(text), 'extrahosts')
  } catch (cause) {
    throw new InvalidRequestError('invalid extrahosts', { cause })
  }
}

function parseUlimits(value: unknown): readonly Ulimit[] {
  if (value === null) return []
  if (!Array.isArray(value)) throw new InvalidRequestError('invalid ulimits: not a list')
  return value.map((one: unknown) => {
    const { Name, Soft, Hard } = (one ?? {}) as Readonly<Record<string, unknown>>
    if (typeof Name !== 'string' || typeof Soft !== 'number' || typeof Hard !== 'number')
      throw new InvalidRequestError('invalid ulimits: each has Name, Soft and Hard')
    return { Name, Soft, Hard }
  })
}

/** As docker tells them apart: by scheme and by ".git". */
function remoteSource(text: string | undefined): BuildSource | undefined {
  if (text === undefined) return undefined
  if (/^(?:git:\/\/|ssh:\/\/|git@|github\.com\/)/.test(text) || /^https?:\/\/[^#?]+\.git(?:[#?]|$)/.test(text))
    return { kind: 'git', url: text.startsWith('github.com/') ? `https://${text}` : text }
  if (/^https?:\/\//.test(text)) return { kind: 'http', url: text }
  throw new UnsupportedError(`cannot fetch a context from "${text}"`, { hint: 'use a git repository, http or https' })
}
