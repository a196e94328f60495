/**
 * Words for the syntax errors of the YAML parser: what is wrong here, and what to do. The parser's own message stays
 * for the codes that are rare in Compose files.
 */
import { visit, type Document, type YAMLError } from 'yaml'
import { lineTextAt, type ProblemText, type SourceFile } from './source-file.ts'

interface Explanation {
  readonly message: string
  readonly hint: string
}

const EXPLANATIONS: Readonly<Partial<Record<YAMLError['code'], Explanation>>> = {
  TAB_AS_INDENT: { message: 'a tab is used for indentation', hint: 'indent with spaces: YAML takes no tabs' },
  BAD_INDENT: {
    message: 'bad indentation',
    hint: 'keys of one mapping start in the same column, and so do the items of one list',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a mapping cannot start here',
    hint: 'put the key on a line of its own, or quote the value if it contains ": "',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: 'this is no "key: value"',
    hint: 'put a colon and a space after the key, and check the indentation of the next line',
  },
  BAD_SCALAR_START: { message: 'a value cannot start with this character', hint: 'put the value in quotes' },
  BAD_DQ_ESCAPE: {
    message: 'unknown escape sequence in a double-quoted text',
    hint: 'write \\\\ for a backslash, or use single quotes',
  },
}

export interface ExplainedError {
  readonly offset: number
  readonly text: ProblemText
}

export function explainYamlError(error: YAMLError, source: SourceFile, document: Document.Parsed): ExplainedError {
  const [offset] = error.pos
  const explained = (message: string, hint?: string, at = offset): ExplainedError => ({
    offset: at,
    text: { code: 'YAML_SYNTAX', message, hint },
  })
  if (error.message.includes('call stack')) return explained('the document is nested too deeply')
  const missingSpace = /^\s*(?:- )?([\w.-]+):\S/.exec(lineTextAt({ source, offset }))
  if (error.code === 'MULTILINE_IMPLICIT_KEY' && missingSpace !== null) {
    return explained(`a space is missing after "${missingSpace[1]}:"`, `write "${missingSpace[1]}: ..."`)
  }
  if (error.code === 'MISSING_CHAR' && error.message.includes('closing')) {
    const hint = 'close it, or double it if it is part of the text'
    return explained('a quote is not closed', hint, openQuote(document, offset) ?? offset)
  }
  if (error.message.startsWith('Flow ')) {
    const bracket = error.message.includes('sequence') ? '[' : '{'
    return explained(`a "${bracket}" is not closed before this line`, `end it with "${bracket === '[' ? ']' : '}'}"`)
  }
  const known = EXPLANATIONS[error.code]
  return known === undefined ? explained(lowerFirst(error.message)) : explained(known.message, known.hint)
}

/** Where the quoted text begins that ends at `end`. */
function openQuote(document: Document.Parsed, end: number): number | undefined {
  let found: number | undefined
  visit(document, {
    Scalar: (_, { type, range }) => {
      if (!isNonNullable(range) || (type !== 'QUOTE_DOUBLE' && type !== 'QUOTE_SINGLE')) return
      if (range[1] >= end) found ??= range[0]
    },
  })
  return found
}

function isNonNullable<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
