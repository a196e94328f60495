/**
 * Merges canonical trees: files of one project, included files, extended services. Source: Compose Specification,
 * "Merge" with `!reset` and `!override`.
 */
import { isNull, mapEntries, mapItems, type Entry, type MapNode, type Node, type SeqNode } from './node.ts'
import { MERGED_BY_KEY, MERGE_RULES, UNIQUE_LISTS, USER_KEYED } from './merge-rules.ts'

/** `over` on top of `base`; both are the root of a file, or both the mapping at `pattern` ("services.*"). */
export function mergeTrees(base: MapNode, over: MapNode, pattern = ''): MapNode {
  const merged = new Map<string, Entry>(base.entries)
  for (const [key, entry] of over.entries) {
    const before = merged.get(key)
    const value = mergeValue(before?.value, entry.value, patternOf(pattern, key))
    if (value === undefined) merged.delete(key)
    else if (value !== before?.value) merged.set(key, { key: entry.key, value })
  }
  return { kind: 'map', origin: over.origin, entries: merged }
}

/**
 * The tree without items of lists that a later item of the same list replaces: merging does it across files, this
 * within one (and for a file alone).
 */
export function dropReplacedItems(tree: MapNode): MapNode {
  const visit = (node: Node, pattern: string): Node => {
    if (node.kind === 'map')
      return mapEntries(node, (value, key) => (value.kind === 'scalar' ? value : visit(value, patternOf(pattern, key))))
    const isUnique = node.kind === 'seq' && node.items.length > 1 && UNIQUE_LISTS.has(pattern)
    return isUnique ? (MERGE_RULES.get(pattern)?.({ ...node, items: [] }, node) ?? node) : node
  }
  const services = tree.entries.get('services')
  if (services === undefined) return tree
  const entries = new Map(tree.entries)
  return { ...tree, entries: entries.set('services', { ...services, value: visit(services.value, 'services') }) }
}

function patternOf(parent: string, key: string): string {
  const step = USER_KEYED.has(parent) ? '*' : key
  return parent === '' ? step : `${parent}.${step}`
}

function mergeValue(base: Node | undefined, over: Node, pattern: string): Node | undefined {
  if (over.tag === 'reset') return undefined
  if (base === undefined || over.tag === 'override') return settle(over)
  const rule = MERGE_RULES.get(pattern)
  if (rule !== undefined) return settle(rule(base, over))
  // An explicit null says nothing, so the base stands.
  if (isNull(over)) return base
  if (base.kind === 'map' && over.kind === 'map') return mergeTrees(base, over, pattern)
  if (base.kind === 'seq' && over.kind === 'seq') return mergeLists(base, over, pattern)
  return settle(over)
}

function mergeLists(base: SeqNode, over: SeqNode, pattern: string): Node {
  const keyOf = MERGED_BY_KEY[pattern]
  if (keyOf === undefined) return { ...over, items: [...base.items, ...over.items.map(settleItem)] }
  const before = new Map(base.items.map((item) => [keyOf(item), item]))
  const items = over.items.map((item) => mergeValue(before.get(keyOf(item)), item, '') ?? item)
  return { ...over, items }
}

function settle(node: Node): Node | undefined {
  return node.tag === 'reset' ? undefined : settleItem(node)
}

function settleItem(node: Node): Node {
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
