/** `inspect` and `rm` of named things of the engine: all are tried, the failures are told together. */
import type { EngineClient } from '../../api/client/client.ts'
import { MycomposeError } from '../../errors.ts'
import { refuseDryRun, type Session } from '../session.ts'

/** Prints the array of what is there; with something missing it still prints the rest and then throws. */
export async function inspectEach(
  session: Session,
  names: readonly string[],
  inspect: (client: EngineClient, name: string) => Promise<object>,
): Promise<void> {
  const client = await session.client()
  const outcomes = await Promise.allSettled(names.map((name) => inspect(client, name)))
  const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  await session.print(`${JSON.stringify(found, undefined, 4)}\n`)
  throwFailures(outcomes)
}

/** One after the other; `remove` returns the lines to print. */
export async function removeEach(
  session: Session,
  command: string,
  names: readonly string[],
  remove: (client: EngineClient, name: string) => Promise<readonly string[]>,
): Promise<void> {
  refuseDryRun(session, command)
  const client = await session.client()
  const outcomes: PromiseSettledResult<unknown>[] = []
  for (const name of names) {
    const [outcome] = await Promise.allSettled([remove(client, name)])
    outcomes.push(outcome)
    if (outcome.status === 'fulfilled') await session.print(outcome.value.map((line) => `${line}\n`).join(''))
  }
  throwFailures(outcomes)
}

function throwFailures(outcomes: readonly PromiseSettledResult<unknown>[]): void {
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  const [first] = failures
  if (first === undefined) return
  const foreign = failures.find((failure) => !(failure instanceof MycomposeError))
  if (foreign !== undefined || failures.length === 1) throw foreign ?? first
  const messages = failures.map((failure) => (failure instanceof MycomposeError ? failure.message : ''))
  const { code } = first as MycomposeError
  throw new MycomposeError(messages.join('\n'), { code, cause: new AggregateError(failures) })
}
