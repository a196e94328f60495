/**
 * Comma-separated fields of `--mount=` and `--device=`: a field may be quoted as a whole, `""` in it is a quote (RFC 4180).
 */

export interface CsvField {
  readonly text: string
  /** Offsets in the value. */
  readonly start: number
  readonly end: number
}

/** Undefined: a quote within a field that is not quoted, or one that does not end. */
export function csvFields(value: string): readonly CsvField[] | undefined {
  const fields: CsvField[] = []
  let at = 0
  for (;;) {
    const field = value[at] === '"' ? quotedField(value, at) : bareField(value, at)
    if (field === undefined) return undefined
    fields.push(field)
    if (field.end === value.length) return fields
    at = field.end + 1
  }
}

function bareField(value: string, start: number): CsvField | undefined {
  const comma = value.indexOf(',', start)
  const end = comma === -1 ? value.length : comma
  const text = value.slice(start, end)
  return text.includes('"') ? undefined : { text, start, end }
}

function quotedField(value: string, start: number): CsvField | undefined {
  let text = ''
  let at = start + 1
  for (;;) {
    const quote = value.indexOf('"', at)
    if (quote === -1) return undefined
    text += value.slice(at, quote)
    if (value[quote + 1] !== '"') {
      const end = quote + 1
      return end === value.length || value[end] === ',' ? { text, start, end } : undefined
    }
    text += '"'
    at = quote + 2
  }
}
