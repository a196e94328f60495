/**
 * Plain data as YAML text in block style. What it prints means the same to YAML 1.1 and 1.2 readers: everything that
 * either could take for another type is quoted. Source: YAML 1.2.2 chapters 7 and 8.
 */
/** Ends with a line feed. */
export function toYaml(value: unknown): string {
  const printer: Printer = { words: new Map() }
  return isCollection(value) ? collectionText(value, '', printer) : `${scalarText(value, '  ', printer)}\n`
}

interface Printer {
  /** The texts so far as they are written: most come again and again. */
  readonly words: Map<string, string>
}

type Collection = Readonly<Record<string, unknown>> | readonly unknown[]

/** What takes lines of its own. */
function isCollection(value: unknown): value is Collection {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.length > 0
  for (const key in value) if (Object.hasOwn(value, key)) return true
  return false
}

/** The lines of a mapping or list that is not empty; the first one begins where the caller stands. */
function collectionText(value: Collection, pad: string, printer: Printer): string {
  let result = ''
  if (!Array.isArray(value)) {
    const record = value as Readonly<Record<string, unknown>>
    const keys = Object.keys(record)
    for (let index = 0; index < keys.length; index += 1) {
      const key = keys[index] as string
      const inner = record[key]
      if (inner === undefined) continue
      const start = result === '' ? '' : pad
      result += `${start}${wordText(key, printer)}:${valueText(inner, pad, printer)}`
    }
    return result
  }
  const inner = `${pad}  `
  for (let index = 0; index < value.length; index += 1) {
    const item: unknown = value[index]
    const start = result === '' ? '- ' : `${pad}- `
    const text = isCollection(item) ? collectionText(item, inner, printer) : `${scalarText(item, inner, printer)}\n`
    result += start + text
  }
  return result
}

/** What stands behind "key:". */
function valueText(value: unknown, pad: string, printer: Printer): string {
  const inner = `${pad}  `
  if (isCollection(value)) return `\n${inner}${collectionText(value, inner, printer)}`
  return ` ${scalarText(value, inner, printer)}\n`
}

function scalarText(value: unknown, pad: string, printer: Printer): string {
  if (typeof value === 'string')
    return value.includes('\n') && isBlock(value) ? blockText(value, pad) : wordText(value, printer)
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'object') return Array.isArray(value) ? '[]' : '{}'
  throw new TypeError(`${typeof value} is no YAML`)
}

function wordText(text: string, { words }: Printer): string {
  const known = words.get(text)
  if (known !== undefined) return known
  const word = isPlain(text) ? text : JSON.stringify(text)
  words.set(text, word)
  return word
}

/** Words that some reader takes for null or a boolean. */
const OTHER_TYPES = /^(~|null|true|false|yes|no|on|off|y|n|=|<<|[-+]?\.(inf|nan)|\.?e[-+]?\d+)$/i
/** Starts like a number and yet is none: "5s", "1m30s", "127.0.0.1", "8000-8010", "-c", "--flag". */
const NEARLY_NUMBER = /^(\d+[a-zA-Z]*[g-zG-Z]\w*|\d+(\.\d+){3}|\d+-\d+|--?(?!e\d)[a-zA-Z][\w-]*)$/
const OTHER_BASE = /^0[xob]/i
/** No indicator at the start, no ": " or " #" inside, nothing invisible. */
const ASCII_PLAIN = /^([a-zA-Z/_(\\$^;<\d-]|\.(?=[/a-z]))[!-~]*( [!-~]+)*$/
const PLAIN = /^([\p{L}/_(\\$^;<\d-]|\.(?=[/a-z]))[^\p{C}\p{Z}]*( [^\p{C}\p{Z}]+)*$/u

/** Patterns of Unicode classes take milliseconds to compile: only where they are needed. */
const PRINTABLE_ASCII = /^[ -~]*$/

function isPlain(text: string): boolean {
  if (
    !(PRINTABLE_ASCII.test(text) ? ASCII_PLAIN : PLAIN).test(text) ||
    OTHER_TYPES.test(text) ||
    /:( |$)| #/.test(text)
  )
    return false
  return !/^[-\d]/.test(text) || (NEARLY_NUMBER.test(text) && !OTHER_BASE.test(text))
}

/** Several lines that a literal block keeps as they are. */
function isBlock(text: string): boolean {
  return /^[^\s].*\n/.test(text) && !/[^\P{C}\n\t]|[\u2028\u2029\uFEFF]| \n| $|\n\n$/u.test(text)
}

function blockText(text: string, pad: string): string {
  const body = text.endsWith('\n') ? text.slice(0, -1) : text
  const lines = body.split('\n').map((line) => (line === '' ? '' : pad + line))
  return `${text.endsWith('\n') ? '|' : '|-'}\n${lines.join('\n')}`
}
