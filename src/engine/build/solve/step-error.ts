/** Why a build ended: the step that failed, with what is known of it. */
import { MycomposeError } from '../../../errors.ts'
import type { Operation } from '../plan.ts'

/** A command of RUN ended with another code than 0. */
export class CommandFailedError extends MycomposeError {
  /** Of the command; above 128 a signal. */
  readonly commandExitCode: number
  constructor(argv: readonly string[], commandExitCode: number) {
    const command = argv.length > 0 ? argv.join(' ') : 'nothing'
    super(`process ${JSON.stringify(command)} did not complete successfully: exit code: ${commandExitCode}`, {
      code: 'BUILD_STEP_FAILED',
    })
    this.commandExitCode = commandExitCode
  }
}

/** Wraps what went wrong in a step; code, hint and message are those of the cause. */
export class StepError extends Error {
  readonly operation: Operation
  constructor(operation: Operation, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.operation = operation
  }
}
