/**
 * Shapes that many attributes share: structs, lists, KEY=VALUE lists, one-or-many. Each keeps the `!reset` and
 * `!override` tag of what it changes: merging comes later.
 */
import {
  entryAt,
  isNull,
  mapEntries,
  mapItems,
  mapNode,
  scalarNode,
  seqNode,
  textOf,
  type Entry,
  type Node,
} from '../node.ts'
import { isKept, type CanonicalContext, type Canonicalize } from './context.ts'
import { asText } from './scalars.ts'

/** Applies `canonicalize` unless the value is only a marker, and keeps its tag. */
export function apply(canonicalize: Canonicalize, node: Node, context: CanonicalContext): Node | undefined {
  if (node.tag === 'reset' || isKept(node, context)) return node
  const result = canonicalize(node, context)
  if (node.tag === undefined || result === undefined) return result
  return { ...result, tag: node.tag }
}

/** A mapping with known keys. Nulls mean "not set"; x- keys stay as they are. */
export function struct(fields: Readonly<Record<string, Canonicalize>>): Canonicalize {
  return (node, context) => {
    if (node.kind !== 'map') return node
    return mapEntries(node, (value, key) => {
      if (key.startsWith('x-')) return value
      if (isNull(value) && value.tag === undefined) return undefined
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined
      return field === undefined ? value : apply(field, value, context)
    })
  }
}

/** A list whose items are canonicalised one by one. */
export function list(item: Canonicalize): Canonicalize {
  return (node, context) => {
    if (node.kind !== 'seq') return node
    const items = mapItems(node.items, (value) => apply(item, value, context))
    return items === node.items ? node : seqNode(items, node)
  }
}

/** A list whose items may stand for several: port ranges. */
export function expandingList(item: (node: Node, context: CanonicalContext) => readonly Node[]): Canonicalize {
  return (node, context) =>
    node.kind === 'seq'
      ? seqNode(
          node.items.flatMap((value) => (isKept(value, context) ? [value] : item(value, context))),
          node,
        )
      : node
}

/** A mapping whose keys are the user's. */
export function mapValues(item: Canonicalize): Canonicalize {
  return (node, context) => (node.kind === 'map' ? mapEntries(node, (value) => apply(item, value, context)) : node)
}

/** The same, where null is a value: `networks: { front: }`. */
export function mapNullable(item: Canonicalize): Canonicalize {
  const values = mapValues((node, context) => (isNull(node) ? node : item(node, context)))
  return values
}

/** A string or a list of strings -> list of strings. */
export function oneOrMany(item: Canonicalize): Canonicalize {
  const many = list(item)
  return (node, context) => many(node.kind === 'seq' ? node : seqNode([node], node), context)
}

/** A list of names becomes a mapping from each name to `value`; a mapping stays one. */
export function namesToMap(node: Node, value: (item: Node) => Node): Node {
  if (node.kind !== 'seq') return node
  const entries = new Map<string, Entry>()
  for (const item of node.items) entries.set(textOf(item) ?? '', entryAt(item, value(item)))
  return mapNode(entries, node)
}

function keyValues(separators: RegExp, missing: (origin: Node) => Node): Canonicalize {
  return (node) => {
    if (node.kind === 'map') {
      return mapEntries(node, (value) => {
        if (value.tag !== undefined) return value
        return isNull(value) ? missing(value) : asText(value)
      })
    }
    if (node.kind !== 'seq') return node
    const entries = new Map<string, Entry>()
    for (const item of node.items) {
      const pair = textOf(item) ?? ''
      const at = pair.search(separators)
      const key = at === -1 ? pair : pair.slice(0, at)
      const value = at === -1 ? missing(item) : scalarNode(pair.slice(at + 1), item)
      entries.set(key, entryAt(item, value))
    }
    return mapNode(entries, node)
  }
}

/** environment, build.args: a key without value is null, to be taken from the project's environment. */
export const variables: Canonicalize = keyValues(/=/, (node) => scalarNode(null, node))

/** labels, annotations, sysctls, ...: a key without value is empty. */
export const strings: Canonicalize = keyValues(/=/, (node) => scalarNode('', node))
