/**
 * Parser directives: `# syntax=`, `# escape=`, `# check=` at the very top, each once, before anything else, empty lines and
 * other comments included. A first line with "#!" is passed over, though not for `escape`: the parser proper takes it for a
 * comment. Source: Dockerfile reference, "Parser directives"; "Build checks" for the value of `check`.
 */
import type { SourceRange } from '../../../api/types/build.ts'
import type { Directives, Word } from './ast.ts'
import { parseBoolean } from './boolean.ts'
import { trimSpace } from './characters.ts'
import { DockerfileError, type Place, type SourceText } from './errors.ts'

export interface DirectiveLines {
  readonly directives: Directives
  /** How many lines they take, "#!" not counted unless one follows it. */
  readonly count: number
}

type CheckOptions = NonNullable<Directives['check']>

/** Throws DOCKERFILE_SYNTAX: a directive that stands there twice, an escape that is none, wrong options of `check`. */
export function readDirectives(source: SourceText): DirectiveLines {
  const found = new Map<string, Word>()
  const hasShebang = source.lines[0]?.startsWith('#!') ?? false
  let at = hasShebang ? 1 : 0
  for (; at < source.lines.length; at += 1) {
    const directive = directiveOf(source.lines[at] ?? '', at + 1)
    if (directive === undefined) break
    const place = { source, range: directive.value.range }
    if (found.has(directive.name)) {
      throw new DockerfileError('DOCKERFILE_SYNTAX', `only one ${directive.name} parser directive can be used`, place)
    }
    found.set(directive.name, directive.value)
  }
  const check = found.get('check')
  return {
    directives: {
      syntax: found.get('syntax'),
      escape: hasShebang ? '\\' : escapeOf(source, found.get('escape')),
      check: check === undefined ? undefined : parseCheckOptions(firstWord(check.text), { source, range: check.range }),
    },
    count: found.size === 0 ? 0 : at,
  }
}

function firstWord(text: string): string {
  return text.split(' ', 1)[0] ?? ''
}

function directiveOf(line: string, lineNumber: number): { readonly name: string; readonly value: Word } | undefined {
  const match = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S.*)$/d.exec(line)
  const name = match?.[1]?.toLowerCase()
  if (name === undefined || !['syntax', 'escape', 'check'].includes(name)) return undefined
  const text = trimSpace(match?.[2] ?? '')
  const column = (match?.indices?.[2]?.[0] ?? 0) + 1
  const range: SourceRange = { line: lineNumber, column, endLine: lineNumber, endColumn: column + text.length }
  return { name, value: { text, range } }
}

function escapeOf(source: SourceText, word: Word | undefined): '\\' | '`' {
  if (word === undefined) return '\\'
  if (word.text === '\\' || word.text === '`') return word.text
  const message = `invalid escape token "${word.text}": it is neither \` nor \\`
  throw new DockerfileError('DOCKERFILE_SYNTAX', message, { source, range: word.range })
}

/**
 * The value of `# check=`, which may stand above a single instruction too.
 * @example parseCheckOptions("skip=JSONArgsRecommended,StageNameCasing;error=true", undefined)
 */
export function parseCheckOptions(text: string, place: Place | undefined): CheckOptions {
  let skip: readonly string[] = []
  let experimental: readonly string[] = []
  let error = false
  for (const part of trimSpace(text) === '' ? [] : text.split(';')) {
    const [key, value] = cut(part)
    if (key === 'skip' && value !== undefined) skip = value.split(',').map(trimSpace)
    else if (key === 'experimental' && value !== undefined) experimental = value.split(',').map(trimSpace)
    else if (key === 'error' && parseBoolean(value) !== undefined) error = parseBoolean(value) ?? false
    else {
      const hint = 'the options are skip=RULE,..., error=true and experimental=RULE,..., separated by ";"'
      throw new DockerfileError('DOCKERFILE_SYNTAX', `invalid check option "${trimSpace(part)}"`, place, hint)
    }
  }
  return { skip, error, experimental }
}

function cut(part: string): [key: string, value: string | undefined] {
  const at = part.indexOf('=')
  return at === -1 ? [trimSpace(part), undefined] : [trimSpace(part.slice(0, at)), trimSpace(part.slice(at + 1))]
}
