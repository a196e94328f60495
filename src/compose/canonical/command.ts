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
  const words = splitWords(line)
  if (words === undefined) {
    return reject(node, context, `a quote is not closed in the command ${JSON.stringify(line)}`, 'use a list instead')
  }
  return seqNode(
    words.map((word) => scalarNode(word, node.origin)),
    node.origin,
  )
}

/**
 * POSIX shell quoting and nothing else of the shell; undefined when a quote is not closed.
 * @example splitWords(`sh -c "a b" c\\ d`) gives ["sh", "-c", "a b", "c d"]
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at)
    if (quote !== '') {
      if (character === quote) quote = ''
      else if (character === '\\' && quote === '"' && /["\\$`\n]/.test(line.charAt(at + 1))) word += line.charAt(++at)
      else word += character
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ''
    } else if (character === '\\' && at + 1 < line.length) {
      at += 1
      if (line.charAt(at) !== '\n') word = (word ?? '') + line.charAt(at)
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + character
  }
  if (quote !== '') return undefined
  if (word !== undefined) words.push(word)
  return words
}
