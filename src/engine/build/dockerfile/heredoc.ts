/**
 * Heredocs of RUN, COPY and ADD: which an instruction's line announces, and their content in the lines below it.
 * Source: Dockerfile reference, "Here-documents"; POSIX XCU 2.7.4 for what quoting the delimiter means.
 */
import { trimSpace } from './characters.ts'
import { DockerfileError } from './errors.ts'
import { type ExpandOptions, expandWords } from './expand.ts'
import { type SplitLine, splitLine } from './split.ts'
import { jsonList } from './words.ts'

/** `<<EOF`, `<<-"EOF"`, `3<<EOF`. */
export interface HeredocStart {
  readonly name: string
  readonly expands: boolean
  /** `<<-`: leading tabs are dropped, those of the delimiter too. */
  readonly dropsTabs: boolean
}

const UNSET = (): undefined => undefined
const LEXING: ExpandOptions = { escape: '\\', keepsUnset: true }

/** The heredoc that a word is; undefined when it is none. */
export function parseHeredocStart(word: string): HeredocStart | undefined {
  const operator = /^\d*<<-?/.exec(word)?.[0]
  if (operator === undefined) return undefined
  const delimiter = trimSpace(word.slice(operator.length))
  if (delimiter.includes('<')) return undefined
  const bare = lex(delimiter, LEXING)
  const quoted = lex(delimiter, { ...LEXING, quotes: 'keep' })
  const name = bare?.[0]
  if (name === undefined || bare?.length !== 1) return undefined
  // A quote that is lost when quotes are taken off did quote something.
  return { name, expands: countQuotes(name) === countQuotes(quoted?.[0] ?? ''), dropsTabs: operator.endsWith('-') }
}

function countQuotes(text: string): number {
  return text.replaceAll(/[^'"]/g, '').length
}

/** Undefined when quotes do not match. */
function lex(text: string, options: ExpandOptions): readonly string[] | undefined {
  try {
    return expandWords(text, UNSET, options)
  } catch (error) {
    if (error instanceof DockerfileError) return undefined
    throw error
  }
}

/** The heredocs that an instruction announces, in their order. Those within quotes are none, nor are those in a JSON list. */
export function heredocStarts(split: SplitLine, escape: string): readonly HeredocStart[] {
  if (!split.line.text.includes('<<') || !takesHeredocs(split, escape)) return []
  const words = lex(split.line.text, { ...LEXING, quotes: 'keep', keepsEscapes: true }) ?? []
  return words.map(parseHeredocStart).filter((start) => start !== undefined)
}

function takesHeredocs(split: SplitLine, escape: string): boolean {
  const keyword = split.keyword.text.toLowerCase()
  if (keyword === 'onbuild' && split.rest.text !== '') {
    const inner = splitLine(split.line, split.rest.start, escape)
    return inner.keyword.text.toLowerCase() !== 'onbuild' && takesHeredocs(inner, escape)
  }
  return ['run', 'copy', 'add'].includes(keyword) && jsonList(split.line, split.rest).kind === 'none'
}

export function dropTabs(text: string): string {
  return text.replaceAll(/^\t+/gm, '')
}
