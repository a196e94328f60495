/**
 * All of YAML, by the `yaml` package: anchors, aliases, merge keys, tags, several documents, every style. Refuses
 * duplicate keys, cycles of aliases, documents that grow beyond a cap through aliases ("billion laughs") and keys that
 * are no scalars. Source: YAML 1.2.2; merge keys (`<<`) from YAML 1.1's type repository.
 */
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Document, type ParsedNode, type Scalar } from 'yaml'
import type { ParsedFile } from './document.ts'
import { nearestName } from '../edit-distance.ts'
import { entryAt, mapNode, scalarNode, seqNode, type Entry, type MergeTag, type Node } from './node.ts'
import type { Problems } from './problems.ts'
import { createLocator, type SourceFile } from './source-file.ts'
import { explainYamlError } from './yaml-errors.ts'
import { isOtherType, nonStringKey, resolvePlain } from './yaml-scalar.ts'

/**
 * Values that the aliases of one document repeat, beside as many as are written: the tree stays as large as the text.
 */
const MAX_REPEATED = 100_000

export function parseAnyYaml(source: SourceFile, problems: Problems): ParsedFile {
  const options = { schema: 'failsafe', uniqueKeys: false, prettyErrors: false, logLevel: 'silent' } as const
  const parsed = parseAllDocuments(source.text, options)
  const documents = Array.isArray(parsed) ? (parsed as Document.Parsed[]) : []
  const nodes: Node[] = []
  let isWhole = true
  for (const document of documents) {
    const [error] = document.errors
    if (error !== undefined) {
      const { offset, text } = explainYamlError(error, source, document)
      problems.error({ source, offset }, text)
      isWhole = false
      continue
    }
    const node = new TreeBuilder(source, problems).build(document)
    if (node !== undefined && !(node.kind === 'scalar' && node.value === null)) nodes.push(node)
  }
  return { documents: nodes, isWhole }
}

/** Builds one document; a class because anchors and sizes live as long as it does. */
class TreeBuilder {
  readonly #source: SourceFile
  readonly #problems: Problems
  /** Finished anchors; a name is taken again by a later anchor, as YAML has it. */
  readonly #anchors = new Map<string, Node>()
  readonly #open = new Set<string>()
  readonly #locate = createLocator()
  /** Written-out size of every collection: shared nodes are counted without walking them again. */
  readonly #sizes = new WeakMap<Node, number>()
  #tooLarge = false
  /** Nodes of the text so far. */
  #written = 0

  constructor(source: SourceFile, problems: Problems) {
    this.#source = source
    this.#problems = problems
  }

  build(document: Document.Parsed): Node | undefined {
    return document.contents === null ? undefined : this.#node(document.contents)
  }

  #node(node: ParsedNode): Node {
    const offset = node.range[0]
    if (isAlias(node)) return this.#alias(node.source, offset)
    this.#written += 1
    const { anchor } = node
    if (anchor !== undefined) this.#open.add(anchor)
    const built = this.#tagged(this.#plainNode(node, offset), node.tag)
    if (anchor !== undefined) {
      this.#open.delete(anchor)
      this.#anchors.set(anchor, built)
    }
    return built
  }

  #plainNode(node: Exclude<ParsedNode, { source: string; anchor?: never }>, offset: number): Node {
    const origin = { source: this.#source, offset }
    if (isMap(node)) return this.#map(node.items, offset)
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#node(item))
      return this.#sized(seqNode(items, origin), items)
    }
    if (isScalar(node)) return scalarNode(scalarValue(node), origin)
    throw new Error('a YAML node that is neither alias, mapping, sequence nor scalar')
  }

  #map(pairs: readonly RawPair[], offset: number): Node {
    const entries = new Map<string, Entry>()
    const merged: Node[] = []
    for (const { key, value } of pairs) {
      const name = this.#key(key)
      if (name === undefined) continue
      const keyOrigin = { source: this.#source, offset: key?.range[0] ?? offset }
      if (name === '__proto__') {
        const message = 'the key "__proto__" is not allowed'
        this.#problems.error(keyOrigin, { code: 'YAML_SYNTAX', message })
        continue
      }
      const node = isNothing(value) ? scalarNode(null, keyOrigin) : this.#node(value)
      if (name === '<<' && isPlainKey(key)) {
        merged.push(node)
        continue
      }
      const first = entries.get(name)
      if (first !== undefined) {
        const { line } = this.#locate(first)
        const message = `duplicate key ${JSON.stringify(name)}: it is already set on line ${line}`
        this.#problems.error(keyOrigin, { code: 'DUPLICATE_KEY', message, hint: 'remove one of the two' })
        continue
      }
      entries.set(name, entryAt(keyOrigin, node))
    }
    for (const node of merged) this.#merge(entries, node)
    const origin = { source: this.#source, offset }
    return this.#sized(
      mapNode(entries, origin),
      [...entries.values()].map((entry) => entry.value),
    )
  }

  /** Keys of `<<` fill what the mapping does not say itself; of a list, earlier mappings win. */
  #merge(entries: Map<string, Entry>, node: Node): void {
    const maps = node.kind === 'seq' ? node.items : [node]
    for (const map of maps) {
      if (map.kind !== 'map') {
        const message = '"<<" takes a mapping or a list of mappings'
        this.#problems.error(map, { code: 'YAML_MERGE', message, hint: 'merge an alias: "<<: *name"' })
        continue
      }
      for (const [key, entry] of map.entries) if (!entries.has(key)) entries.set(key, entry)
    }
  }

  #key(key: ParsedNode | null): string | undefined {
    if (key === null) return 'null'
    if (isScalar(key)) {
      if (key.anchor !== undefined) this.#anchors.set(key.anchor, this.#node(key))
      const name = typeof key.value === 'string' ? key.value : String(key.value)
      this.#checkKey(name, key)
      return name
    }
    const aliased = isAlias(key) ? this.#anchors.get(key.source) : undefined
    if (aliased?.kind === 'scalar') return String(aliased.value)
    const message = 'a key must be a plain word, not a list or a mapping'
    this.#problems.error({ source: this.#source, offset: key.range[0] }, { code: 'YAML_SYNTAX', message })
    return undefined
  }

  #checkKey(name: string, key: Scalar.Parsed): void {
    if (key.type !== 'PLAIN' || key.tag !== undefined || !isOtherType(name)) return
    this.#problems.error({ source: this.#source, offset: key.range[0] }, nonStringKey(name))
  }

  #alias(name: string, offset: number): Node {
    const origin = { source: this.#source, offset }
    const target = this.#anchors.get(name)
    if (target !== undefined && !this.#open.has(name)) return target
    const message = this.#open.has(name)
      ? `alias "*${name}" stands inside its own anchor: the document would never end`
      : `unknown alias "*${name}": no anchor "&${name}" stands before it`
    const nearest = nearestName(name, this.#anchors.keys())
    const hint = this.#open.has(name)
      ? 'give what is repeated an anchor of its own'
      : nearest === undefined
        ? `write "&${name}" before the value that is meant`
        : `did you mean "*${nearest}"?`
    this.#problems.error(origin, { code: 'YAML_ALIAS', message, hint })
    return scalarNode(null, origin)
  }

  #tagged(node: Node, tag: string | undefined): Node {
    if (tag === undefined) return node
    const name = MERGE_TAGS[tag]
    if (name !== undefined) return { ...node, tag: name }
    if (tag.startsWith('tag:yaml.org,2002:') || tag === '!') return node
    const message = `unknown tag "${tag}" is ignored`
    this.#problems.warn(node, { code: 'YAML_TAG', message, hint: 'Compose knows !reset and !override' })
    return node
  }

  #sized<T extends Node>(node: T, children: readonly Node[]): T {
    let size = 1
    for (const item of children) size += this.#sizes.get(item) ?? 1
    this.#sizes.set(node, size)
    if (size <= MAX_REPEATED + 2 * this.#written || this.#tooLarge) return node
    this.#tooLarge = true
    const message = `the aliases of the document repeat more than ${MAX_REPEATED} values`
    this.#problems.error(node, { code: 'YAML_ALIAS', message, hint: 'aliases of aliases multiply: write less of them' })
    return { ...node, ...(node.kind === 'map' ? { entries: new Map() } : { items: [] }) }
  }
}

interface RawPair {
  readonly key: ParsedNode | null
  readonly value: ParsedNode | null
}

const MERGE_TAGS: Readonly<Record<string, MergeTag>> = { '!reset': 'reset', '!override': 'override' }

/** "key:" with nothing behind it, which is shown at its key. */
function isNothing(value: ParsedNode | null): value is null {
  if (value === null) return true
  const isEmpty = isScalar(value) && value.type === 'PLAIN' && value.source === ''
  return isEmpty && value.anchor === undefined && value.tag === undefined
}

function isPlainKey(key: ParsedNode | null): boolean {
  return isScalar(key) && key.type === 'PLAIN'
}

function scalarValue(node: Scalar): string | number | boolean | null {
  const text = typeof node.value === 'string' ? node.value : ''
  if (node.tag === 'tag:yaml.org,2002:str') return text
  if (node.tag !== undefined && node.tag !== '!' && node.tag.startsWith('tag:yaml.org')) return resolvePlain(text)
  return node.type === 'PLAIN' && node.tag !== '!' ? resolvePlain(text) : text
}
