/**
 * command, entrypoint and hook commands: a string is split into words as a shell would, but no shell runs.
 * null: the image's; an empty string or list: none. Source: Compose Specification, "command".
 */
import { isNull, seqNode, scalarNode, textOf } from '../node.ts'
import { reject, type Canonicalize } from './context.ts'
import { text } from './scalars.ts'
import { list } from './shapes.ts'

export const command: Canonicalize = (node, context) => {
  if (isNull(node)) return node
  if (node.kind === 'seq') return list(text)(node, context)
  const line = textOf(node) ?? ''
  const split = splitWords(line)
  if (split === undefined) {
    const shown = JSON.stringify(line)
    const message = `the command ${shown} has a quote, "\`" or "$(" without end, a "\\" at its end, or a bare parenthesis`
    return reject(node, context, message, 'use a list instead')
  }
  if (split.ignored !== '') {
    const message = `no shell runs the command ${JSON.stringify(line)}: ${JSON.stringify(split.ignored)} is ignored, as by docker compose`
    context.problems.warn(node, { code: 'COMMAND_CUT', message, hint: `for a shell: ["sh", "-c", "..."]` })
  }
  return seqNode(
    split.words.map((word) => scalarNode(word, node)),
    node,
  )
}

export interface SplitCommand {
  readonly words: string[]
  /** From the first operator of a shell on. */
  readonly ignored: string
}

/**
 * The quoting of go-shellwords, which docker compose uses (behaviour of 2.40.3): a backslash takes the next character
 * outside single quotes, "`...`" and "$(...)" are kept as one word, an unquoted `;`, `&`, `|`, `<` or `>` ends the
 * command. undefined: something has no end, or a parenthesis stands alone.
 * @example splitWords(`sh -c "a b" c\\ d; e`) gives words ["sh", "-c", "a b", "c d"], ignored "; e"
 */
export function splitWords(line: string): SplitCommand | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  let substitution = '' // the character that ends it
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at)
    if (quote === "'" && character !== quote) word += character
    else if (character === '\\') {
      at += 1
      if (at === line.length) return undefined
      word = (word ?? '') + line.charAt(at)
    } else if (quote !== '' && character !== quote) word += character
    else if (quote !== '') quote = ''
    else if (substitution !== '') {
      if (character === '(' && substitution === ')') return undefined
      if (character === substitution) substitution = ''
      word += character
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ''
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (OPERATORS.has(character)) {
      // "2>": the number of a file descriptor
      if (word !== undefined && !(character === '>' && /^\d/.test(word))) words.push(word)
      return { words, ignored: line.slice(at) }
    } else {
      if (character === '`') substitution = '`'
      else if (character === '(' && word?.endsWith('$') === true) substitution = ')'
      else if (character === '(' || character === ')') return undefined
      word = (word ?? '') + character
    }
  }
  if (quote !== '' || substitution !== '') return undefined
  if (word !== undefined) words.push(word)
  return { words, ignored: '' }
}

const OPERATORS: ReadonlySet<string> = new Set([';', '&', '|', '<', '>'])
