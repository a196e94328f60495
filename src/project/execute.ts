/**
 * Walks a plan: as many operations at the same time as its edges and the limit allow, one handler per operation, no
 * decisions. An operation that fails stops those that come after it; all others finish.
 */
import { CanceledError, MycomposeError } from '../errors.ts'
import { createGraph } from '../graph/graph.ts'
import { walk } from '../graph/walk.ts'
import type { WalkFailure } from '../graph/walk.ts'
import type { ProjectContext } from './context.ts'
import type { Execution } from './execution.ts'
import { runOperation, tellFailure } from './handlers.ts'
import { containerResource } from './names.ts'
import type { Operation, Plan } from './plan.ts'

/** Throws the first failure, with the others as its cause; CanceledError when interrupted. */
export async function executePlan(execution: Execution, plan: Plan): Promise<void> {
  const { context } = execution
  for (const name of plan.unchanged) {
    context.sink.progress({ id: containerResource(name), status: 'done', text: 'Running' })
  }
  const byId = new Map(plan.operations.map((operation) => [operation.id, operation]))
  const outcome = await walk(
    createGraph(plan.operations.map(({ id, after }): [number, readonly number[]] => [id, after])),
    async (id) => {
      const operation = byId.get(id)
      if (operation !== undefined) await attempt(execution, operation)
    },
    {
      limit: context.parallel,
      signal: context.signal,
      isIdle: (id) => byId.get(id)?.kind === 'waitDependency',
    },
  )
  throwFailures(outcome.failures)
}

/** Also when nothing is going to be done (--dry-run). */
export function tellWarnings({ sink }: ProjectContext, { warnings }: Plan): void {
  for (const text of warnings) sink.notice({ level: 'warning', text })
}

/**
 * The plan up to the first starts, and the rest: an attached `up` follows the output from between the two. Both parts
 * run in the same execution.
 */
export function splitAtStarts(plan: Plan): readonly [Plan, Plan] {
  const late = new Set<number>()
  for (const { id, kind, after } of plan.operations) {
    if (kind === 'startContainer' || kind === 'waitDependency' || after.some((one) => late.has(one))) late.add(id)
  }
  return [
    { ...plan, operations: plan.operations.filter(({ id }) => !late.has(id)) },
    { operations: plan.operations.filter(({ id }) => late.has(id)), unchanged: [], warnings: [] },
  ]
}

async function attempt(execution: Execution, operation: Operation): Promise<void> {
  try {
    await runOperation(execution, operation)
  } catch (error) {
    execution.failed.abort()
    // waiting tells it of the container that failed
    if (operation.kind !== 'waitDependency') tellFailure(execution.context, operation.resource, error)
    throw error
  }
}

function throwFailures(failures: readonly WalkFailure<number>[]): void {
  const errors = failures.map(({ error }) => error)
  const [first = errors[0], ...others] = errors.filter((error) => !(error instanceof CanceledError))
  if (first === undefined) return
  if (others.length === 0 || !(first instanceof MycomposeError)) throw first
  const { message, code, hint, exitCode, location } = first
  const cause = new AggregateError([first, ...others], `${others.length + 1} operations failed`)
  throw new MycomposeError(message, { code, hint, exitCode, location, cause })
}
