/**
 * Plain data as YAML text in block style. What it prints means the same to YAML 1.1 and 1.2 readers: everything that
 * either could take for another type is quoted. Source: YAML 1.2.2 chapters 7 and 8.
 */
import { isRecord } from './draft.ts'

/** Ends with a line feed. */
export function toYaml(value: unknown): string {
  const out: string[] = []
  if (isCollection(value)) writeCollection(value, 0, out)
  else out.push(scalarText(value, 0), '\n')
  return out.join('')
}

type Collection = Readonly<Record<string, unknown>> | readonly unknown[]

function isCollection(value: unknown): value is Collection {
  return (Array.isArray(value) && value.length > 0) || (isRecord(value) && Object.keys(value).length > 0)
}

/** The lines of a mapping or list that is not empty; the first one starts where the caller stands. */
function writeCollection(value: Collection, indent: number, out: string[]): void {
  const pad = ' '.repeat(indent)
  let first = true
  const start = (text: string): void => {
    // The first line stands behind the "- " of a list item.
    out.push(first && out.at(-1) === '- ' ? text : pad + text)
    first = false
  }
  if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      start(`${wordText(key)}:`)
      writeValue(inner, indent, out)
    }
    return
  }
  for (const item of value) {
    start('')
    out.push('- ')
    if (isCollection(item)) writeCollection(item, indent + 2, out)
    else out.push(scalarText(item, indent + 2), '\n')
  }
}

function writeValue(value: unknown, indent: number, out: string[]): void {
  if (isCollection(value)) {
    out.push('\n')
    writeCollection(value, indent + 2, out)
  } else out.push(' ', scalarText(value, indent + 2), '\n')
}

function scalarText(value: unknown, indent: number): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'object') return Array.isArray(value) ? '[]' : '{}'
  if (typeof value !== 'string') throw new TypeError(`${typeof value} is no YAML`)
  return isBlock(value) ? blockText(value, indent) : wordText(value)
}

function wordText(text: string): string {
  return isPlain(text) ? text : JSON.stringify(text)
}

/** Words that some reader takes for null or a boolean. */
const OTHER_TYPES = /^(~|null|true|false|yes|no|on|off|y|n|=|<<|[-+]?\.(inf|nan)|\.?e[-+]?\d+)$/i
/** Starts like a number and yet is none: "5s", "1m30s", "127.0.0.1", "8000-8010", "-c", "--flag". */
const NEARLY_NUMBER = /^(\d+[a-zA-Z]*[g-zG-Z]\w*|\d+(\.\d+){3}|\d+-\d+|--?(?!e\d)[a-zA-Z][\w-]*)$/
const OTHER_BASE = /^0[xob]/i
/** No indicator at the start, no ": " or " #" inside, nothing invisible. */
const PLAIN = /^([\p{L}/_(\\$^;<\d-]|\.(?=[/a-z]))[^\p{C}\p{Z}]*( [^\p{C}\p{Z}]+)*$/u

function isPlain(text: string): boolean {
  if (!PLAIN.test(text) || OTHER_TYPES.test(text) || /:( |$)| #/.test(text)) return false
  return !/^[-\d]/.test(text) || (NEARLY_NUMBER.test(text) && !OTHER_BASE.test(text))
}

/** Several lines that a literal block keeps as they are. */
function isBlock(text: string): boolean {
  return /^[^\s].*\n/.test(text) && !/[^\P{C}\n\t]|[\u2028\u2029\uFEFF]| \n| $|\n\n$/u.test(text)
}

function blockText(text: string, indent: number): string {
  const body = text.endsWith('\n') ? text.slice(0, -1) : text
  const pad = ' '.repeat(indent)
  const lines = body.split('\n').map((line) => (line === '' ? '' : pad + line))
  return `${text.endsWith('\n') ? '|' : '|-'}\n${lines.join('\n')}`
}
