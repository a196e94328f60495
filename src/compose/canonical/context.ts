/**
 * What the canonicalisers share. Each turns the node of one attribute, in any of its syntaxes, into the one canonical
 * form (snake_case keys, numbers for durations in ns and sizes in bytes), without filling in defaults: a merge must
 * still see what a file did not say.
 */
import type { Node } from '../node.ts'
import type { Problems } from '../problems.ts'

export interface CanonicalContext {
  readonly problems: Problems
  /** Folder that relative paths of this file are relative to; undefined leaves paths as they are. */
  readonly baseDir: string | undefined
  readonly homeDir: string | undefined
  /** Texts with variables stay as they were written: `config --no-interpolate`. */
  readonly keepTemplates: boolean
}

/** undefined: nothing usable; a problem was reported, or the value means "not set". */
export type Canonicalize = (node: Node, context: CanonicalContext) => Node | undefined

/** Whether a node is a text that cannot be read before its variables are filled in. */
export function isKept(node: Node, { keepTemplates }: CanonicalContext): boolean {
  return keepTemplates && node.kind === 'scalar' && typeof node.value === 'string' && node.value.includes('$')
}

/** Reports a value that cannot be read, and drops it. */
export function reject(node: Node, context: CanonicalContext, message: string, hint?: string): undefined {
  context.problems.error(node, { code: 'INVALID_VALUE', message, hint })
  return undefined
}
