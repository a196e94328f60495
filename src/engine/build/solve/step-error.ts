/** Why a build ended: the step that failed, with what is known of it. */
import { MycomposeError } from '../../../errors.ts'
import type { Operation } from '../plan.ts'

/** What is behind exit codes that are not the command's own. */
function hintOf(exitCode: number): string | undefined {
  if (exitCode === 127) return 'a program that it names is not in the image, or not in its PATH'
  if (exitCode === 126) return 'a file that it names cannot be run: is it executable, and for this kind of machine?'
  return undefined
}

/** A command of RUN ended with another code than 0. */
export class CommandFailedError extends MycomposeError {
  /** Of the command; above 128 a signal. */
  readonly commandExitCode: number
  constructor(argv: readonly string[], commandExitCode: number) {
    super(`process ${JSON.stringify(argv.join(' '))} did not complete successfully: exit code: ${commandExitCode}`, {
      code: 'BUILD_STEP_FAILED',
      hint: hintOf(commandExitCode),
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
