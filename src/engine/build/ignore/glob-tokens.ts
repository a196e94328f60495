/**
 * The syntax of Go's filepath.Match, token by token: `*`, `?`, `[a-z]`, `[^a]`, `\x`. Sets of positions are walked instead of
 * regular expressions, so that no pattern takes longer than its length times that of the path.
 * Source: pkg.go.dev/path/filepath#Match.
 */
import { MycomposeError } from '../../../errors.ts'

export type GlobToken =
  | { readonly kind: 'character'; readonly character: string }
  /** One character that is no "/". */
  | { readonly kind: 'any' }
  /** "/" may be in it too, as in Go. */
  | { readonly kind: 'class'; readonly isNegated: boolean; readonly ranges: readonly (readonly [string, string])[] }
  /** Any number of characters that are no "/". */
  | { readonly kind: 'star' }
  /** `**` and a "/" in ignore files: nothing, or anything that ends in "/". */
  | { readonly kind: 'folders' }
  /** `**` at the end in ignore files. */
  | { readonly kind: 'rest' }

/** A "[" without "]", an empty class or range, a "\" at the end. */
export class BadPatternError extends MycomposeError {
  constructor(pattern: string) {
    super(`syntax error in pattern "${pattern}"`, {
      code: 'BAD_PATTERN',
      hint: 'write "\\" before a "[", "*", "?" or "\\" that is meant as such',
    })
  }
}

/** What a double star becomes is up to the caller; Go's filepath.Match takes it for two stars. Throws BadPatternError. */
export function globTokens(pattern: string, doubleStar: 'stars' | 'folders'): readonly GlobToken[] {
  const characters = Array.from(pattern)
  const tokens: GlobToken[] = []
  let at = 0
  while (at < characters.length) {
    const character = characters[at] ?? ''
    if (character === '*' && characters[at + 1] === '*' && doubleStar === 'folders') {
      at += characters[at + 2] === '/' ? 3 : 2
      tokens.push({ kind: at >= characters.length ? 'rest' : 'folders' })
      continue
    }
    if (character === '[') {
      const { token, next } = readClass(characters, at + 1, pattern)
      tokens.push(token)
      at = next
      continue
    }
    if (character === '\\') at += 1
    tokens.push(simpleToken(character, characters[at], pattern))
    at += 1
  }
  return tokens
}

function simpleToken(character: string, escaped: string | undefined, pattern: string): GlobToken {
  if (character === '*') return { kind: 'star' }
  if (character === '?') return { kind: 'any' }
  if (escaped === undefined) throw new BadPatternError(pattern)
  return { kind: 'character', character: escaped }
}

/** From behind the "[". */
function readClass(
  characters: readonly string[],
  start: number,
  pattern: string,
): { readonly token: GlobToken; readonly next: number } {
  const isNegated = characters[start] === '^'
  const ranges: [string, string][] = []
  let at = isNegated ? start + 1 : start
  const readOne = (): string => {
    const isEscape = characters[at] === '\\'
    if (isEscape) at += 1
    const character = characters[at]
    if (character === undefined || (!isEscape && (character === '-' || character === ']'))) {
      throw new BadPatternError(pattern)
    }
    at += 1
    return character
  }
  while (characters[at] !== ']' || ranges.length === 0) {
    const low = readOne()
    if (characters[at] === '-') {
      at += 1
      ranges.push([low, readOne()])
    } else ranges.push([low, low])
  }
  return { token: { kind: 'class', isNegated, ranges }, next: at + 1 }
}

/** A test of whole texts. What must stand at their beginning and end is looked at first: that decides most. */
export function compileTokens(tokens: readonly GlobToken[]): (text: string) => boolean {
  const start = fixedText(tokens)
  if (start.length === tokens.length) {
    const exact = start.join('')
    return (text) => text === exact
  }
  const prefix = start.join('')
  const suffix = fixedText(tokens.toReversed()).toReversed().join('')
  return (text) => text.endsWith(suffix) && text.startsWith(prefix) && matchTokens(tokens, text)
}

/** The characters before the first wildcard. */
function fixedText(tokens: readonly GlobToken[]): readonly string[] {
  const end = tokens.findIndex(({ kind }) => kind !== 'character')
  return tokens
    .slice(0, end === -1 ? tokens.length : end)
    .flatMap((token) => (token.kind === 'character' ? [token.character] : []))
}

function matchTokens(tokens: readonly GlobToken[], text: string): boolean {
  let states = new Set<number>([0])
  followEmpty(tokens, states)
  for (const character of text) {
    const next = new Set<number>()
    for (const state of states) step(tokens, state, character, next)
    if (next.size === 0) return false
    followEmpty(tokens, next)
    states = next
  }
  return states.has(tokens.length)
}

/** State n: before token n. A half state n + 0.5: within the folders of token n, which must end in "/" first. */
function step(tokens: readonly GlobToken[], state: number, character: string, next: Set<number>): void {
  const index = Math.floor(state)
  const token = tokens[index]
  switch (token?.kind) {
    case undefined:
      return
    case 'character':
      if (token.character === character) next.add(index + 1)
      return
    case 'any':
      if (character !== '/') next.add(index + 1)
      return
    case 'class':
      if (inClass(token, character)) next.add(index + 1)
      return
    case 'star':
      if (character !== '/') next.add(index)
      return
    case 'folders':
      next.add(index + 0.5)
      if (character === '/') next.add(index + 1)
      return
    case 'rest':
      next.add(index)
  }
}

function inClass(token: Extract<GlobToken, { kind: 'class' }>, character: string): boolean {
  const code = character.codePointAt(0) ?? 0
  const isIn = token.ranges.some(
    ([low, high]) => (low.codePointAt(0) ?? 0) <= code && code <= (high.codePointAt(0) ?? 0),
  )
  return isIn !== token.isNegated
}

/** Tokens that may match nothing are passed. */
function followEmpty(tokens: readonly GlobToken[], states: Set<number>): void {
  // A set visits what is added while it is walked.
  for (const state of states) {
    const kind = tokens[state]?.kind
    if (kind === 'star' || kind === 'folders' || kind === 'rest') states.add(state + 1)
  }
}
