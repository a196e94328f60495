/**
 * Checks one file against schemas/compose.schema.json (compiled ahead of time) and turns what the check says into
 * problems with a place. What is wrong is cut out of the tree, so that the later phases can look for more problems
 * in the rest.
 */
import { validate, type SchemaError } from '../../schemas/compose.validate.js'
import { mapEntries, originAt, toPlain, type MapNode, type Node } from './node.ts'
import type { Problems } from './problems.ts'
import { explainSchemaError } from './schema-errors.ts'

export interface Checked {
  readonly tree: MapNode
  /** Paths of what was cut out: later phases must not complain that it is missing. */
  readonly removed: readonly (readonly string[])[]
}

export async function checkSchema(tree: MapNode, problems: Problems): Promise<Checked> {
  // A null means "not set", whatever the attribute; in a list it is an error, so it stays there.
  const plain = toPlain(tree, false)
  if (validate(plain)) return { tree, removed: [] }
  // Only wanted for the words of an error: the good path does not pay for reading it.
  const { default: schema } = await import('../../schemas/compose.schema.json', { with: { type: 'json' } })
  const removed: string[][] = []
  for (const error of causes(validate.errors ?? [])) {
    const path = pathOf(error)
    const { text, want } = explainSchemaError(error, path, schema, plain)
    problems.error(originAt(tree, path, want), { ...text, path })
    removed.push(path)
  }
  return { tree: cut(tree, removed), removed }
}

/** A wrong name is reported twice: by its own rule and by the mapping that holds it. */
function causes(errors: readonly SchemaError[]): SchemaError[] {
  return errors.filter((error) => error.propertyName === undefined)
}

/** The path of the offending key or value. */
function pathOf({ instancePath, params }: SchemaError): string[] {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  for (const name of ['additionalProperty', 'propertyName'] as const) {
    const key = params[name]
    if (typeof key === 'string') path.push(key)
  }
  return path
}

/** The tree without the values at these paths; of a list, without the whole item that holds one. */
function cut(tree: MapNode, paths: readonly (readonly string[])[]): MapNode {
  const marked = new Set(paths.map((path) => path.join('\0')))
  const visit = (node: Node, path: readonly string[]): Node | undefined => {
    if (marked.has(path.join('\0'))) return undefined
    if (node.kind === 'map') return mapEntries(node, (value, key) => visit(value, [...path, key]))
    if (node.kind === 'scalar') return node
    const items = node.items.filter((_, index) => isWhole([...path, String(index)]))
    return { ...node, items }
  }
  const isWhole = (path: readonly string[]): boolean => {
    const prefix = path.join('\0')
    return ![...marked].some((mark) => mark === prefix || mark.startsWith(`${prefix}\0`))
  }
  const rest = visit(tree, [])
  return rest?.kind === 'map' ? rest : { ...tree, entries: new Map() }
}
