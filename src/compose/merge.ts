/**
 * Merges canonical trees: files of one project, included files, extended services. Source: Compose Specification,
 * "Merge" with `!reset` and `!override`.
 */
import {
  entryAt,
  isNull,
  mapEntries,
  mapItems,
  mapNode,
  withEntry,
  type Entry,
  type MapNode,
  type Node,
  type SeqNode,
} from './node.ts'
import { FILE_RULES, rulesBelow, SERVICE_RULES, type PathRules } from './merge-rules.ts'

/** `over` on top of `base`, both the root of a file. */
export function mergeTrees(base: MapNode, over: MapNode): MapNode {
  return mergeMaps(base, over, FILE_RULES)
}

/** The same for two definitions of a service. */
export function mergeServices(base: MapNode, over: MapNode): MapNode {
  return mergeMaps(base, over, SERVICE_RULES)
}

function mergeMaps(base: MapNode, over: MapNode, rules: PathRules | undefined): MapNode {
  const merged = new Map<string, Entry>(base.entries)
  over.entries.forEach((entry, key) => {
    const before = merged.get(key)?.value
    const value = mergeValue(before, entry.value, rulesBelow(rules, key))
    if (value === undefined) merged.delete(key)
    else if (value !== before) merged.set(key, value === entry.value ? entry : entryAt(entry, value))
  })
  return mapNode(merged, over)
}

/**
 * The tree without items of lists that a later item of the same list replaces: merging does it across files, this
 * within one (and for a file alone).
 */
export function dropReplacedItems(tree: MapNode): MapNode {
  const visit = (node: Node, rules: PathRules): Node => {
    if (node.kind === 'scalar' || !rules.hasUnique) return node
    if (node.kind === 'seq')
      return rules.isUnique && node.items.length > 1 ? (rules.merge?.({ ...node, items: [] }, node) ?? node) : node
    const { anyKey, below } = rules
    if (anyKey !== undefined) return mapEntries(node, (value) => visit(value, anyKey))
    return mapEntries(node, (value, key) => {
      const inner = value.kind === 'scalar' ? undefined : below.get(key)
      return inner === undefined ? value : visit(value, inner)
    })
  }
  const services = tree.entries.get('services')?.value
  const rules = FILE_RULES.below.get('services')
  return services === undefined || rules === undefined ? tree : withEntry(tree, 'services', visit(services, rules))
}

function mergeValue(base: Node | undefined, over: Node, rules: PathRules | undefined): Node | undefined {
  if (over.tag === 'reset') return undefined
  if (base === undefined || over.tag === 'override') return settle(over)
  if (rules?.merge !== undefined) return settle(rules.merge(base, over))
  // An explicit null says nothing, so the base stands.
  if (isNull(over)) return base
  if (base.kind === 'map' && over.kind === 'map') return mergeMaps(base, over, rules)
  if (base.kind === 'seq' && over.kind === 'seq') return mergeLists(base, over, rules)
  return settle(over)
}

function mergeLists(base: SeqNode, over: SeqNode, rules: PathRules | undefined): Node {
  const keyOf = rules?.itemKey
  if (keyOf === undefined) return { ...over, items: [...base.items, ...over.items.map(settleItem)] }
  const before = new Map(base.items.map((item) => [keyOf(item), item]))
  const items = over.items.map((item) => mergeValue(before.get(keyOf(item)), item, undefined) ?? item)
  return { ...over, items }
}

function settle(node: Node): Node | undefined {
  return node.tag === 'reset' ? undefined : settleItem(node)
}

function settleItem(node: Node): Node {
  if (node.kind === 'scalar' && node.tag === undefined) return node
  const bare = node.tag === undefined ? node : withoutTag(node)
  if (bare.kind === 'map') return mapEntries(bare, settle)
  if (bare.kind !== 'seq') return bare
  const items = mapItems(bare.items, settle)
  return items === bare.items ? bare : { ...bare, items }
}

function withoutTag(node: Node): Node {
  const { tag: _tag, ...bare } = node
  return bare
}
