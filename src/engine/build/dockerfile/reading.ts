/**
 * What the readers of single instructions share: the instruction that is read, words with their places, errors.
 */
import type { CommandForm, FromInstruction, Heredoc, StageInstruction, Word } from './ast.ts'
import { DockerfileError, type DockerfileErrorCode, type SourceText } from './errors.ts'
import { type Span, rangeOf } from './logical-line.ts'
import type { SplitLine } from './split.ts'
import { type JsonList, jsonList } from './words.ts'
import type { SourceRange } from '../../../api/types/build.ts'

export interface Reading {
  readonly source: SourceText
  readonly split: SplitLine
  /** The whole instruction. */
  readonly range: SourceRange
  readonly heredocs: readonly Heredoc[]
  readonly comments: readonly string[]
  readonly escape: '\\' | '`'
}

export type Instruction = FromInstruction | StageInstruction

/** What every instruction has. */
export type Shared = Pick<FromInstruction, 'range' | 'keyword' | 'text' | 'comments' | 'heredocs'>

/** What the reader of one instruction gives; each member of a union by itself. */
export type Parts<T> = T extends unknown ? Omit<T, keyof Shared> : never

export function wordOf(reading: Reading, span: Span): Word {
  return { text: span.text, range: rangeOf(reading.split.line, span) }
}

/** "COPY" */
export function nameOf(reading: Reading): string {
  return reading.split.keyword.text.toUpperCase()
}

/** Points at `span`, or at the keyword when there is none. */
export function fail(
  reading: Reading,
  message: string,
  { span, code = 'DOCKERFILE_SYNTAX', hint }: { span?: Span; code?: DockerfileErrorCode; hint?: string } = {},
): DockerfileError {
  const range = rangeOf(reading.split.line, span ?? reading.split.keyword)
  return new DockerfileError(code, message, { source: reading.source, range }, hint)
}

/** Throws DOCKERFILE_SYNTAX for a list that holds something that is no string. */
export function readJsonList(reading: Reading): Exclude<JsonList, { kind: 'mixed' }> {
  const list = jsonList(reading.split.line, reading.split.rest)
  if (list.kind !== 'mixed') return list
  const message = 'when using JSON array syntax, arrays must be comprised of strings only'
  throw fail(reading, message, { span: reading.split.rest })
}

/** Exec form if it is a JSON list, else shell form; the text may be empty. */
export function readCommand(reading: Reading): CommandForm {
  const list = readJsonList(reading)
  const range = rangeOf(reading.split.line, reading.split.rest)
  if (list.kind === 'list') return { kind: 'exec', argv: list.items.map(({ text }) => text), range }
  return { kind: 'shell', text: reading.split.rest.text, range }
}

export function requireArgument(reading: Reading): void {
  if (reading.split.rest.text === '') throw fail(reading, `${nameOf(reading)} requires at least one argument`)
}
