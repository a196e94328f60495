/**
 * Words of a Dockerfile instruction: quotes, backslashes and $VARIABLES. PURE.
 * Source: Dockerfile reference, "Environment replacement" ($v, ${v}, ${v:-word}, ${v:+word} and without the colon).
 */
import { InvalidRequestError } from '../../errors.ts'

export type Variables = ReadonlyMap<string, string>

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y

interface Cursor {
  readonly text: string
  at: number
}

function readName(cursor: Cursor): string {
  NAME.lastIndex = cursor.at
  const name = NAME.exec(cursor.text)?.[0] ?? ''
  cursor.at += name.length
  return name
}

/** After "${": up to the "}" that closes it. */
function readBraced(cursor: Cursor, variables: Variables): string {
  const name = readName(cursor)
  const match = /^(?:(:?[-+])((?:[^{}]|\$\{[^{}]*\})*))?\}/.exec(cursor.text.slice(cursor.at))
  if (name === '' || match === null)
    throw new InvalidRequestError(`cannot read the variable at ${JSON.stringify(cursor.text.slice(cursor.at - 2))}`)
  cursor.at += match[0].length
  const value = variables.get(name)
  const [, operator, word = ''] = match
  if (operator === undefined) return value ?? ''
  const isSet = operator.startsWith(':') ? (value ?? '') !== '' : value !== undefined
  if (operator.endsWith('+')) return isSet ? expand(word, variables) : ''
  return isSet ? (value ?? '') : expand(word, variables)
}

function readVariable(cursor: Cursor, variables: Variables): string {
  cursor.at += 1
  if (cursor.text[cursor.at] === '{') {
    cursor.at += 1
    return readBraced(cursor, variables)
  }
  const name = readName(cursor)
  return name === '' ? '$' : (variables.get(name) ?? '')
}

/** One word up to `end` (a space) or the end of the text. */
function readWord(cursor: Cursor, variables: Variables, stopsAtSpace: boolean): string {
  let word = ''
  let quote = ''
  while (cursor.at < cursor.text.length) {
    const character = cursor.text[cursor.at] ?? ''
    if (quote === '' && stopsAtSpace && /\s/.test(character)) break
    if (character === '$' && quote !== "'") {
      word += readVariable(cursor, variables)
      continue
    }
    cursor.at += 1
    if (character === quote) quote = ''
    else if (quote === '' && (character === '"' || character === "'")) quote = character
    else if (character === '\\' && quote !== "'") {
      const next = cursor.text[cursor.at] ?? ''
      cursor.at += 1
      // between double quotes a backslash stands for itself before anything but these
      word += quote === '"' && !'"$\\'.includes(next) ? `\\${next}` : next
    } else word += character
  }
  if (quote !== '') throw new InvalidRequestError(`a quote is not closed: ${cursor.text}`)
  return word
}

/** Quotes removed, variables replaced; spaces stay. */
export function expand(text: string, variables: Variables): string {
  return readWord({ text, at: 0 }, variables, false)
}

/** Split at spaces outside quotes. Throws InvalidRequestError. */
export function splitWords(text: string, variables: Variables): string[] {
  const cursor = { text: text.trim(), at: 0 }
  const words: string[] = []
  while (cursor.at < cursor.text.length) {
    words.push(readWord(cursor, variables, true))
    while (/\s/.test(cursor.text[cursor.at] ?? '')) cursor.at += 1
  }
  return words
}
