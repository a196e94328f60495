/**
 * Reads .env, --env-file, env_file and label_file. Source: the dotenv grammar of the Compose Specification as docker
 * compose reads it: `export`, `=` or `:`, single and double quotes over several lines, escapes, comments,
 * interpolation of unquoted and double-quoted values, `KEY` alone inherits.
 */
import { interpolateText, lookupIn, type InterpolationNote, type Lookup } from './interpolate.ts'
import type { Problems } from './problems.ts'
import type { SourceFile } from './source-file.ts'

export type EnvMap = Record<string, string>

const KEY_CHARACTERS = /^[\p{L}\p{N}_.\-[\]]+$/u

interface Scanner {
  readonly source: SourceFile
  readonly text: string
  at: number
}

/**
 * The variables of a file. `lookup` is asked before earlier lines of the same file.
 * @example `A=1\nB="x ${A}"` gives { A: "1", B: "x 1" }
 */
export function parseDotenv(source: SourceFile, lookup: Lookup, problems: Problems): EnvMap {
  const values: EnvMap = {}
  const scanner: Scanner = { source, text: source.text, at: 0 }
  const own = lookupIn(values)
  const see: Lookup = (name) => lookup(name) ?? own(name)
  for (;;) {
    skipBlanksAndComments(scanner)
    if (scanner.at >= scanner.text.length) return values
    if (!readAssignment(scanner, values, see, problems)) skipLine(scanner)
  }
}

/** `format: raw`: KEY=VALUE lines taken as they stand; no quotes, no interpolation. */
export function parseRawEnv(source: SourceFile, lookup: Lookup, problems: Problems): EnvMap {
  const values: EnvMap = {}
  let offset = 0
  for (const rawLine of source.text.split('\n')) {
    const line = rawLine.replace(/\r$/, '').trimStart()
    const start = offset
    offset += rawLine.length + 1
    if (line === '' || line.startsWith('#')) continue
    const equals = line.indexOf('=')
    const key = equals === -1 ? line : line.slice(0, equals)
    if (key === '' || /\s/.test(key)) {
      const message = `variable name ${JSON.stringify(key)} is empty or contains white space`
      problems.error({ source, offset: start }, { code: 'DOTENV_SYNTAX', message })
      continue
    }
    const value = equals === -1 ? lookup(key) : line.slice(equals + 1)
    if (value !== undefined) values[key] = value
  }
  return values
}

function skipBlanksAndComments(scanner: Scanner): void {
  for (;;) {
    while (/\s/.test(scanner.text[scanner.at] ?? '')) scanner.at += 1
    if (scanner.text[scanner.at] !== '#') return
    skipLine(scanner)
  }
}

function skipLine(scanner: Scanner): void {
  scanner.at = lineEnd(scanner)
}

function lineEnd({ text, at }: Scanner): number {
  const end = text.indexOf('\n', at)
  return end === -1 ? text.length : end
}

/** false: a problem was reported, and the rest of the line is to be skipped. */
function readAssignment(scanner: Scanner, values: EnvMap, lookup: Lookup, problems: Problems): boolean {
  const start = scanner.at
  const line = scanner.text.slice(start, lineEnd(scanner)).replace(/\r$/, '')
  const prefix = /^export[ \t]+/.exec(line)?.[0] ?? ''
  const rest = line.slice(prefix.length)
  const separator = rest.search(/[=:]/)
  const beforeComment = rest.replace(/\s#.*$/, '')
  const key = (separator === -1 ? beforeComment : rest.slice(0, separator)).trim()
  const origin = { source: scanner.source, offset: start + prefix.length }
  if (!KEY_CHARACTERS.test(key)) {
    const message = /\s/.test(key)
      ? `white space in the variable name ${JSON.stringify(key)}`
      : `unexpected character in the variable name ${JSON.stringify(key)}`
    const hint = 'a line is KEY=VALUE; quote a value that spans lines'
    problems.error(origin, { code: 'DOTENV_SYNTAX', message, hint })
    return false
  }
  if (separator === -1) {
    skipLine(scanner)
    const inherited = lookup(key)
    if (inherited !== undefined) values[key] = inherited
    return true
  }
  scanner.at = start + prefix.length + separator + 1
  const value = readValue(scanner, lookup, problems)
  if (value === undefined) return false
  values[key] = value
  return true
}

function readValue(scanner: Scanner, lookup: Lookup, problems: Problems): string | undefined {
  while (/[ \t]/.test(scanner.text[scanner.at] ?? '')) scanner.at += 1
  const quote = scanner.text[scanner.at]
  if (quote === '"' || quote === "'") return readQuoted(scanner, quote, lookup, problems)
  const offset = scanner.at
  skipLine(scanner)
  const text = scanner.text.slice(offset, scanner.at)
  const value = (text.startsWith('#') ? '' : text.replace(/\s#.*$/s, '')).trim()
  return fill(value, { scanner, offset }, lookup, problems)
}

function readQuoted(scanner: Scanner, quote: string, lookup: Lookup, problems: Problems): string | undefined {
  const start = scanner.at
  const { text } = scanner
  let end = start + 1
  while (end < text.length && text[end] !== quote) end += text[end] === '\\' ? 2 : 1
  if (end >= text.length) {
    const message = 'a quote is not closed'
    const hint = `end the value with ${quote}`
    problems.error({ source: scanner.source, offset: start }, { code: 'DOTENV_SYNTAX', message, hint })
    return undefined
  }
  // what stands behind the quote is the next assignment, or a comment
  scanner.at = end + 1
  const body = text.slice(start + 1, end)
  if (quote === "'") return body.replaceAll("\\'", "'")
  return fill(unescapeDouble(body), { scanner, offset: start + 1 }, lookup, problems)
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
  // Stays a literal dollar sign through interpolation.
  $: '$$',
}

function unescapeDouble(body: string): string {
  return body.replaceAll(/\\(0[0-7]{1,3}|.)/gs, (whole, code: string) => {
    if (/^0[0-7]/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8))
    return ESCAPES[code] ?? whole
  })
}

function fill(
  value: string,
  place: { readonly scanner: Scanner; readonly offset: number },
  lookup: Lookup,
  problems: Problems,
): string {
  const { source } = place.scanner
  return interpolateText(value, lookup, (note: InterpolationNote) => {
    const origin = { source, offset: place.offset }
    if (note.kind === 'invalid') {
      const message = `invalid interpolation in ${JSON.stringify(value)}: ${note.message}`
      problems.error(origin, { code: 'INTERPOLATION_INVALID', message, hint: 'use single quotes for a literal text' })
    } else if (note.kind === 'required') {
      const reason = note.message === '' ? '' : `: ${note.message}`
      const message = `required variable ${note.name} is missing a value${reason}`
      problems.error(origin, { code: 'VARIABLE_REQUIRED', message })
    } else {
      const message = `the variable "${note.name}" is not set, an empty text is used`
      problems.warn(undefined, { code: 'VARIABLE_UNSET', message })
    }
  })
}
