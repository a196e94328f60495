/**
 * One instruction's line taken apart: keyword, flags, and the rest that each instruction reads in its own way.
 */
import { isBlank, isSpace } from './characters.ts'
import { type LogicalLine, type Span, spanOf, trimSpan } from './logical-line.ts'

/** `--name=value`: quotes and escapes are taken off already. */
export interface RawFlag {
  readonly name: string
  /** Undefined: there was no "=". */
  readonly value: Span | undefined
  readonly span: Span
}

export interface SplitLine {
  readonly line: LogicalLine
  readonly keyword: Span
  readonly flags: readonly RawFlag[]
  /** Without white space at its ends. */
  readonly rest: Span
}

/** The instruction in `line` from `start` on (ONBUILD holds another one). */
export function splitLine(line: LogicalLine, start: number, escape: string): SplitLine {
  const whole = trimSpan(line, start, line.text.length)
  let at = whole.start
  while (at < whole.end && !isBlank(line.text[at])) at += 1
  const keyword = spanOf(line, whole.start, at)
  while (at < whole.end && isBlank(line.text[at])) at += 1
  const flags: RawFlag[] = []
  const restStart = readFlags(line, { start: at, end: whole.end }, escape, flags)
  return { line, keyword, flags, rest: trimSpan(line, restStart, whole.end) }
}

/** Reads words that begin with "--"; gives the offset of what follows them. A word that is "--" ends them. */
function readFlags(
  line: LogicalLine,
  part: { readonly start: number; readonly end: number },
  escape: string,
  flags: RawFlag[],
): number {
  let at = part.start
  for (;;) {
    while (at < part.end && isSpace(line.text[at])) at += 1
    if (at === part.end || !line.text.startsWith('--', at)) return at
    const word = readFlagWord(line, at, part.end, escape)
    at = word.end
    if (word.text === '--') return at
    flags.push(toFlag(line, word))
  }
}

/** An escape makes the next character plain; quotes join, and are taken off. */
function readFlagWord(line: LogicalLine, start: number, end: number, escape: string): Span {
  let text = ''
  let quote: string | undefined
  let at = start
  for (; at < end; at += 1) {
    const character = line.text[at] ?? ''
    if (quote === undefined && isSpace(character)) break
    if (quote === undefined && (character === '"' || character === "'")) quote = character
    else if (character === quote) quote = undefined
    else if (character === escape) {
      at += 1
      text += at < end ? line.text[at] : ''
    } else text += character
  }
  return { text, start, end: Math.min(at, end) }
}

function toFlag(line: LogicalLine, word: Span): RawFlag {
  const equals = word.text.indexOf('=')
  if (equals === -1) return { name: word.text.slice(2), value: undefined, span: word }
  const text = word.text.slice(equals + 1)
  // With quotes or escapes in it, places in the value are not known: it points at the whole flag.
  const isPlain = line.text.slice(word.start, word.end) === word.text
  const start = isPlain && text !== '' ? word.start + equals + 1 : word.start
  return { name: word.text.slice(2, equals), value: { text, start, end: word.end }, span: word }
}
