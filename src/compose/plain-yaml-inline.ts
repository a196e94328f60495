/**
 * The values of plain-yaml.ts that stand on one line: plain and quoted texts, "[a, b]", "{ a: b }". Gives up where
 * YAML's rules go beyond that. Source: YAML 1.2.2, chapter 7.
 */
import { entryAt, mapNode, scalarNode, seqNode, type Entry, type Node } from './node.ts'
import type { Origin, SourceFile } from './source-file.ts'
import { isOtherType, resolvePlain } from './yaml-scalar.ts'

/** Thrown to give up; no Error, so that it costs no stack trace. */
export const NOT_PLAIN: unique symbol = Symbol('needs the whole of YAML')

export function giveUp(): never {
  // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error -- caught by parsePlainYaml, never seen outside
  throw NOT_PLAIN
}

const KEY_WORD = /^[A-Za-z\d_][\w./-]*$/

/** A key without quotes that is a text, or `<<`. */
export function isKeyWord(word: string): boolean {
  return word === '<<' || (KEY_WORD.test(word) && word !== '__proto__' && !isOtherType(word))
}

/** What the reader of blocks lends. */
export interface Reader {
  readonly source: SourceFile
  /** Finished ones, with how many values they are written out. */
  readonly anchors: Map<string, Anchored>
  /** Written so far, aliases written out. */
  nodes: number
  /** Those of `nodes` that aliases repeat. */
  repeated: number
  depth: number
}

interface Anchored {
  readonly node: Node
  readonly size: number
}

/** Values that aliases repeat, beside as many as are written; any-yaml.ts reports a document that has more. */
const MAX_REPEATED = 100_000

function aliased(reader: Reader, name: string): Node {
  const { node, size } = reader.anchors.get(name) ?? giveUp()
  reader.nodes += size
  reader.repeated += size
  return 2 * reader.repeated > MAX_REPEATED + reader.nodes ? giveUp() : node
}

interface Inline {
  readonly text: string
  readonly origin: Origin
  readonly reader: Reader
  at: number
  depth: number
}

/** A word without blanks, of which no reader could think anything else. */
const SIMPLE = /^[a-zA-Z/$_.][\w./${}=@+,~-]*(?::[\w./${}=@+,~-]+)*$/

/** The value that `text` consists of, but for a comment behind it. `text` is not empty. */
export function readInline(text: string, origin: Origin, reader: Reader): Node {
  if (text.length < 200 && SIMPLE.test(text)) {
    reader.nodes += 1
    return scalarNode(resolvePlain(text), origin)
  }
  const first = text.charAt(0)
  const last = text.length - 1
  if ((first === '"' || first === "'") && text.indexOf(first, 1) === last && !text.includes('\\')) {
    reader.nodes += 1
    return scalarNode(text.slice(1, last), origin)
  }
  if (first === '*') return aliased(reader, /^\*([\w-]+)(?: +#.*)?$/.exec(text)?.[1] ?? giveUp())
  if (/^[[{"']/.test(text)) {
    const inline: Inline = { text, origin, reader, at: 0, depth: 0 }
    const node = readItem(inline)
    return inline.at === text.length || /^( +#.*)?$/.test(text.slice(inline.at)) ? node : giveUp()
  }
  const comment = text.search(/ +#/)
  const plain = comment === -1 ? text : text.slice(0, comment)
  return isPlainText(plain) ? counted(reader, scalarNode(resolvePlain(plain), origin)) : giveUp()
}

function counted<T extends Node>(reader: Reader, node: T): T {
  reader.nodes += 1
  return node
}

/** No indicator at the start, nothing inside that looks like a key. */
function isPlainText(text: string): boolean {
  return /^(?:[^\s[\]{},#&*!|>'"%@`?:-]|[-:?](?=[^\s[\]{},]))/.test(text) && !/:( |$)/.test(text)
}

function place({ origin }: Inline, at: number): Origin {
  return { source: origin.source, offset: origin.offset + at }
}

function skipBlanks(inline: Inline): void {
  while (inline.text[inline.at] === ' ') inline.at += 1
}

/** A list, mapping or text inside brackets. */
function readItem(inline: Inline): Node {
  const start = inline.at
  switch (inline.text.charAt(start)) {
    case '[':
      return readList(inline)
    case '{':
      return readMap(inline)
    case '"':
    case "'": {
      const value = readQuoted(inline)
      // A key without a mapping around it.
      return inline.text[inline.at] === ':' ? giveUp() : counted(inline.reader, scalarNode(value, place(inline, start)))
    }
    default: {
      const word = /^[^,[\]{}]*/.exec(inline.text.slice(start))?.[0] ?? ''
      const plain = word.replace(/ +$/, '')
      const alias = /^\*([\w-]+)$/.exec(plain)
      if (alias !== null) {
        inline.at += word.length
        return aliased(inline.reader, alias[1] ?? '')
      }
      if (!isPlainText(plain) || plain.includes(' #')) giveUp()
      inline.at += word.length
      return counted(inline.reader, scalarNode(resolvePlain(plain), place(inline, start)))
    }
  }
}

/** Calls `item` for every part between commas up to the bracket that closes. */
function readParts(inline: Inline, end: string, item: () => void): void {
  if (++inline.depth > 16) giveUp()
  inline.at += 1
  skipBlanks(inline)
  while (inline.text[inline.at] !== end) {
    item()
    skipBlanks(inline)
    if (inline.text[inline.at] === ',') inline.at += 1
    else if (inline.text[inline.at] !== end) giveUp()
    skipBlanks(inline)
  }
  inline.at += 1
  inline.depth -= 1
}

function readList(inline: Inline): Node {
  const start = inline.at
  const items: Node[] = []
  readParts(inline, ']', () => items.push(readItem(inline)))
  return counted(inline.reader, seqNode(items, place(inline, start)))
}

/** Keys of `<<` fill what the mapping does not say itself; of a list, earlier mappings win. */
export function mergeInto(entries: Map<string, Entry>, merged: Node): void {
  for (const map of merged.kind === 'seq' ? merged.items : [merged]) {
    if (map.kind !== 'map') giveUp()
    for (const [key, entry] of map.entries) if (!entries.has(key)) entries.set(key, entry)
  }
}

const INLINE_KEY = /^(<<|[A-Za-z\d_][\w./-]*):(?= |[,}])/

function readMap(inline: Inline): Node {
  const start = inline.at
  const entries = new Map<string, Entry>()
  const merged: Node[] = []
  readParts(inline, '}', () => {
    const key = place(inline, inline.at)
    const name = INLINE_KEY.exec(inline.text.slice(inline.at))?.[1] ?? giveUp()
    if (entries.has(name) || name === '__proto__' || isOtherType(name)) giveUp()
    inline.at += name.length + 1
    skipBlanks(inline)
    const isEmpty = /[,}]/.test(inline.text[inline.at] ?? '')
    const value = isEmpty ? counted(inline.reader, scalarNode(null, key)) : readItem(inline)
    if (name === '<<') merged.push(value)
    else entries.set(name, entryAt(key, value))
  })
  for (const node of merged) mergeInto(entries, node)
  return counted(inline.reader, mapNode(entries, place(inline, start)))
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', n: '\n', t: '\t' }

/** Moves behind the closing quote. No pattern over the whole text: a long one would exhaust its stack. */
function readQuoted(inline: Inline): string {
  const { text } = inline
  const quote = text.charAt(inline.at)
  const start = inline.at + 1
  for (let end = start; ;) {
    end = text.indexOf(quote, end)
    if (end === -1) giveUp()
    if (quote === '"' && isEscaped(text, start, end)) end += 1
    else if (quote === "'" && text[end + 1] === quote) end += 2
    else {
      inline.at = end + 1
      const body = text.slice(start, end)
      if (quote === "'") return body.replaceAll("''", "'")
      return body.replaceAll(/\\(.)/g, (_, code: string) => ESCAPES[code] ?? giveUp())
    }
  }
}

/** An odd number of backslashes stands before the character at `at`. */
function isEscaped(text: string, start: number, at: number): boolean {
  let first = at
  while (first > start && text[first - 1] === '\\') first -= 1
  return (at - first) % 2 === 1
}
