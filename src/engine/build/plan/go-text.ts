/**
 * Values as Go's fmt package prints them: an image's history holds its commands in that form, and tools read it. PURE.
 * Source: pkg.go.dev/fmt (%q, %v), pkg.go.dev/strconv#Quote.
 */

const NAMED: Readonly<Record<string, string>> = {
  '\u0007': String.raw`\a`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\v': String.raw`\v`,
  '"': String.raw`\"`,
  '\\': String.raw`\\`,
}

/** Letters, marks, numbers, punctuation, symbols and the blank: what strconv.IsPrint takes. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

function escaped(character: string): string {
  const named = NAMED[character]
  if (named !== undefined) return named
  if (PRINTABLE.test(character)) return character
  const code = character.codePointAt(0) ?? 0
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** %q of a string. @example quote('a "b"') === '"a \\"b\\""' */
export function quote(text: string): string {
  return `"${Array.from(text, escaped).join('')}"`
}

/** %q of a list: `["nginx" "-g"]`. */
export function quoteList(items: readonly string[]): string {
  return `[${items.map(quote).join(' ')}]`
}

/** %v of a list: `[80/tcp 443/tcp]`. */
export function plainList(items: readonly string[]): string {
  return `[${items.join(' ')}]`
}
