/** PURE: the filters of GET /containers/json. Source: moby daemon/list.go. */
import { InvalidRequestError } from '../../errors.ts'
import type { ContainerDocument } from '../../state/containers.ts'
import type { Filters } from '../services.ts'
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

/** "key" or "key=value". */
export function matchesLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const split = wanted.indexOf('=')
  if (split < 0) return wanted in labels
  return labels[wanted.slice(0, split)] === wanted.slice(split + 1)
}

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
    label: ({ document }, value) => matchesLabel(document.config.Labels ?? {}, value),
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

/** Every filter must match; of its values one, of labels all. Throws InvalidRequestError for unknown ones. */
export function createFilter(filters: Filters, lookups: FilterLookups): (view: ContainerView) => boolean {
  const known = matchers(lookups)
  for (const [name, values] of Object.entries(filters)) {
    if (known[name] === undefined) throw new InvalidRequestError(`invalid filter '${name}'`)
    const unknown = name === 'status' ? values.find((value) => !STATUSES.has(value)) : undefined
    if (unknown !== undefined) throw new InvalidRequestError(`invalid filter 'status=${unknown}'`)
  }
  return (view) =>
    Object.entries(filters).every(([name, values]) => {
      const matches = known[name] ?? (() => false)
      const test = (value: string): boolean => matches(view, value)
      return values.length === 0 || (name === 'label' ? values.every(test) : values.some(test))
    })
}

/** These say which containers are meant, running or not. */
export function wantsAll(filters: Filters): boolean {
  return ['status', 'exited', 'before', 'since'].some((name) => (filters[name] ?? []).length > 0)
}
