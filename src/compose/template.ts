/**
 * The template language of values: "$V", "${V}", "${V:-default}" ... Parses text into parts; interpolate.ts fills
 * them. Source: Compose Specification, "Interpolation".
 */

/** What stands after the name: -, :-, ?, :?, +, :+. The colon makes an empty value count as unset. */
export type Operator = '-' | ':-' | '?' | ':?' | '+' | ':+'

export interface Variable {
  readonly kind: 'variable'
  readonly name: string
  /** Where the `$` stands in the text. */
  readonly offset: number
  readonly operator?: Operator
  /** The default, message or replacement, itself a template. */
  readonly argument?: readonly Part[]
  /** The same as it was written. */
  readonly argumentText?: string
}

export type Part = { readonly kind: 'text'; readonly text: string } | Variable

/** A template that cannot be read; `offset` is where its `$` stands. */
export interface TemplateFault {
  readonly offset: number
  readonly text: string
  readonly reason: string
}

export type ParsedTemplate = { readonly parts: readonly Part[] } | { readonly fault: TemplateFault }

const NAME = /[_a-zA-Z][_a-zA-Z0-9]*/y
const OPERATORS: readonly Operator[] = [':-', ':?', ':+', '-', '?', '+']
const MAX_DEPTH = 32

/** @example parseTemplate("a$B") has the parts "a" and variable B */
export function parseTemplate(text: string): ParsedTemplate {
  const cursor: Cursor = { text, at: 0, fault: undefined }
  const parts = parseParts(cursor, 0)
  return cursor.fault === undefined ? { parts } : { fault: cursor.fault }
}

interface Cursor {
  readonly text: string
  at: number
  fault: TemplateFault | undefined
}

/** Up to the end, or, inside braces, up to the "}" that closes them. */
function parseParts(cursor: Cursor, depth: number): Part[] {
  const parts: Part[] = []
  let literal = ''
  let openBraces = 0
  const { text } = cursor
  while (cursor.at < text.length && cursor.fault === undefined) {
    const character = text[cursor.at]
    if (character === '}' && depth > 0 && openBraces === 0) break
    // A default may hold JSON: braces inside an expression come in pairs.
    if (depth > 0 && character === '{') openBraces += 1
    if (depth > 0 && character === '}') openBraces -= 1
    if (character !== '$') {
      literal += character
      cursor.at += 1
      continue
    }
    if (text[cursor.at + 1] === '$') {
      literal += '$'
      cursor.at += 2
      continue
    }
    const variable = parseVariable(cursor, depth)
    if (variable === undefined) {
      literal += '$'
      cursor.at += 1
      continue
    }
    if (literal !== '') parts.push({ kind: 'text', text: literal })
    literal = ''
    parts.push(variable)
  }
  if (literal !== '') parts.push({ kind: 'text', text: literal })
  return parts
}

/** undefined: the `$` is just a dollar sign. */
function parseVariable(cursor: Cursor, depth: number): Variable | undefined {
  const offset = cursor.at
  if (cursor.text[offset + 1] === '{') return parseBraced(cursor, depth)
  const name = nameAt(cursor.text, offset + 1)
  if (name === undefined) return undefined
  cursor.at = offset + 1 + name.length
  return { kind: 'variable', name, offset }
}

function parseBraced(cursor: Cursor, depth: number): Variable | undefined {
  const offset = cursor.at
  const { text } = cursor
  if (depth >= MAX_DEPTH) return fail(cursor, offset, `more than ${MAX_DEPTH} levels of "\${"`)
  const name = nameAt(text, offset + 2)
  if (name === undefined) return fail(cursor, offset, 'a variable name must follow "${"')
  cursor.at = offset + 2 + name.length
  if (text[cursor.at] === '}') {
    cursor.at += 1
    return { kind: 'variable', name, offset }
  }
  const operator = OPERATORS.find((candidate) => text.startsWith(candidate, cursor.at))
  if (operator === undefined) {
    if (cursor.at >= text.length) return fail(cursor, offset, 'the closing "}" is missing')
    return fail(cursor, offset, `"${text[cursor.at] ?? ''}" cannot follow the name "${name}"`)
  }
  cursor.at += operator.length
  const start = cursor.at
  const argument = parseParts(cursor, depth + 1)
  if (cursor.fault !== undefined) return undefined
  if (text[cursor.at] !== '}') return fail(cursor, offset, 'the closing "}" is missing')
  const argumentText = text.slice(start, cursor.at)
  cursor.at += 1
  return { kind: 'variable', name, offset, operator, argument, argumentText }
}

function nameAt(text: string, offset: number): string | undefined {
  NAME.lastIndex = offset
  return NAME.exec(text)?.[0]
}

function fail(cursor: Cursor, offset: number, reason: string): undefined {
  cursor.fault ??= { offset, text: cursor.text.slice(offset), reason }
  return undefined
}
