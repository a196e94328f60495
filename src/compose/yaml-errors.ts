/**
 * Words for the syntax errors of the YAML parser: what is wrong here, and what to do. The parser's own message stays
 * for the codes that are rare in Compose files.
 */
import type { YAMLError } from 'yaml'
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

export function explainYamlError(error: YAMLError, source: SourceFile): ProblemText {
  const known = EXPLANATIONS[error.code]
  const line = lineTextAt({ source, offset: error.pos[0] })
  if (error.code === 'MULTILINE_IMPLICIT_KEY' && /^\s*[\w-]+:\S/.test(line)) {
    const key = /^\s*([\w-]+):/.exec(line)?.[1] ?? ''
    return { code: 'YAML_SYNTAX', message: `a space is missing after "${key}:"`, hint: `write "${key}: ..."` }
  }
  if (error.code === 'MISSING_CHAR' && /closing/.test(error.message)) {
    return {
      code: 'YAML_SYNTAX',
      message: 'a quote is not closed',
      hint: 'close it, or double it if it is part of the text',
    }
  }
  if (known !== undefined) return { code: 'YAML_SYNTAX', ...known }
  return { code: 'YAML_SYNTAX', message: lowerFirst(error.message) }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
