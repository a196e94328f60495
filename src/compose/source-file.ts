/**
 * A text that was read (Compose file, env file) and positions in it: an offset becomes line and column only when a
 * problem is reported, so that positions cost nothing on the good path.
 */
import type { ConfigProblem, SourceLocation } from '../errors.ts'

export interface SourceFile {
  /** As shown to the user: absolute, or "-" for standard input. */
  readonly path: string
  readonly text: string
}

/** A place in a source; `offset` counts UTF-16 units from 0. */
export interface Origin {
  readonly source: SourceFile
  readonly offset: number
}

/** What a phase says about a place; the collector adds location and source line. */
export interface ProblemText {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
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

export function lineTextAt({ source, offset }: Origin): string {
  const start = offset === 0 ? 0 : source.text.lastIndexOf('\n', offset - 1) + 1
  const end = source.text.indexOf('\n', start)
  return source.text.slice(start, end === -1 ? undefined : end).replace(/\r$/, '')
}

export function problemAt(origin: Origin | undefined, text: ProblemText): ConfigProblem {
  if (origin === undefined) return text
  return { ...text, location: locationOf(origin), sourceLine: lineTextAt(origin) }
}
