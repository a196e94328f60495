/**
 * Whether a tree keeps schemas/compose.schema.json: yes or no, in one walk over the nodes, without a plain copy of them.
 * Nearly every file does, so only a file that does not pays for ajv's check, which says what is wrong and where
 * (schema.ts). A test holds the two to each other. Source: JSON Schema 2020-12, the keywords that our schema uses.
 */
import { isNull, type MapNode, type Node, type ScalarValue } from './node.ts'
import { resolveRef, type SchemaNode } from './schema-errors.ts'

/** A schema made ready; what stands below its keys is made ready when it is met. */
interface Rule {
  readonly schema: SchemaNode
  /** Bits of `TYPES`; all where the schema names none. */
  readonly types: number
  readonly values: ReadonlySet<unknown> | undefined
  readonly pattern: RegExp | undefined
  readonly names: RegExp | undefined
  readonly items: Rule | undefined
  /** The known keys that were met so far. */
  readonly keys: Map<string, Rule>
  readonly others: KeyRule
}

type KeyRule = Rule | 'anything' | 'refused'

const TYPES = { null: 1, boolean: 2, string: 4, integer: 8, number: 16, array: 32, object: 64 } as const
const ANY_TYPE = 127

/** Keys that are null are not there, as in toPlain(tree, false). */
export function keepsSchema(tree: Node, root: SchemaNode): boolean {
  const ready = new Map<SchemaNode, Rule>()

  const ruleOf = (written: SchemaNode): Rule => {
    const schema = resolveRef(written, root) ?? {}
    const before = ready.get(schema)
    if (before !== undefined) return before
    const { items, additionalProperties: others = true } = schema
    const rule: Rule = {
      schema,
      types: typesOf(schema),
      values: schema.enum === undefined ? undefined : new Set(schema.enum),
      pattern: patternOf(schema),
      names: patternOf(schema.propertyNames ?? {}),
      items: items === undefined ? undefined : ruleOf(items),
      keys: new Map(),
      others: typeof others === 'object' ? ruleOf(others) : others ? 'anything' : 'refused',
    }
    ready.set(schema, rule)
    return rule
  }

  const ruleOfKey = (rule: Rule, key: string): KeyRule => {
    const before = rule.keys.get(key)
    if (before !== undefined) return before
    const { properties, patternProperties } = rule.schema
    if (properties === undefined || !Object.hasOwn(properties, key)) {
      // "^x-" is the only pattern of keys that the schema has
      return patternProperties !== undefined && key.startsWith('x-') ? 'anything' : rule.others
    }
    const found = ruleOf(properties[key] ?? {})
    rule.keys.set(key, found)
    return found
  }

  const keepsMap = ({ entries }: MapNode, rule: Rule): boolean => {
    if ((rule.types & TYPES.object) === 0) return false
    for (const [key, { value }] of entries) {
      if (value.tag === 'reset' || isNull(value)) continue
      if (rule.names?.test(key) === false) return false
      const below = ruleOfKey(rule, key)
      if (below === 'refused' || (below !== 'anything' && !keeps(value, below))) return false
    }
    return rule.schema.required?.every((key) => isThere(entries.get(key)?.value)) ?? true
  }

  const keeps = (node: Node, rule: Rule): boolean => {
    if (node.kind === 'scalar') return keepsScalar(node.value, rule)
    if (node.kind === 'map') return keepsMap(node, rule)
    if ((rule.types & TYPES.array) === 0) return false
    const { items } = rule
    return items === undefined || node.items.every((item) => keeps(item, items))
  }

  return keeps(tree, ruleOf(root))
}

function keepsScalar(value: ScalarValue, { types, values, pattern }: Rule): boolean {
  if ((types & typeOf(value)) === 0 || values?.has(value) === false) return false
  return typeof value !== 'string' || pattern === undefined || pattern.test(value)
}

function typeOf(value: ScalarValue): number {
  if (typeof value === 'string') return TYPES.string
  if (value === null) return TYPES.null
  if (typeof value === 'boolean') return TYPES.boolean
  if (!Number.isFinite(value)) return 0
  return Number.isInteger(value) ? TYPES.integer | TYPES.number : TYPES.number
}

function typesOf({ type }: SchemaNode): number {
  if (type === undefined) return ANY_TYPE
  const names = typeof type === 'string' ? [type] : type
  return names.reduce((bits, name) => bits | TYPES[name as keyof typeof TYPES], 0)
}

function patternOf({ pattern }: SchemaNode): RegExp | undefined {
  return pattern === undefined ? undefined : new RegExp(pattern, 'u')
}

function isThere(node: Node | undefined): boolean {
  return node !== undefined && node.tag !== 'reset' && !isNull(node)
}
