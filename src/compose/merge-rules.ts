/**
 * How attributes merge, where it is not "scalars replace, mappings merge, lists append": a table from path pattern to
 * rule. The trees are canonical already, so a rule sees one syntax only. Source: Compose Specification, "Merge".
 */
import { child, entryAt, textOf, type Entry, type Node, type SeqNode } from './node.ts'

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
    entries.set('options', entryAt(optionsEntry, { ...optionsEntry.value, entries: options }))
  }
  return { ...over, entries }
}

function entriesOf(node: Node | undefined): Iterable<[string, Entry]> {
  return node?.kind === 'map' ? node.entries : []
}

const SERVICE_TABLE: Readonly<Record<string, MergeRule>> = {
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

/** What holds at one place of the tree. */
export interface PathRules {
  readonly merge?: MergeRule
  /** Of a list of mappings: its items are the override's, each over the base's item of the same key. */
  readonly itemKey?: (item: Node) => string
  /** Of a list: a later item takes the place of one with the same key. */
  readonly isUnique: boolean
  /** Whether such a list can stand here or below. */
  readonly hasUnique: boolean
  readonly below: ReadonlyMap<string, PathRules>
  /** Where keys are the user's: the rules below any of them. */
  readonly anyKey?: PathRules
}

/** Lists of pairs that may say one thing twice within a file. */
const REPEATABLE: ReadonlySet<string> = new Set(['extra_hosts', 'build.extra_hosts'])
const NO_LISTS: ReadonlySet<string> = new Set(['command', 'entrypoint', 'healthcheck.test', 'restart', 'logging'])

interface RuleDraft {
  merge?: MergeRule
  itemKey?: (item: Node) => string
  isUnique: boolean
  hasUnique: boolean
  readonly below: Map<string, RuleDraft>
  anyKey?: RuleDraft
}

/** The table as a tree, so that merging walks it along: a text for every path would cost more than the merge. */
function buildRules(): RuleDraft {
  const noRules = (): RuleDraft => ({ isUnique: false, hasUnique: false, below: new Map() })
  const root = noRules()
  const wayTo = (pattern: string): RuleDraft[] => {
    const way = [root]
    for (const step of pattern.split('.')) {
      const last = way.at(-1) ?? root
      const next = (step === '*' ? last.anyKey : last.below.get(step)) ?? noRules()
      if (step === '*') last.anyKey = next
      else last.below.set(step, next)
      way.push(next)
    }
    return way
  }
  const at = (pattern: string): RuleDraft => wayTo(pattern).at(-1) ?? root
  for (const pattern of USER_KEYED) at(`${pattern}.*`)
  for (const [key, merge] of Object.entries(SERVICE_TABLE)) {
    const rules = at(`services.*.${key}`)
    rules.merge = merge
    rules.isUnique = !key.endsWith('.*') && !REPEATABLE.has(key) && !NO_LISTS.has(key)
    if (rules.isUnique) for (const step of wayTo(`services.*.${key}`)) step.hasUnique = true
  }
  // of the pools those of the override count, each with what the base says of the same subnet
  at('networks.*.ipam.config').itemKey = fieldsKey('subnet')
  return root
}

/** Below these, keys are the user's. */
const USER_KEYED: readonly string[] = [
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
]

/** The rules of a whole file. */
export const FILE_RULES: PathRules = buildRules()

/** Those of one service. */
export const SERVICE_RULES: PathRules | undefined = rulesBelow(FILE_RULES.below.get('services'), '*')

/** The rules of the value at `key`; undefined where none are. */
export function rulesBelow(rules: PathRules | undefined, key: string): PathRules | undefined {
  return rules?.anyKey ?? rules?.below.get(key)
}
