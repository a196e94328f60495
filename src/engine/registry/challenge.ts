/** WWW-Authenticate: what a registry wants to see. PURE. Sources: RFC 9110 section 11.6.1, distribution token.md. */

export interface Challenge {
  /** Lower case: "basic", "bearer". */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y
const MAX_HEADER = 8_192

function take(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at
  return pattern.exec(text) ?? undefined
}

function skip(text: string, at: number, characters: string): number {
  let position = at
  while (position < text.length && characters.includes(text[position] ?? '')) position += 1
  return position
}

/** All challenges of the header, in its order; whatever cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, MAX_HEADER)
  const found: { scheme: string; parameters: Record<string, string> }[] = []
  let at = skip(text, 0, ' ,\t')
  while (at < text.length) {
    const word = take(TOKEN, text, at)?.[0]
    if (word === undefined) break
    at = skip(text, at + word.length, ' \t')
    if (text[at] !== '=' || found.length === 0) {
      found.push({ scheme: word.toLowerCase(), parameters: {} })
      at = skip(text, at, ' ,\t')
      continue
    }
    at = skip(text, at + 1, ' \t')
    const quoted = take(QUOTED, text, at)
    const raw = quoted?.[0] ?? take(TOKEN, text, at)?.[0]
    if (raw === undefined) break
    const value = quoted?.[1]?.replaceAll(/\\(.)/g, '$1') ?? raw
    const last = found.at(-1)
    if (last !== undefined) last.parameters[word.toLowerCase()] = value
    at = skip(text, at + raw.length, ' ,\t')
  }
  return found
}
