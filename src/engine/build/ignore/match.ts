/**
 * Go's filepath.Match: how COPY and ADD find their sources. No wildcard but a class crosses a "/"; "**" is nothing special.
 */
import { compileTokens, globTokens } from './glob-tokens.ts'

/** Throws BadPatternError. */
export function matchPath(pattern: string, path: string): boolean {
  return compilePath(pattern)(path)
}

/** For many paths. Throws BadPatternError. */
export function compilePath(pattern: string): (path: string) => boolean {
  return compileTokens(globTokens(pattern, 'stars'))
}
