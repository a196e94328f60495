/** The operations of a plan while it is made: those that are the same in everything are there once. */
import type { Operation, OperationId } from '../plan.ts'

export type NewOperation = Omit<Operation, 'id'>

export interface OperationList {
  /** The id of the same operation when there is one; the name is the first one's. */
  add(operation: NewOperation): OperationId
  readonly all: readonly Operation[]
}

/** What makes two operations the same: names and places do not. */
function identity({ base, work, ignoresCache }: NewOperation): string {
  return JSON.stringify([base ?? null, work, ignoresCache])
}

export function createOperationList(): OperationList {
  const all: Operation[] = []
  const known = new Map<string, OperationId>()
  return {
    all,
    add(operation) {
      const key = identity(operation)
      const same = known.get(key)
      if (same !== undefined) return same
      const id = all.length
      all.push({ ...operation, id })
      known.set(key, id)
      return id
    },
  }
}
