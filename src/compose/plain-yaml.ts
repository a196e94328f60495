/**
 * The YAML that most Compose files are written in: block mappings and lists, plain and quoted texts on one line, lists
 * and mappings in brackets on one line, anchors, aliases, merge keys, comments. Everything else, every doubt and every
 * error is left to any-yaml.ts: this reader answers exactly as that one or not at all (a test compares them). It exists because the `yaml` package takes 35 ms to open
 * and, cold, 100 ms for a hundred services. Source: YAML 1.2.2, chapters 7 and 8.
 */
import { mapNode, scalarNode, seqNode, type Entry, type Node } from './node.ts'
import { giveUp, KEY_WORD, mergeInto, NOT_PLAIN, readInline } from './plain-yaml-inline.ts'
import type { Origin, SourceFile } from './source-file.ts'
import { isOtherType } from './yaml-scalar.ts'

/** The document of a file, or undefined when the file needs the whole of YAML. */
export function parsePlainYaml(source: SourceFile): Node | undefined {
  const { text } = source
  // Tabs, other control characters, anchors of line ends: not here.
  if (
    /[^\n\r\u0020-\u007E\u00A0-\u2027\u2030-\uD7FF\uE000-\uFEFE\uFF00-\uFFFD\u{10000}-\u{10FFFF}]|\r(?!\n)/u.test(text)
  )
    return undefined
  const lines = significantLines(text)
  if (lines === undefined || lines[0]?.indent !== 0) return undefined
  const reader: Reader = { source, lines, anchors: new Map(), at: 0, nodes: 0, depth: 0 }
  try {
    const root = readMapping(reader, 0)
    return reader.at === lines.length ? root : undefined
  } catch (error) {
    if (error === NOT_PLAIN) return undefined
    throw error
  }
}

/** Values that aliases repeat, beside as many as are written; any-yaml.ts reports a document that has more. */
const MAX_REPEATED = 100_000
const MAX_DEPTH = 64

interface Line {
  /** Column of the first character, from 0. */
  readonly indent: number
  /** Offset of the first character. */
  readonly start: number
  /** From the first character to the end of the line, comment included, blanks at the end not. */
  readonly text: string
}

interface Reader {
  readonly source: SourceFile
  readonly lines: Line[]
  /** Finished ones, with how many values they are written out. */
  readonly anchors: Map<string, Anchored>
  at: number
  /** Written so far, aliases written out. */
  nodes: number
  depth: number
  repeated?: number
}

interface Anchored {
  readonly node: Node
  readonly size: number
}

/** The lines that are neither blank nor a comment; undefined when there are directives or several documents. */
function significantLines(text: string): Line[] | undefined {
  const lines: Line[] = []
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start)
    const line = text.slice(start, end === -1 ? text.length : end).trimEnd()
    let indent = 0
    while (line.charCodeAt(indent) === 32) indent += 1
    if (indent < line.length && line[indent] !== '#') {
      if (indent === 0 && /^(---|\.\.\.|%)/.test(line)) return undefined
      lines.push({ indent, start: start + indent, text: line.slice(indent) })
    }
    start = end === -1 ? text.length : end + 1
  }
  return lines
}

function counted<T extends Node>(reader: Reader, node: T): T {
  reader.nodes += 1
  return node
}

function aliased(reader: Reader, name: string): Node {
  const { node, size } = reader.anchors.get(name) ?? giveUp()
  reader.nodes += size
  reader.repeated = (reader.repeated ?? 0) + size
  return 2 * reader.repeated > MAX_REPEATED + reader.nodes ? giveUp() : node
}

function origin({ source }: Reader, offset: number): Origin {
  return { source, offset }
}

/** A key without quotes is a word; with them it has no escapes. */
const KEY = new RegExp(`^(?:(<<|${KEY_WORD})|"([^"\\\\]*)"|'([^']*)'):(?: +|$)`)

function readMapping(reader: Reader, indent: number): Node {
  const entries = new Map<string, Entry>()
  const merged: Node[] = []
  const first = reader.lines[reader.at]?.start ?? 0
  if (++reader.depth > MAX_DEPTH) giveUp()
  for (let line = reader.lines[reader.at]; line?.indent === indent; line = reader.lines[reader.at]) {
    const match = KEY.exec(line.text) ?? giveUp()
    const name = match[1] ?? match[2] ?? match[3] ?? ''
    const isMerge = match[1] === '<<'
    if (entries.has(name) || (name === '<<' && !isMerge) || name === '__proto__') giveUp()
    if (match[1] !== undefined && isOtherType(name)) giveUp()
    const key = origin(reader, line.start)
    const value = readValue(reader, { line, indent, offset: match[0].length, key })
    if (isMerge) merged.push(value)
    else entries.set(name, { key, value })
  }
  for (const node of merged) mergeInto(entries, node)
  reader.depth -= 1
  endBlock(reader, indent)
  return counted(reader, mapNode(entries, origin(reader, first)))
}

function readSequence(reader: Reader, indent: number): Node {
  const items: Node[] = []
  const first = reader.lines[reader.at]?.start ?? 0
  if (++reader.depth > MAX_DEPTH) giveUp()
  for (
    let line = reader.lines[reader.at];
    line?.indent === indent && isItem(line.text);
    line = reader.lines[reader.at]
  ) {
    const offset = /^- */.exec(line.text)?.[0].length ?? 1
    const rest = line.text.slice(offset)
    if (isItem(rest)) giveUp()
    if (KEY.test(rest)) {
      // A mapping that begins behind the dash: its other keys stand below its first one.
      const inner = indent + offset
      reader.lines[reader.at] = { indent: inner, start: line.start + offset, text: rest }
      items.push(readMapping(reader, inner))
    } else items.push(readValue(reader, { line, indent, offset, key: origin(reader, line.start + 1) }))
  }
  reader.depth -= 1
  return counted(reader, seqNode(items, origin(reader, first)))
}

function isItem(text: string): boolean {
  return text === '-' || text.startsWith('- ')
}

/** A line further right than the block that ended belongs to nothing known here. */
function endBlock({ lines, at }: Reader, indent: number): void {
  const next = lines[at]
  if (next !== undefined && next.indent > indent) giveUp()
}

interface Place {
  readonly line: Line
  readonly indent: number
  /** Where in the line the value begins. */
  readonly offset: number
  /** Where the value of a key that has none is shown. */
  readonly key: Origin
}

/** What stands behind "key:" or "-". */
function readValue(reader: Reader, { line, indent, offset, key }: Place): Node {
  const text = line.text.slice(offset)
  if (text.startsWith('&')) return readAnchored(reader, { line, indent, offset, key }, text)
  reader.at += 1
  const next = reader.lines[reader.at]
  if (text === '' || text.startsWith('#')) return readBelow(reader, { indent, isItem: isItem(line.text), key })
  // A text that goes on in the next line.
  if (next !== undefined && next.indent > indent) giveUp()
  return readInline(text, origin(reader, line.start + offset), {
    count: (node) => counted(reader, node),
    alias: (name) => aliased(reader, name),
  })
}

/** "&name" before a value, or before the block below. */
function readAnchored(reader: Reader, place: Place, text: string): Node {
  const match = /^&([\w-]+)(?: +|$)/.exec(text) ?? giveUp()
  const [{ length }, name = ''] = match
  // Its alias may stand inside itself: not here.
  if (reader.anchors.has(name) || text.startsWith('*', length) || text.startsWith('&', length)) giveUp()
  const before = reader.nodes
  const node = readValue(reader, { ...place, offset: place.offset + length })
  // An anchor of nothing has a place of its own.
  if (node.origin === place.key) giveUp()
  reader.anchors.set(name, { node, size: reader.nodes - before })
  return node
}

function readBelow(reader: Reader, place: { indent: number; isItem: boolean; key: Origin }): Node {
  const next = reader.lines[reader.at]
  if (next !== undefined && next.indent > place.indent) {
    return isItem(next.text) ? readSequence(reader, next.indent) : readMapping(reader, next.indent)
  }
  // The list of a key may stand as far left as the key.
  if (next?.indent === place.indent && !place.isItem && isItem(next.text)) return readSequence(reader, place.indent)
  return place.isItem ? giveUp() : counted(reader, scalarNode(null, place.key))
}
