/**
 * Tables as the docker CLI prints them: columns at least 10 wide, three blanks between, nothing after the last.
 * Source: Go text/tabwriter with minwidth 10, padding 3.
 */
import { stripControls } from './controls.ts'

const MIN_WIDTH = 10
const PADDING = 3

/** Rows under their headers; ends with a line feed. */
export function formatTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headers, ...rows.map((row) => row.map((cell) => stripControls(cell).replaceAll('\n', ' ')))]
  const widths = headers.map((_, column) =>
    Math.max(MIN_WIDTH, ...cells.map((row) => displayWidth(row[column] ?? '') + PADDING)),
  )
  return cells.map((row) => `${formatRow(row, widths)}\n`).join('')
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  const padded = row.map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(cell))))
  return padded.join('').trimEnd()
}

/** Characters, not UTF-16 units. */
function displayWidth(text: string): number {
  return Array.from(text).length
}

/** At most `width` characters, the last an ellipsis when something was cut. */
export function truncate(text: string, width: number): string {
  const characters = Array.from(text)
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}
