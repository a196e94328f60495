/**
 * Patterns of `${x#y}`, `${x%y}` and `${x/y/z}`: `*`, `?` and escapes, no brackets; neither wildcard matches a line end.
 * Matched by sets of positions instead of regular expressions, so that time is bounded by length of text times pattern.
 * Source: POSIX XCU 2.13, BuildKit's frontend for what it leaves out.
 */

type Token =
  | { readonly kind: 'character'; readonly character: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' }

export type Pattern = readonly Token[]

/** Undefined: a "\" before something that needs none. `\}` and `\/` are the characters: they had to be escaped in `${}`. */
export function parsePattern(text: string): Pattern | undefined {
  const tokens: Token[] = []
  const characters = Array.from(text)
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? ''
    if (character === '*') tokens.push({ kind: 'star' })
    else if (character === '?') tokens.push({ kind: 'any' })
    else if (character === '\\') {
      at += 1
      const escaped = characters[at]
      if (escaped === undefined || !'*?\\}/'.includes(escaped)) return undefined
      tokens.push({ kind: 'character', character: escaped })
    } else tokens.push({ kind: 'character', character })
  }
  return tokens
}

/** Without the shortest or longest beginning that matches. */
export function removePrefix(value: string, pattern: Pattern, isLongest: boolean): string {
  const characters = Array.from(value)
  const end = matchEnd(characters, 0, pattern, isLongest)
  return end === undefined ? value : characters.slice(end).join('')
}

export function removeSuffix(value: string, pattern: Pattern, isLongest: boolean): string {
  const characters = Array.from(value).toReversed()
  const end = matchEnd(characters, 0, pattern.toReversed(), isLongest)
  return end === undefined ? value : characters.slice(end).toReversed().join('')
}

/** The leftmost longest match, or all that do not overlap, become `replacement`. */
export function replacePattern(value: string, pattern: Pattern, replacement: string, isGlobal: boolean): string {
  const characters = Array.from(value)
  const starts = matchStarts(characters, pattern)
  let text = ''
  let at = 0
  let afterMatch = false
  while (at <= characters.length) {
    const end = starts[at] === true ? (matchEnd(characters, at, pattern, true) ?? at) : undefined
    // An empty match right behind another is none.
    if (end !== undefined && !(end === at && afterMatch)) {
      text += replacement
      if (!isGlobal) return text + characters.slice(end).join('')
    }
    afterMatch = end !== undefined && end > at
    if (end !== undefined && end > at) at = end
    else {
      text += characters[at] ?? ''
      at += 1
    }
  }
  return text
}

function accepts(token: Token | undefined, character: string | undefined): boolean {
  if (token === undefined || character === undefined) return false
  return token.kind === 'character' ? token.character === character : character !== '\n'
}

/** Where the shortest or longest match from `start` on ends; undefined when there is none. */
function matchEnd(
  characters: readonly string[],
  start: number,
  pattern: Pattern,
  isLongest: boolean,
): number | undefined {
  let states = throughStars(pattern, new Set([0]))
  let end: number | undefined
  for (let at = start; states.size > 0; at += 1) {
    if (states.has(pattern.length)) {
      end = at
      if (!isLongest) return end
    }
    if (at === characters.length) break
    const next = new Set<number>()
    for (const state of states) {
      if (accepts(pattern[state], characters[at])) next.add(pattern[state]?.kind === 'star' ? state : state + 1)
    }
    states = throughStars(pattern, next)
  }
  return end
}

/** A star may match nothing. */
function throughStars(pattern: Pattern, states: Set<number>): Set<number> {
  // A set visits what is added while it is walked.
  for (const state of states) if (pattern[state]?.kind === 'star') states.add(state + 1)
  return states
}

/** For each position, whether any match begins there: from the end backwards, a row of the pattern's states at a time. */
function matchStarts(characters: readonly string[], pattern: Pattern): readonly boolean[] {
  const starts = Array.from({ length: characters.length + 1 }, () => false)
  let after = Array.from({ length: pattern.length + 1 }, () => false)
  for (let at = characters.length; at >= 0; at -= 1) {
    const row = Array.from({ length: pattern.length + 1 }, () => false)
    row[pattern.length] = true
    for (let state = pattern.length - 1; state >= 0; state -= 1) {
      const token = pattern[state]
      const consumes = accepts(token, characters[at]) && after[token?.kind === 'star' ? state : state + 1] === true
      row[state] = consumes || (token?.kind === 'star' && row[state + 1] === true)
    }
    starts[at] = row[0] === true
    after = row
  }
  return starts
}
