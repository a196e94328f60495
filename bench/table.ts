/** The results as a Markdown table, numbers in three digits. */

export interface Row {
  readonly name: string
  readonly unit: string
  /** Contender -> value; a text says why there is none. */
  readonly values: Readonly<Record<string, number | string>>
}

function formatNumber(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}

function cell(value: number | string | undefined): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : formatNumber(value)
}

function ratio(value: number | string | undefined, base: number | string | undefined): string {
  return typeof value === 'number' && typeof base === 'number' ? (value / base).toFixed(2) : ''
}

/** Columns: scenario, unit, each contender, and mycompose beside the floor and the peer as ratios. */
export function formatTable(
  rows: readonly Row[],
  { own, peer, floor }: { own: string; peer: string; floor: string },
): string {
  const header = ['scenario', 'unit', own, peer, `of ${peer}`, floor, `of the ${floor}`]
  const body = rows.map(({ name, unit, values }) => [
    name,
    unit,
    cell(values[own]),
    cell(values[peer]),
    ratio(values[own], values[peer]),
    cell(values[floor]),
    ratio(values[own], values[floor]),
  ])
  const widths = header.map((title, column) => Math.max(title.length, ...body.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, column) => (column < 2 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column < 2 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(header), rule, ...body.map(line)].join('\n')
}
