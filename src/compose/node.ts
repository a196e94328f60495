/**
 * The tree that all phases before the model work on: a YAML document whose every key and value knows where it
 * stands. Nodes are never changed, so aliases and merges may share them.
 */
import type { Origin } from './source-file.ts'

export type ScalarValue = string | number | boolean | null

/** `!reset` removes the attribute of the base, `!override` replaces it instead of merging. */
export type MergeTag = 'reset' | 'override'

/** A node is its own place, so that a place costs no object of its own. */
interface NodeCommon extends Origin {
  readonly tag?: MergeTag
}

export interface ScalarNode extends NodeCommon {
  readonly kind: 'scalar'
  readonly value: ScalarValue
}

/** A key and its value; as an origin, the place of the key. */
export interface Entry extends Origin {
  readonly value: Node
}

export interface MapNode extends NodeCommon {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, Entry>
}

export interface SeqNode extends NodeCommon {
  readonly kind: 'seq'
  readonly items: readonly Node[]
}

export type Node = ScalarNode | MapNode | SeqNode

export function scalarNode(value: ScalarValue, origin: Origin): ScalarNode {
  return { kind: 'scalar', value, source: origin.source, offset: origin.offset }
}

export function mapNode(entries: ReadonlyMap<string, Entry>, origin: Origin): MapNode {
  return { kind: 'map', entries, source: origin.source, offset: origin.offset }
}

/** A value whose key stands at `key`. */
export function entryAt(key: Origin, value: Node): Entry {
  return { source: key.source, offset: key.offset, value }
}

export function seqNode(items: readonly Node[], origin: Origin): SeqNode {
  return { kind: 'seq', items, source: origin.source, offset: origin.offset }
}

/** A mapping from plain values and nodes; undefined values are left out, plain ones stand at `origin`. */
export function mapOf(values: Readonly<Record<string, ScalarValue | Node | undefined>>, origin: Origin): MapNode {
  const entries = new Map<string, Entry>()
  for (const key of Object.keys(values)) {
    const value = values[key]
    if (value === undefined) continue
    const node = typeof value === 'object' && value !== null ? value : scalarNode(value, origin)
    entries.set(key, entryAt(node, node))
  }
  return mapNode(entries, origin)
}

/** The value of a key, if the node is a mapping and has it. */
export function child(node: Node | undefined, key: string): Node | undefined {
  return node?.kind === 'map' ? node.entries.get(key)?.value : undefined
}

/** The text of a scalar as Compose casts it to a string; "" for null; undefined for other nodes. */
export function textOf(node: Node | undefined): string | undefined {
  if (node?.kind !== 'scalar') return undefined
  return node.value === null ? '' : String(node.value)
}

export function isNull(node: Node | undefined): boolean {
  return node?.kind === 'scalar' && node.value === null
}

/** The mapping with other entries: its place and its tag stay. */
export function withEntries(node: MapNode, entries: ReadonlyMap<string, Entry>): MapNode {
  const { source, offset, tag } = node
  return tag === undefined ? { kind: 'map', entries, source, offset } : { kind: 'map', entries, source, offset, tag }
}

export function withEntry(node: MapNode, key: string, value: Node): MapNode {
  const entries = new Map(node.entries)
  entries.set(key, entryAt(node.entries.get(key) ?? value, value))
  return withEntries(node, entries)
}

export function withoutEntry(node: MapNode, key: string): MapNode {
  if (!node.entries.has(key)) return node
  const entries = new Map(node.entries)
  entries.delete(key)
  return withEntries(node, entries)
}

/** `change` on every value; undefined drops the entry. The node itself when nothing changes. */
export function mapEntries(node: MapNode, change: (value: Node, key: string) => Node | undefined): MapNode {
  let entries: Map<string, Entry> | undefined // most mappings stay as they are: no copy of those
  node.entries.forEach((entry, key) => {
    const value = change(entry.value, key)
    if (value === entry.value) return
    entries ??= new Map(node.entries)
    if (value === undefined) entries.delete(key)
    else entries.set(key, entryAt(entry, value))
  })
  return entries === undefined ? node : withEntries(node, entries)
}

/** `change` on every item; undefined drops it. The same array when nothing changes. */
export function mapItems(items: readonly Node[], change: (item: Node) => Node | undefined): readonly Node[] {
  let changed: Node[] | undefined
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index] as Node
    const value = change(item)
    if (value !== item) changed ??= items.slice(0, index)
    if (value !== undefined) changed?.push(value)
  }
  return changed ?? items
}

/** As JSON data. What `!reset` marks is left out, and without `nulls` the keys that are null. */
export function toPlain(node: Node, nulls = true): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value
    case 'seq':
      return node.items.map((item) => toPlain(item, nulls))
    case 'map': {
      // The parser refuses the key "__proto__".
      const plain: Record<string, unknown> = {}
      node.entries.forEach(({ value }, key) => {
        if (value.tag !== 'reset' && (nulls || !isNull(value))) plain[key] = toPlain(value, nulls)
      })
      return plain
    }
    default:
      return node satisfies never
  }
}

/** The place of the value at a path, or of the deepest part of the path that exists. */
export function originAt(root: Node, path: readonly string[], want: 'key' | 'value' = 'value'): Origin {
  let node = root
  let origin: Origin = root
  for (const step of path) {
    if (node.kind === 'map') {
      const entry = node.entries.get(step)
      if (entry === undefined) return origin
      node = entry.value
      origin = want === 'key' || !isOnOneLine(entry) ? entry : node
    } else if (node.kind === 'seq') {
      const item = node.items[Number(step)]
      if (item === undefined) return origin
      node = item
      origin = item
    } else return origin
  }
  return origin
}

/** A value that begins on a later line, or elsewhere by an alias, is better shown by its key. */
function isOnOneLine({ source, offset, value }: Entry): boolean {
  return source === value.source && value.offset >= offset && !source.text.slice(offset, value.offset).includes('\n')
}
