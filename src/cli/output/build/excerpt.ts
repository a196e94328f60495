/**
 * Lines of a Dockerfile with the one that it is about marked, as BuildKit prints them:
 *   Dockerfile:2
 *   --------------------
 *      1 |     FROM debian
 *      2 | >>> RUN false
 *   --------------------
 */
import type { SourceExcerpt } from '../../../api/types/build.ts'
import type { Style } from '../style.ts'
import { cleanLine } from './text.ts'

const RULE = '--------------------'

/** `caret`: points at the columns, for what is wrong within a line. Ends with a line feed. */
export function formatExcerpt({ file, range, firstLine, lines }: SourceExcerpt, style: Style, caret = false): string {
  const rows = lines.flatMap((text, index) => {
    const number = firstLine + index
    const isMarked = number >= range.line && number <= range.endLine
    const row = `${String(number).padStart(4)} | ${isMarked ? '>>>' : '   '} ${cleanLine(text)}`.trimEnd()
    return [isMarked ? style.bold(row) : row, ...(caret && number === range.line ? [caretBelow(text, range)] : [])]
  })
  return `${[`${cleanLine(file)}:${range.line}`, RULE, ...rows, RULE].join('\n')}\n`
}

/** Tabs are four columns wide, as in the line above. */
function caretBelow(text: string, { line, column, endLine, endColumn }: SourceExcerpt['range']): string {
  const width = (part: string): number => cleanLine(part).length
  const before = width(text.slice(0, column - 1))
  const last = endLine > line ? text.length + 1 : endColumn
  return `     |     ${' '.repeat(before)}${'^'.repeat(Math.max(1, width(text.slice(column - 1, last - 1))))}`
}
