/**
 * A text that was read (Compose file, env file) and positions in it: an offset becomes line and column only when a
 * problem is reported, so that positions cost nothing on the good path.
 */
import type { ConfigProblem, SourceLocation } from '../errors.ts'
import type { ProblemCode } from './problem-codes.ts'

export interface SourceFile {
  /** As shown to the user: absolute, or "-" for standard input. */
  readonly path: string
  readonly text: string
}

/** Strips a byte order mark; line ends are the parser's matter. */
export function sourceFile(path: string, text: string): SourceFile {
  return { path, text: text.startsWith('\uFEFF') ? text.slice(1) : text }
}

/** A place in a source; `offset` counts UTF-16 units from 0. */
export interface Origin {
  readonly source: SourceFile
  readonly offset: number
}

/** What a phase says about a place; the collector adds location and source line. */
export interface ProblemText {
  readonly code: ProblemCode
  readonly message: string
  readonly hint?: string | undefined
  /** The same at other places is not told again. */
  readonly once?: true
  readonly path?: readonly string[]
  readonly chain?: readonly string[]
}

export function locationOf({ source, offset }: Origin): SourceLocation {
  const before = source.text.lastIndexOf('\n', offset - 1)
  const lineStart = offset === 0 ? 0 : before + 1
  let line = 1
  for (let at = source.text.indexOf('\n'); at !== -1 && at < lineStart; at = source.text.indexOf('\n', at + 1))
    line += 1
  return { file: source.path, line, column: offset - lineStart + 1 }
}

/** `locationOf` for many places: it remembers where the lines of a text begin. */
export function createLocator(): (origin: Origin) => SourceLocation {
  const starts = new Map<SourceFile, readonly number[]>()
  return ({ source, offset }) => {
    const lines = starts.get(source) ?? lineStarts(source.text)
    starts.set(source, lines)
    let [first, last] = [0, lines.length - 1]
    while (first < last) {
      const middle = (first + last + 1) >> 1
      if ((lines[middle] ?? 0) <= offset) first = middle
      else last = middle - 1
    }
    return { file: source.path, line: first + 1, column: offset - (lines[first] ?? 0) + 1 }
  }
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

export function lineTextAt({ source, offset }: Origin): string {
  const start = offset === 0 ? 0 : source.text.lastIndexOf('\n', offset - 1) + 1
  const end = source.text.indexOf('\n', start)
  return source.text.slice(start, end === -1 ? undefined : end).replace(/\r$/, '')
}

/** Of a phase, or of who uses the project: the code may be another's. */
export function problemAt(
  origin: Origin | undefined,
  text: Omit<ProblemText, 'code'> & { readonly code: string },
  locate: (origin: Origin) => SourceLocation,
): ConfigProblem {
  if (origin === undefined) return text
  return { ...text, location: locate(origin), sourceLine: lineTextAt(origin) }
}
