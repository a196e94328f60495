/**
 * Problems as text for a terminal or a log: place, message, the line with a caret, the hint. No colour.
 */
import type { ConfigProblem } from '../errors.ts'

const MAX_LINE_LENGTH = 120

/** One block per problem, in the given order; ends with a line feed unless there is none. */
export function formatProblems(problems: readonly ConfigProblem[]): string {
  return problems.map(formatProblem).join('')
}

function formatProblem({ message, location, sourceLine, hint, chain = [] }: ConfigProblem): string {
  const place = location === undefined ? '' : `${location.file}:${location.line}:${location.column}: `
  const lines = [`${place}${printable(message)}`]
  if (location !== undefined && sourceLine !== undefined) lines.push(...excerpt(sourceLine, location))
  for (const step of chain.toReversed()) lines.push(`  ${printable(step)}`)
  if (hint !== undefined) lines.push(`  hint: ${printable(hint)}`)
  return `${lines.join('\n')}\n`
}

/** The line and a caret under the column; of a long line the part around it. */
function excerpt(line: string, { line: number, column }: { readonly line: number; readonly column: number }): string[] {
  const from = column > MAX_LINE_LENGTH ? column - MAX_LINE_LENGTH / 2 : 0
  const shown = printable(line.slice(from, from + MAX_LINE_LENGTH))
  const gutter = `${number} | `
  return [`  ${gutter}${shown}`, `  ${' '.repeat(String(number).length)} | ${' '.repeat(column - 1 - from)}^`]
}

/** Control characters could drive the terminal; a tab would move the caret. */
function printable(text: string): string {
  return text.replaceAll('\t', ' ').replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '?')
}
