/**
 * How attributes merge, where it is not "scalars replace, mappings merge, lists append": a table from path pattern to
 * rule. The trees are canonical already, so a rule sees one syntax only. Source: Compose Specification, "Merge".
 */
import { child, textOf, type Node, type SeqNode } from './node.ts'

/** What becomes of a base value that an override meets. */
export type MergeRule = (base: Node, over: Node) => Node

/** The later value wins as a whole, null included. */
const replace: MergeRule = (_base, over) => over

/** Lists: append, but an item with the key of an earlier one takes its place. */
function uniqueBy(keyOf: (item: Node) => string): MergeRule {
  return (base, over) => {
    if (base.kind !== 'seq' || over.kind !== 'seq') return over
    const items = new Map<string, Node>()
    for (const item of base.items) items.set(keyOf(item), item)
    for (const item of over.items) items.set(keyOf(item), item)
    // a list without repetitions stays the same node
    if (base.items.length === 0 && items.size === over.items.length) return over
    return { ...over, items: [...items.values()] } satisfies SeqNode
  }
}

function field(item: Node, key: string): string {
  return textOf(child(item, key)) ?? ''
}

function fieldsKey(...keys: readonly string[]): (item: Node) => string {
  return (item) => (item.kind === 'scalar' ? (textOf(item) ?? '') : keys.map((key) => field(item, key)).join('\0'))
}

/** By the text before "=": "/run:size=1m" takes the place of "/run:size=2m". */
const portKey = fieldsKey('published', 'target', 'protocol')
const byValue = uniqueBy((item) => (textOf(item) ?? '').replace(/=.*$/s, ''))
const byTarget = uniqueBy(fieldsKey('target'))
/** Options of one driver mean nothing to another. */
const logging: MergeRule = (base, over) => {
  const [before, after] = [textOf(child(base, 'driver')), textOf(child(over, 'driver'))]
  if (before !== undefined && after !== undefined && before !== after) return over
  if (base.kind !== 'map' || over.kind !== 'map') return over
  const options = new Map([...entriesOf(child(base, 'options')), ...entriesOf(child(over, 'options'))])
  const entries = new Map([...base.entries, ...over.entries])
  const optionsEntry = over.entries.get('options') ?? base.entries.get('options')
  if (optionsEntry?.value.kind === 'map') {
    entries.set('options', { key: optionsEntry.key, value: { ...optionsEntry.value, entries: options } })
  }
  return { ...over, entries }
}

function entriesOf(node: Node | undefined): Iterable<[string, { key: Node['origin']; value: Node }]> {
  return node?.kind === 'map' ? node.entries : []
}

const SERVICE_RULES: Readonly<Record<string, MergeRule>> = {
  command: replace,
  entrypoint: replace,
  'healthcheck.test': replace,
  restart: replace,
  cap_add: byValue,
  cap_drop: byValue,
  dns: byValue,
  dns_opt: byValue,
  dns_search: byValue,
  tmpfs: byValue,
  expose: byValue,
  profiles: byValue,
  'build.tags': byValue,
  'networks.*.aliases': byValue,
  'networks.*.link_local_ips': byValue,
  links: uniqueBy(fieldsKey('service', 'alias')),
  extra_hosts: uniqueBy(fieldsKey('host', 'ip')),
  'build.extra_hosts': uniqueBy(fieldsKey('host', 'ip')),
  env_file: uniqueBy(fieldsKey('path')),
  volumes: byTarget,
  devices: byTarget,
  secrets: byTarget,
  configs: byTarget,
  ports: uniqueBy((item) => `${field(item, 'host_ip') || '0.0.0.0'}\0${portKey(item)}`),
  'ulimits.*': replace,
  'build.ulimits.*': replace,
  'environment.*': replace,
  'build.args.*': replace,
  logging,
}

/** Of `ipam.config` the pools of the override count, each with what the base says of the same subnet; see merge.ts. */
export const MERGED_BY_KEY: Readonly<Record<string, (item: Node) => string>> = {
  'networks.*.ipam.config': fieldsKey('subnet'),
}

export const MERGE_RULES: ReadonlyMap<string, MergeRule> = new Map(
  Object.entries(SERVICE_RULES).map(([pattern, rule]) => [`services.*.${pattern}`, rule]),
)

/** Lists in which a later item takes the place of one with the same key. */
export const UNIQUE_LISTS: ReadonlySet<string> = new Set(
  Object.keys(SERVICE_RULES)
    .filter((key) => !['extra_hosts', 'build.extra_hosts'].includes(key) && !key.endsWith('.*'))
    .filter((key) => !['command', 'entrypoint', 'healthcheck.test', 'restart', 'logging'].includes(key))
    .map((key) => `services.*.${key}`),
)

/** Below these, keys are the user's: a pattern has "*" there. */
export const USER_KEYED: ReadonlySet<string> = new Set([
  'services',
  'networks',
  'volumes',
  'secrets',
  'configs',
  'models',
  ...[
    'networks',
    'depends_on',
    'models',
    'ulimits',
    'build.ulimits',
    'environment',
    'build.args',
    'labels',
    'annotations',
    'sysctls',
  ].map((key) => `services.*.${key}`),
])
