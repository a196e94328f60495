/**
 * Fills the variables of a template, and of all values of a tree (keys are never interpolated).
 * Source: Compose Specification, "Interpolation".
 */
import { mapEntries, mapItems, type Node } from './node.ts'
import type { Problems } from './problems.ts'
import type { Origin } from './source-file.ts'
import { parseTemplate, type ParsedTemplate, type Part, type Variable } from './template.ts'

export type Lookup = (name: string) => string | undefined

/** Own keys only: "constructor" is no variable. */
export function lookupIn(values: Readonly<Record<string, string>>): Lookup {
  return (name) => (Object.hasOwn(values, name) ? values[name] : undefined)
}

/** What filling a template met, in order. */
export interface InterpolationNote {
  readonly kind: 'unset' | 'required' | 'invalid'
  readonly offset: number
  readonly name: string
  /** Of `${V?message}`; of an invalid template, what is wrong with it. */
  readonly message: string
}

/** The filled text. With a note of kind "required" or "invalid" the text is not to be used. */
export function interpolateText(text: string, lookup: Lookup, note: (note: InterpolationNote) => void): string {
  return text.includes('$') ? fillTemplate(text, parseTemplate(text), lookup, note) : text
}

function fillTemplate(
  text: string,
  parsed: ParsedTemplate,
  lookup: Lookup,
  note: (note: InterpolationNote) => void,
): string {
  if ('fault' in parsed) {
    const { offset, text: name, reason } = parsed.fault
    note({ kind: 'invalid', offset, name, message: reason })
    return text
  }
  return fill(parsed.parts, lookup, note)
}

function fill(parts: readonly Part[], lookup: Lookup, note: (note: InterpolationNote) => void): string {
  let result = ''
  for (const part of parts) result += part.kind === 'text' ? part.text : valueOf(part, lookup, note)
  return result
}

function valueOf(variable: Variable, lookup: Lookup, note: (note: InterpolationNote) => void): string {
  const { name, offset, operator, argument = [] } = variable
  const value = lookup(name)
  const isSet = value !== undefined && !(operator?.startsWith(':') === true && value === '')
  switch (operator) {
    case undefined:
      if (value === undefined) note({ kind: 'unset', offset, name, message: '' })
      return value ?? ''
    case '-':
    case ':-':
      return isSet ? value : fill(argument, lookup, note)
    case '+':
    case ':+':
      return isSet ? fill(argument, lookup, note) : ''
    case '?':
    case ':?':
      if (!isSet) note({ kind: 'required', offset, name, message: fill(argument, lookup, note) })
      return value ?? ''
    default:
      return operator satisfies never
  }
}

/** The tree with every text filled. Values marked `!reset` are left alone. What aliases share stays shared. */
export function interpolateTree(root: Node, lookup: Lookup, problems: Problems): Node {
  // "\x24" is a dollar sign too
  if (!/[$\\]/.test(root.source.text)) return root
  const filled = new Map<Node, Node>()
  const templates = new Map<string, ParsedTemplate>() // the same stand at many places
  const visit = (node: Node): Node => {
    if (node.kind === 'scalar') return visitNew(node)
    const before = filled.get(node)
    if (before !== undefined) return before
    const result = visitNew(node)
    filled.set(node, result)
    return result
  }
  const visitNew = (node: Node): Node => {
    if (node.tag === 'reset') return node
    switch (node.kind) {
      case 'map':
        return mapEntries(node, visit)
      case 'seq': {
        const items = mapItems(node.items, visit)
        return items === node.items ? node : { ...node, items }
      }
      case 'scalar': {
        if (typeof node.value !== 'string' || !node.value.includes('$')) return node
        const template = node.value
        let parsed = templates.get(template)
        if (parsed === undefined) templates.set(template, (parsed = parseTemplate(template)))
        const value = fillTemplate(template, parsed, lookup, (found) => report(found, template, node, problems))
        return { ...node, value }
      }
      default:
        return node satisfies never
    }
  }
  return visit(root)
}

function report(found: InterpolationNote, template: string, origin: Origin, problems: Problems): void {
  const { kind, name, message } = found
  switch (kind) {
    case 'unset':
      problems.warn(variableOrigin(origin, found.offset, template), {
        code: 'VARIABLE_UNSET',
        once: true,
        message: `the variable "${name}" is not set, an empty text is used`,
        hint: `set ${name} in the shell or in .env, or give a default: \${${name}:-...}`,
      })
      return
    case 'required':
      problems.error(variableOrigin(origin, found.offset, template), {
        code: 'VARIABLE_REQUIRED',
        message: `required variable ${name} is missing a value${message === '' ? '' : `: ${message}`}`,
        hint: `set ${name} in the shell or in .env`,
      })
      return
    case 'invalid':
      problems.error(variableOrigin(origin, found.offset, template), {
        code: 'INTERPOLATION_INVALID',
        message: `invalid interpolation in ${JSON.stringify(template)}: ${message}`,
        hint: 'write $$ for a literal dollar sign',
      })
      return
    default:
      kind satisfies never
  }
}

/** Where the `$` stands in the file: quotes and folded lines move it, so the expression is searched for. */
function variableOrigin(origin: Origin, offset: number, template: string): Origin {
  const start = template.slice(offset, offset + 3)
  const around = origin.source.text.slice(origin.offset, origin.offset + template.length + 64)
  const at = around.indexOf(start)
  return at === -1 ? origin : { source: origin.source, offset: origin.offset + at }
}
