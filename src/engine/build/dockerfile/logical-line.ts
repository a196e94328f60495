/**
 * An instruction's lines joined into one, and the way back from an offset in it to line and column of the file.
 */
import type { SourceRange } from '../../../api/types/build.ts'
import { isSpace } from './characters.ts'

/** Where the text from `offset` on stands in the file; 1-based. */
interface Piece {
  readonly offset: number
  readonly line: number
  readonly column: number
}

export interface LogicalLine {
  readonly text: string
  /** At least one, in their order. */
  readonly pieces: readonly Piece[]
}

/** A part of a logical line. `text` may differ from what stands there (flags lose their quotes). */
export interface Span {
  readonly text: string
  readonly start: number
  readonly end: number
}

export function spanOf(line: LogicalLine, start: number, end: number): Span {
  return { text: line.text.slice(start, end), start, end }
}

/** The span without white space at its ends. */
export function trimSpan(line: LogicalLine, start: number, end: number): Span {
  let from = start
  let to = end
  while (from < to && isSpace(line.text[from])) from += 1
  while (to > from && isSpace(line.text[to - 1])) to -= 1
  return spanOf(line, from, to)
}

/** An empty span is one column wide, so that there is something to point at. */
export function rangeOf(line: LogicalLine, span: { readonly start: number; readonly end: number }): SourceRange {
  const from = locate(line, span.start)
  const to = locate(line, Math.max(span.start, span.end - 1))
  return { line: from.line, column: from.column, endLine: to.line, endColumn: to.column + 1 }
}

function locate(line: LogicalLine, offset: number): { readonly line: number; readonly column: number } {
  let low = 0
  let high = line.pieces.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((line.pieces[middle]?.offset ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  const piece = line.pieces[low]
  if (piece === undefined) return { line: 1, column: 1 }
  return { line: piece.line, column: piece.column + offset - piece.offset }
}
