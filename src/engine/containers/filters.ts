/** PURE: the filters of GET /containers/json. Source: moby daemon/list.go. */
import { InvalidRequestError } from '../../errors.ts'
import type { ContainerDocument } from '../../state/containers.ts'
import { checkFilterNames, hasLabel, matchesFilters } from '../../api/filters.ts'
import type { Filters } from '../services/index.ts'
import type { ContainerView } from './inspect.ts'

type Matcher = (view: ContainerView, value: string) => boolean

/** What a filter value is looked up in before matching ("ancestor" by image, "before" by container). */
export interface FilterLookups {
  /** Image id of a reference, or undefined. */
  imageId(reference: string): string | undefined
  /** Creation time of a container. Throws NotFoundError. */
  createdAt(container: string): string
}

const STATUSES = new Set(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'])

/** Docker takes a regular expression; one that does not compile is matched as text. */
function matchesName(name: string, pattern: string): boolean {
  const candidates = [name, `/${name}`]
  // only anchors and plain text are honoured: a client's expression must not be able to run for ever
  const text = pattern.replace(/^\^/, '').replace(/\$$/, '')
  return candidates.some((candidate) => {
    if (pattern.startsWith('^') && pattern.endsWith('$')) return candidate === text
    if (pattern.startsWith('^')) return candidate.startsWith(text)
    if (pattern.endsWith('$')) return candidate.endsWith(text)
    return candidate.includes(text)
  })
}

function healthOf({ health }: ContainerDocument): string {
  return health?.Status ?? 'none'
}

/** "80", "80/tcp", "8000-8010/udp" against the keys of a port map. */
function matchesPort(keys: readonly string[], wanted: string): boolean {
  const [range = '', protocol = 'tcp'] = wanted.split('/')
  const [first = 0, last = first] = range.split('-').map(Number)
  return keys.some((key) => {
    const [port, type = 'tcp'] = key.split('/')
    return type === protocol && Number(port) >= first && Number(port) <= last
  })
}

function matchers(lookups: FilterLookups): Readonly<Record<string, Matcher>> {
  return {
    id: ({ document }, value) => document.id.startsWith(value),
    name: ({ document }, value) => matchesName(document.name, value),
    label: ({ document }, value) => hasLabel(document.config.Labels ?? {}, value),
    status: ({ document, isRemoving }, value) => (isRemoving ? 'removing' : document.state.status) === value,
    exited: ({ document }, value) => document.state.status === 'exited' && document.state.exitCode === Number(value),
    health: ({ document }, value) => healthOf(document) === value,
    ancestor: ({ document }, value) =>
      document.image.reference === value || document.image.id === lookups.imageId(value),
    network: ({ document, sandbox }, value) =>
      value in document.endpoints ||
      Object.entries(sandbox?.endpoints ?? {}).some(([name, each]) => name === value || each.NetworkID === value) ||
      document.hostConfig.NetworkMode === value,
    volume: ({ document }, value) =>
      document.mounts.some((mount) => mount.destination === value || (mount.kind === 'volume' && mount.name === value)),
    before: ({ document }, value) => document.createdAt < lookups.createdAt(value),
    since: ({ document }, value) => document.createdAt > lookups.createdAt(value),
    publish: ({ sandbox }, value) =>
      Object.entries(sandbox?.ports ?? {}).some(
        ([key, bindings]) => (bindings ?? []).length > 0 && matchesPort([key], value),
      ),
    expose: ({ document }, value) => matchesPort(Object.keys(document.config.ExposedPorts ?? {}), value),
    'is-task': (_view, value) => value === 'false',
    isolation: (_view, value) => value === 'default',
  }
}

/** Throws InvalidRequestError for unknown filters and states, before the first container is looked at. */
export function createFilter(filters: Filters, lookups: FilterLookups): (view: ContainerView) => boolean {
  const known = matchers(lookups)
  checkFilterNames(filters, Object.keys(known))
  const unknown = (filters['status'] ?? []).find((value) => !STATUSES.has(value))
  if (unknown !== undefined) throw new InvalidRequestError(`invalid filter 'status=${unknown}'`)
  return (view) =>
    matchesFilters(
      filters,
      Object.fromEntries(
        Object.entries(known).map(([name, matches]) => [name, (value: string): boolean => matches(view, value)]),
      ),
    )
}

/** These say which containers are meant, running or not. */
export function wantsAll(filters: Filters): boolean {
  return ['status', 'exited', 'before', 'since'].some((name) => (filters[name] ?? []).length > 0)
}
