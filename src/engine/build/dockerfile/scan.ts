/**
 * Text to instructions, each one line with its heredocs: the first phase. Lines that end in the escape go on in the next;
 * comments between them vanish, empty lines between them are passed over and noted.
 * Source: Dockerfile reference, "Format" and "escape"; what a line keeps of its white space is BuildKit's.
 */
import type { SourceRange } from '../../../api/types/build.ts'
import type { Dockerfile, Heredoc } from './ast.ts'
import { skipSpace, trimSpace } from './characters.ts'
import { DockerfileError, type SourceText } from './errors.ts'
import { type HeredocStart, dropTabs, heredocStarts } from './heredoc.ts'
import { type LogicalLine, rangeOf } from './logical-line.ts'
import { type SplitLine, splitLine } from './split.ts'

export interface RawInstruction {
  readonly split: SplitLine
  /** From the keyword to the end of the last line, heredocs and all. */
  readonly range: SourceRange
  readonly comments: readonly string[]
  readonly heredocs: readonly Heredoc[]
}

export interface Scanned {
  readonly instructions: readonly RawInstruction[]
  readonly notes: Dockerfile['notes']
}

/** A text with its physical lines. */
export interface ScannedText extends SourceText {
  /** How each line ends: "\n", "\r\n", "". */
  readonly lineEnds: readonly string[]
}

/** A byte order mark at the beginning is dropped. */
export function toScannedText(text: string, file: string): ScannedText {
  const lines: string[] = []
  const lineEnds: string[] = []
  for (const raw of text.replace(/^\ufeff/, '').split('\n')) {
    const line = withoutReturns(raw)
    lines.push(line)
    lineEnds.push(`${raw.slice(line.length)}\n`)
  }
  // What stands behind the last "\n" is a line only if something stands there.
  const last = lines.pop() ?? ''
  const lastEnd = lineEnds.pop()?.slice(0, -1) ?? ''
  if (last !== '' || lastEnd !== '') {
    lines.push(last)
    lineEnds.push(lastEnd)
  }
  return { file, lines, lineEnds }
}

function withoutReturns(line: string): string {
  let end = line.length
  while (end > 0 && line[end - 1] === '\r') end -= 1
  return line.slice(0, end)
}

/** Throws DOCKERFILE_SYNTAX for a heredoc without end. Directives count as comments here: `firstLine` (0-based) is behind them. */
export function scan(source: ScannedText, firstLine: number, escape: string): Scanned {
  const instructions: RawInstruction[] = []
  const notes: Dockerfile['notes'][number][] = []
  let comments: string[] = []
  let at = firstLine
  while (at < source.lines.length) {
    const line = source.lines[at] ?? ''
    if (isComment(line)) {
      const comment = trimSpace(line.slice(skipSpace(line, 0) + 1))
      if (comment === '') comments = []
      else comments.push(comment)
      at += 1
    } else if (skipSpace(line, 0) === line.length) {
      at += 1
    } else {
      const joined = joinLines(source, at, escape)
      const split = splitLine(joined.line, 0, escape)
      if (joined.hasEmptyLine) notes.push(emptyContinuation(source, joined.next))
      const { heredocs, next } = readHeredocs(source, split, joined.next, escape)
      const range = { ...rangeOf(joined.line, split.keyword), ...endOf(source, next) }
      instructions.push({ split, range, comments, heredocs })
      comments = []
      at = next
    }
  }
  return { instructions, notes }
}

function isComment(line: string): boolean {
  return line[skipSpace(line, 0)] === '#'
}

/** Of the line before `next` (0-based). */
function endOf(source: SourceText, next: number): Pick<SourceRange, 'endLine' | 'endColumn'> {
  return { endLine: next, endColumn: Math.max(2, (source.lines[next - 1]?.length ?? 0) + 1) }
}

interface JoinedLines {
  readonly line: LogicalLine
  /** 0-based, behind the last line. */
  readonly next: number
  readonly hasEmptyLine: boolean
}

/** Only the first line loses its indentation. */
function joinLines(source: SourceText, first: number, escape: string): JoinedLines {
  const firstLine = source.lines[first] ?? ''
  const indent = skipSpace(firstLine, 0)
  const pieces = [{ offset: 0, line: first + 1, column: indent + 1 }]
  let { text, continues } = cutContinuation(firstLine.slice(indent), escape)
  let hasEmptyLine = false
  let next = first + 1
  for (; continues && next < source.lines.length; next += 1) {
    const line = source.lines[next] ?? ''
    if (isComment(line)) continue
    if (skipSpace(line, 0) === line.length) {
      hasEmptyLine = true
      continue
    }
    const cut = cutContinuation(line, escape)
    pieces.push({ offset: text.length, line: next + 1, column: 1 })
    text += cut.text
    continues = cut.continues
  }
  return { line: { text, pieces }, next, hasEmptyLine }
}

/** A line goes on when its last character but blanks is one escape; two are an escaped one. */
function cutContinuation(line: string, escape: string): { readonly text: string; readonly continues: boolean } {
  let end = line.length
  while (line[end - 1] === ' ' || line[end - 1] === '\t') end -= 1
  if (line[end - 1] !== escape || line[end - 2] === escape) return { text: line, continues: false }
  return { text: line.slice(0, end - 1), continues: true }
}

function emptyContinuation(source: SourceText, next: number): Dockerfile['notes'][number] {
  const line = source.lines[next - 1] ?? ''
  const column = skipSpace(line, 0) + 1
  return {
    rule: 'NoEmptyContinuation',
    message: 'Empty continuation line',
    range: { line: next, column: Math.min(column, line.length + 1), ...endOf(source, next) },
  }
}

function readHeredocs(
  source: ScannedText,
  split: SplitLine,
  firstLine: number,
  escape: string,
): { readonly heredocs: readonly Heredoc[]; readonly next: number } {
  const heredocs: Heredoc[] = []
  let next = firstLine
  for (const start of heredocStarts(split, escape)) {
    const end = findEnd(source, next, start)
    if (end === undefined) {
      const range = { ...rangeOf(split.line, split.keyword), ...endOf(source, firstLine) }
      const hint = `add a line that is "${start.name}" and nothing else`
      throw new DockerfileError('DOCKERFILE_SYNTAX', `unterminated heredoc "${start.name}"`, { source, range }, hint)
    }
    const raw = source.lines
      .slice(next, end)
      .map((line, index) => line + (source.lineEnds[next + index] ?? ''))
      .join('')
    const content = start.dropsTabs ? dropTabs(raw) : raw
    const range = { line: next + 1, column: 1, ...endOf(source, end + 1) }
    heredocs.push({ name: start.name, content, raw, expands: start.expands, range })
    next = end + 1
  }
  return { heredocs, next }
}

function findEnd(source: SourceText, from: number, start: HeredocStart): number | undefined {
  for (let at = from; at < source.lines.length; at += 1) {
    const line = source.lines[at] ?? ''
    if ((start.dropsTabs ? line.replace(/^\t+/, '') : line) === start.name) return at
  }
  return undefined
}
