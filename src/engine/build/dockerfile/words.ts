/**
 * The ways in which instructions read their arguments: words between blanks, words with quotes (`A="b c"`), and JSON lists.
 */
import { isBlank, isSpace, skipSpace } from './characters.ts'
import { type LogicalLine, type Span, spanOf } from './logical-line.ts'

/** Words between runs of blanks; quotes mean nothing. */
export function blankWords(line: LogicalLine, rest: Span): readonly Span[] {
  const words: Span[] = []
  let at = rest.start
  while (at < rest.end) {
    const start = at
    while (at < rest.end && !isBlank(line.text[at])) at += 1
    words.push(spanOf(line, start, at))
    while (at < rest.end && isBlank(line.text[at])) at += 1
  }
  return words
}

/** Words between white space that is neither quoted nor escaped; quotes and escapes stay for the expansion. */
export function quotedWords(line: LogicalLine, rest: Span, escape: string): readonly Span[] {
  const words: Span[] = []
  let at = skipSpace(line.text, rest.start)
  while (at < rest.end) {
    const word = readQuotedWord(line, at, rest.end, escape)
    words.push(word)
    at = skipSpace(line.text, word.end)
  }
  return words
}

/** An escape at the very end of the line is dropped. Nothing can be escaped between single quotes. */
function readQuotedWord(line: LogicalLine, start: number, end: number, escape: string): Span {
  let quote: string | undefined
  let at = start
  for (; at < end; at += 1) {
    const character = line.text[at]
    if (quote === undefined && isSpace(character)) break
    if (character === escape && quote !== "'") {
      if (at + 1 === end) return { text: line.text.slice(start, at), start, end }
      at += 1
    } else if (character === quote) quote = undefined
    else if (quote === undefined && (character === '"' || character === "'")) quote = character
  }
  return spanOf(line, start, Math.min(at, end))
}

export type JsonList =
  | { readonly kind: 'list'; readonly items: readonly Span[] }
  /** No JSON, or no list: the shell form. */
  | { readonly kind: 'none' }
  /** A list with something in it that is no string. */
  | { readonly kind: 'mixed' }

/** A JSON list of strings. What only looks like one ("[ -f x ]", single quotes) is none. */
export function jsonList(line: LogicalLine, rest: Span): JsonList {
  if (line.text[rest.start] !== '[' || rest.end === rest.start) return { kind: 'none' }
  let value: unknown
  try {
    value = JSON.parse(line.text.slice(rest.start, rest.end))
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: 'none' }
    throw error
  }
  if (!Array.isArray(value)) return { kind: 'none' }
  const strings = value.filter((item) => typeof item === 'string')
  if (strings.length !== value.length) return { kind: 'mixed' }
  return { kind: 'list', items: placed(line, rest, strings) }
}

/** As the list is valid, its tokens are found without reading it as JSON again. */
function placed(line: LogicalLine, rest: Span, strings: readonly string[]): readonly Span[] {
  let at = rest.start + 1
  return strings.map((text) => {
    const start = line.text.indexOf('"', at)
    at = start + 1
    while (line.text[at] !== '"') at += line.text[at] === '\\' ? 2 : 1
    at += 1
    return { text: text.toWellFormed(), start, end: at }
  })
}
