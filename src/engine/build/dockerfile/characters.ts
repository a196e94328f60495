/**
 * White space as BuildKit sees it: Go's unicode.IsSpace where ends are trimmed and words are lexed, five ASCII characters where
 * a line is split into words. JavaScript's \s differs (U+FEFF is in it, U+0085 is not).
 */

const SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/

/** Go's unicode.IsSpace. */
export function isSpace(character: string | undefined): boolean {
  return character !== undefined && SPACE.test(character)
}

/** What separates the words of an instruction: tab, vertical tab, form feed, carriage return, blank. */
export function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\r' || character === '\v' || character === '\f'
}

/** Offset of the first character from `start` on that is no white space. */
export function skipSpace(text: string, start: number): number {
  let at = start
  while (at < text.length && isSpace(text[at])) at += 1
  return at
}

/** Go's strings.TrimSpace. */
export function trimSpace(text: string): string {
  const start = skipSpace(text, 0)
  let end = text.length
  while (end > start && isSpace(text[end - 1])) end -= 1
  return text.slice(start, end)
}

/** Letters, digits and "_" of all scripts: what names of variables are made of. */
export function isNameCharacter(character: string | undefined): boolean {
  return character !== undefined && /^[\p{L}\p{Nd}_]$/u.test(character)
}
