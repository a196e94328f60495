/**
 * The YAML that most Compose files are written in: block mappings and lists, plain and quoted texts on one line, lists
 * and mappings in brackets on one line, anchors, aliases, merge keys, comments. Everything else, every doubt and every
 * error is left to any-yaml.ts: this reader answers exactly as that one or not at all (a test compares them). It exists because the `yaml` package takes 35 ms to open
 * and, cold, 100 ms for a hundred services. It steps through the text once, line by line, and leaves the search to the
 * methods of strings: they are quick from the first call on. Source: YAML 1.2.2, chapters 7 and 8.
 */
import { mapNode, scalarNode, seqNode, type Entry, type Node } from './node.ts'
import { giveUp, mergeInto, NOT_PLAIN, readInline, isKeyWord, type Reader } from './plain-yaml-inline.ts'
import type { Origin, SourceFile } from './source-file.ts'

/** The document of a file, or undefined when the file needs the whole of YAML. */
export function parsePlainYaml(source: SourceFile): Node | undefined {
  if (hasOddCharacters(source.text)) return undefined
  const reader: LineReader = {
    source,
    at: 0,
    end: 0,
    next: 0,
    indent: 0,
    valueAt: 0,
    words: new Map(),
    anchors: new Map(),
    nodes: 0,
    depth: 0,
    repeated: 0,
  }
  try {
    nextLine(reader)
    if (reader.indent !== 0) return undefined
    const root = readMapping(reader, 0)
    return isAtEnd(reader) ? root : undefined
  } catch (error) {
    if (error === NOT_PLAIN) return undefined
    throw error
  }
}

const MAX_DEPTH = 64
const NO_LINE = -1

interface LineReader extends Reader {
  /** Offset of the first character of the present line. */
  at: number
  /** Where it ends, comment included, blanks at the end not. */
  end: number
  /** Offset of the line after it. */
  next: number
  /** Column of its first character, from 0; NO_LINE behind the last line. */
  indent: number
  /** Where the value begins, after `readKey` has found a key. */
  valueAt: number
  /** Keys that were checked: most come again and again. */
  readonly words: Map<string, string>
}

/** Tabs, other control characters, line ends of other systems and Unicode, half characters. */
const ODD_CHARACTERS: readonly string[] = [
  [0x00, 0x09],
  [0x0b, 0x0c],
  [0x0e, 0x1f],
  [0x7f, 0x9f],
  [0x2028, 0x202f],
  [0xfeff, 0xfeff],
  [0xfffe, 0xffff],
].flatMap(([first = 0, last = 0]) =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCharCode(first + index)),
)

function hasOddCharacters(text: string): boolean {
  // seventy searches of this kind take less than one pattern
  for (const character of ODD_CHARACTERS) if (text.includes(character)) return true
  return !text.isWellFormed() || (text.includes('\r') && /\r(?!\n)/.test(text))
}

const [CARRIAGE_RETURN, BLANK, QUOTE, COMMENT, PERCENT, AND, APOSTROPHE, DASH, DOT] = [
  13, 32, 34, 35, 37, 38, 39, 45, 46,
]

/** Moves to the next line that is neither blank nor a comment. Directives and further documents are not for here. */
function nextLine(reader: LineReader): void {
  const { text } = reader.source
  let start = reader.next
  while (start < text.length) {
    const newline = text.indexOf('\n', start)
    let end = newline === -1 ? text.length : newline
    const next = end + 1
    let at = start
    while (text.charCodeAt(at) === BLANK) at += 1
    const first = text.charCodeAt(at)
    while (end > at && isBlank(text.charCodeAt(end - 1))) end -= 1
    if (at < end && first !== COMMENT) {
      const isMarker = first === PERCENT || text.startsWith('---', at) || text.startsWith('...', at)
      if (at === start && (first === PERCENT || first === DASH || first === DOT) && isMarker) giveUp()
      reader.at = at
      reader.end = end
      reader.next = next
      reader.indent = at - start
      return
    }
    start = next
  }
  reader.indent = NO_LINE
}

function isAtEnd({ indent }: LineReader): boolean {
  return indent === NO_LINE
}

function isBlank(code: number): boolean {
  return code === BLANK || code === CARRIAGE_RETURN
}

function originOf({ source }: LineReader, offset: number): Origin {
  return { source, offset }
}

/** A key in quotes has no escapes. */
const QUOTED_KEY = /^(?:"([^"\\]*)"|'([^']*)'):(?: +|$)/

/** The key that the present line has at `start`; undefined when there is none. */
function readKey(reader: LineReader, start: number): string | undefined {
  const { source, end, words } = reader
  const line = source.text.slice(start, end)
  const first = line.charCodeAt(0)
  if (first === QUOTE || first === APOSTROPHE) {
    const quoted = QUOTED_KEY.exec(line)
    if (quoted === null) return undefined
    const name = quoted[1] ?? quoted[2] ?? ''
    reader.valueAt = start + quoted[0].length
    return name === '<<' || name === '__proto__' ? giveUp() : name
  }
  const colon = line.indexOf(':')
  if (colon === -1) return undefined
  let at = colon + 1
  if (at < line.length && line.charCodeAt(at) !== BLANK) return undefined
  const word = line.slice(0, colon)
  let name = words.get(word)
  if (name === undefined) {
    if (!isKeyWord(word)) return undefined
    words.set(word, word)
    name = word
  }
  while (line.charCodeAt(at) === BLANK) at += 1
  reader.valueAt = start + at
  return name
}

function readMapping(reader: LineReader, indent: number): Node {
  const entries = new Map<string, Entry>()
  let merged: Node[] | undefined
  const first = reader.at
  if (++reader.depth > MAX_DEPTH) giveUp()
  while (reader.indent === indent) {
    const key = reader.at
    const name = readKey(reader, key) ?? giveUp()
    if (entries.has(name)) giveUp()
    const value = readValue(reader, indent, false, key)
    if (name === '<<') (merged ??= []).push(value)
    else entries.set(name, { source: reader.source, offset: key, value })
  }
  if (merged !== undefined) for (const node of merged) mergeInto(entries, node)
  reader.depth -= 1
  // A line further right than the block that ended belongs to nothing known here.
  if (reader.indent > indent) giveUp()
  reader.nodes += 1
  return mapNode(entries, originOf(reader, first))
}

function readSequence(reader: LineReader, indent: number): Node {
  const items: Node[] = []
  const { text } = reader.source
  const first = reader.at
  if (++reader.depth > MAX_DEPTH) giveUp()
  while (reader.indent === indent && isItem(reader)) {
    const { at, end } = reader
    let start = at + 1
    while (start < end && text.charCodeAt(start) === BLANK) start += 1
    const firstOfItem = text.charCodeAt(start)
    if (firstOfItem === DASH && start < end && (start + 1 === end || text.charCodeAt(start + 1) === BLANK)) giveUp()
    if (start < end && readKey(reader, start) !== undefined) {
      // A mapping that begins behind the dash: its other keys stand below its first one.
      reader.indent = indent + start - at
      reader.at = start
      items.push(readMapping(reader, reader.indent))
    } else {
      reader.valueAt = start
      items.push(readValue(reader, indent, true, at + 1))
    }
  }
  reader.depth -= 1
  reader.nodes += 1
  return seqNode(items, originOf(reader, first))
}

/** Whether the present line begins with a dash. */
function isItem({ source: { text }, at, end }: LineReader): boolean {
  return text.charCodeAt(at) === DASH && (at + 1 === end || text.charCodeAt(at + 1) === BLANK)
}

/** What stands behind "key:" or "-". `key` is where the value of a key that has none is shown. */
function readValue(reader: LineReader, indent: number, isOfItem: boolean, key: number): Node {
  const { valueAt, end, source } = reader
  const first = valueAt < end ? source.text.charCodeAt(valueAt) : COMMENT
  if (first === AND) return readAnchored(reader, indent, isOfItem, key)
  nextLine(reader)
  if (first === COMMENT) return readBelow(reader, indent, isOfItem, key)
  // A text that goes on in the next line.
  if (reader.indent > indent) giveUp()
  return readInline(source.text.slice(valueAt, end), originOf(reader, valueAt), reader)
}

/** "&name" before a value, or before the block below. */
function readAnchored(reader: LineReader, indent: number, isOfItem: boolean, key: number): Node {
  const text = reader.source.text.slice(reader.valueAt, reader.end)
  const [{ length }, name = ''] = /^&([\w-]+)(?: +|$)/.exec(text) ?? giveUp()
  // Its alias may stand inside itself: not here.
  if (reader.anchors.has(name) || text.startsWith('*', length) || text.startsWith('&', length)) giveUp()
  const before = reader.nodes
  reader.valueAt += length
  const node = readValue(reader, indent, isOfItem, key)
  // An anchor of nothing has a place of its own.
  if (node.offset === key) giveUp()
  reader.anchors.set(name, { node, size: reader.nodes - before })
  return node
}

function readBelow(reader: LineReader, indent: number, isOfItem: boolean, key: number): Node {
  if (reader.indent > indent) {
    return isItem(reader) ? readSequence(reader, reader.indent) : readMapping(reader, reader.indent)
  }
  // The list of a key may stand as far left as the key.
  if (reader.indent === indent && !isOfItem && isItem(reader)) return readSequence(reader, indent)
  reader.nodes += 1
  return isOfItem ? giveUp() : scalarNode(null, originOf(reader, key))
}
