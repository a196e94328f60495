/** The plan: operations as data, each with its cause and the operations that it comes after. */
export interface Plan {
  readonly operations: readonly Operation[]
}
export interface Operation {
  readonly id: number
  readonly kind: string
}
/** One line per operation: `[deps] -> #id resource, operation, cause`; "" for an empty plan. */
export function formatPlan(plan: Plan): string {
  return plan.operations.map((operation) => `#${operation.id} ${operation.kind}\n`).join('')
}
