/**
 * The variables that the texts of a tree use, for `config --variables`. Source: docker compose, "config --variables".
 */
import type { Node } from './node.ts'
import { parseTemplate, type Part } from './template.ts'

export interface TemplateVariable {
  readonly name: string
  /** As written after "-" or ":-"; "" when there is none. */
  readonly defaultValue: string
  /** As written after "+" or ":+". */
  readonly presenceValue: string
  /** Written with "?" or ":?". */
  readonly required: boolean
}

/** Sorted by name; what one use says of a default, a replacement or a need counts for all uses. */
export function templateVariables(root: Node): readonly TemplateVariable[] {
  const found = new Map<string, TemplateVariable>()
  const add = (parts: readonly Part[]): void => {
    for (const part of parts) {
      if (part.kind === 'text') continue
      const { name, operator = '', argument = [], argumentText = '' } = part
      const before = found.get(name)
      found.set(name, {
        name,
        defaultValue: before?.defaultValue || (operator.endsWith('-') ? argumentText : ''),
        presenceValue: before?.presenceValue || (operator.endsWith('+') ? argumentText : ''),
        required: before?.required === true || operator.endsWith('?'),
      })
      add(argument)
    }
  }
  const visit = (node: Node): void => {
    if (node.kind === 'map') for (const { value } of node.entries.values()) visit(value)
    else if (node.kind === 'seq') for (const item of node.items) visit(item)
    else if (typeof node.value === 'string' && node.value.includes('$')) {
      const parsed = parseTemplate(node.value)
      if ('parts' in parsed) add(parsed.parts)
    }
  }
  visit(root)
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
