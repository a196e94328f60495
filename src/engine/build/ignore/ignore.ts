/**
 * .dockerignore, and the patterns of `--exclude` and `--parents`: lists of globs from the root of the context, of which the last
 * that matches decides; "!" takes back. A pattern that matches a folder holds for all below it. Not git's rules: "foo" is the
 * foo at the root only. As BuildKit walks, what a pattern made of a folder is handed down to its children: an exception that
 * came too early for the folder comes too early for them.
 * Source: Dockerfile reference, ".dockerignore file"; github.com/moby/patternmatcher.
 */
import { posix } from 'node:path'
import { MycomposeError } from '../../../errors.ts'
import { trimSpace } from '../dockerfile/characters.ts'
import { BadPatternError, type GlobToken, compileTokens, globTokens } from './glob-tokens.ts'

/** Paths are relative, clean and with "/": "web/src/main.ts". */
export interface PathPatterns {
  /** Whether the path matches and no exception behind takes it back. Folders and files are not told apart. */
  matches(path: string): boolean
  /** Whether something below a folder that matches may not match, because of an exception. */
  hasExceptionBelow(path: string): boolean
  readonly hasExceptions: boolean
  /** Clean, exceptions with their "!". */
  readonly patterns: readonly string[]
}

export interface Ignore {
  isIgnored(path: string, isFolder?: boolean): boolean
  /** Whether a folder that is ignored has to be walked all the same: an exception may hold below it. */
  mayIncludeBelow(path: string): boolean
  readonly hasExceptions: boolean
  /** Clean, exceptions with their "!". */
  readonly patterns: readonly string[]
}

/** The text of a .dockerignore. `file` is what errors call it. Throws DOCKERIGNORE_SYNTAX with the line. */
export function createIgnore(text: string, file = '.dockerignore'): Ignore {
  const rules: Rule[] = []
  const lines = text.replace(/^\ufeff/, '').split('\n')
  for (const [index, line] of lines.entries()) {
    const pattern = line.startsWith('#') ? '' : toPattern(line)
    if (pattern === '') continue
    try {
      rules.push(toRule(pattern))
    } catch (error) {
      if (!(error instanceof BadPatternError)) throw error
      const location = { file, line: index + 1, column: 1 }
      const options = { code: 'DOCKERIGNORE_SYNTAX', hint: error.hint, location, cause: error }
      throw new MycomposeError(`${file}: ${error.message}`, options)
    }
  }
  const patterns = createMatcher(rules)
  return {
    isIgnored: (path) => patterns.matches(path),
    mayIncludeBelow: (path) => patterns.hasExceptionBelow(path),
    hasExceptions: patterns.hasExceptions,
    patterns: patterns.patterns,
  }
}

/** Patterns by themselves: "#" and a leading "/" mean nothing there. Throws BadPatternError. */
export function createPathPatterns(patterns: readonly string[]): PathPatterns {
  const cleaned = patterns.map(trimSpace).filter((pattern) => pattern !== '')
  return createMatcher(cleaned.map((pattern) => toRule(cleanPath(pattern))))
}

/** "" when the line says nothing. A leading "/" is dropped: all patterns begin at the root. */
function toPattern(line: string): string {
  const trimmed = trimSpace(line)
  const isException = trimmed.startsWith('!')
  const text = isException ? trimSpace(trimmed.slice(1)) : trimmed
  if (text === '') return isException ? '!' : ''
  const clean = cleanPath(text)
  const relative = clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean
  return isException ? `!${relative}` : relative
}

/** Go's path.Clean. */
function cleanPath(path: string): string {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

interface Rule {
  readonly isException: boolean
  readonly pattern: string
  matches(path: string): boolean
}

function toRule(text: string): Rule {
  const isException = text.startsWith('!')
  const pattern = isException ? text.slice(1) : text
  if (pattern === '') throw new BadPatternError(text)
  return { isException, pattern, matches: compileTokens(ruleTokens(pattern)) }
}

/** "**x" without another wildcard is any end, "yx" too; with one, as in "**x*", "**" stands for whole folders. */
function ruleTokens(pattern: string): readonly GlobToken[] {
  const [first, ...others] = globTokens(pattern, 'folders')
  if (first?.kind !== 'folders' || pattern[2] === '/' || others.some(({ kind }) => kind !== 'character')) {
    return first === undefined ? others : [first, ...others]
  }
  return [{ kind: 'rest' }, ...others]
}

/** For each rule whether it holds for a folder, and so for all below it. */
type Held = readonly boolean[]

/** What is remembered of folders, so that a walk looks at each once. */
const MAX_FOLDERS = 4096

function createMatcher(rules: readonly Rule[]): PathPatterns {
  const exceptions = rules.filter(({ isException }) => isException)
  const folders = new Map<string, Held>()
  const look = (path: string): { readonly held: Held; readonly matched: boolean } => {
    const above = parentOf(path)
    const parent = above === undefined ? undefined : heldOf(above)
    let matched = false
    const held = rules.map((rule, index) => {
      // A rule that would change nothing is not asked, and then is not handed down either.
      const holds = parent?.[index] === true || (rule.isException === matched && rule.matches(path))
      if (holds) matched = !rule.isException
      return holds
    })
    return { held, matched }
  }
  const heldOf = (folder: string): Held => {
    const known = folders.get(folder)
    if (known !== undefined) return known
    const { held } = look(folder)
    if (folders.size >= MAX_FOLDERS) folders.clear()
    folders.set(folder, held)
    return held
  }
  return {
    matches: (path) => rules.length > 0 && look(path).matched,
    hasExceptionBelow: (path) => exceptions.some(({ pattern }) => mayMatchBelow(pattern, path)),
    hasExceptions: exceptions.length > 0,
    patterns: rules.map(({ isException, pattern }) => (isException ? `!${pattern}` : pattern)),
  }
}

function parentOf(path: string): string | undefined {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? undefined : path.slice(0, slash)
}

/** Exact for patterns without wildcards (but "/*" and "/**" at their end); true for all others. */
function mayMatchBelow(pattern: string, folder: string): boolean {
  const fixed = pattern.replace(/\/\*\*$/, '').replace(/\/\*$/, '')
  return /[*?[\]^\\]/.test(fixed) || `${fixed}/`.startsWith(`${folder}/`)
}
