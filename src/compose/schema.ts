/**
 * Checks one file against schemas/compose.schema.json and turns what ajv's check of it (compiled ahead of time) says into
 * problems with a place. What is wrong is cut out of the tree, so that the later phases can look for more problems
 * in the rest.
 */
import schema from '../../schemas/compose.schema.json' with { type: 'json' }
import type { SchemaError } from '../../schemas/compose.validate.js'
import { mapEntries, originAt, toPlain, type MapNode, type Node } from './node.ts'
import { MOST_PROBLEMS, type Problems } from './problems.ts'
import { keepsSchema } from './schema-check.ts'
import { explainSchemaError } from './schema-errors.ts'

export interface Checked {
  readonly tree: MapNode
  /** Paths of what was cut out: later phases must not complain that it is missing. */
  readonly removed: readonly (readonly string[])[]
}

export async function checkSchema(tree: MapNode, problems: Problems): Promise<Checked> {
  if (keepsSchema(tree, schema)) return { tree, removed: [] }
  // 200 KB that only a wrong file needs
  const { validate } = await import('../../schemas/compose.validate.js')
  // A null means "not set", whatever the attribute; in a list it is an error, so it stays there.
  const plain = toPlain(tree, false)
  validate(plain)
  const removed: string[][] = []
  for (const error of causes(validate.errors ?? [])) {
    const path = pathOf(error)
    removed.push(path)
    if (removed.length > MOST_PROBLEMS + 1) continue // the collector would not take them
    const { text, want } = explainSchemaError(error, path, schema, plain)
    problems.error(originAt(tree, path, want), { ...text, path })
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
  const touched = new Set(paths.flatMap((path) => path.map((_, index) => path.slice(0, index + 1).join('\0'))))
  const visit = (node: Node, path: readonly string[]): Node | undefined => {
    if (marked.has(path.join('\0'))) return undefined
    if (node.kind === 'map') return mapEntries(node, (value, key) => visit(value, [...path, key]))
    if (node.kind === 'scalar') return node
    const items = node.items.filter((_, index) => !touched.has([...path, String(index)].join('\0')))
    return { ...node, items }
  }
  const rest = visit(tree, [])
  return rest?.kind === 'map' ? rest : { ...tree, entries: new Map() }
}
