/** Why a build failed, as its last message: the step, the Dockerfile's lines, the end of the output, what to do next. PURE. */
import type { BuildMessage } from '../../api/types/build.ts'
import { MycomposeError, errnoOf } from '../../errors.ts'
import { DockerfileError, excerptOf } from './dockerfile/errors.ts'
import type { Dockerfile } from './dockerfile/ast.ts'
import { LocatedError } from './plan/errors.ts'
import type { Progress } from './solve/progress.ts'
import { stepId } from './solve/solve.ts'
import { CommandFailedError, StepError } from './solve/step-error.ts'

type ErrorMessage = Extract<BuildMessage, { readonly kind: 'error' }>

function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')
}

function describe(error: unknown): Pick<ErrorMessage, 'message' | 'code' | 'hint' | 'exitCode' | 'source'> {
  if (isDiskFull(error))
    return {
      message: 'no space is left on the disk of the engine',
      code: 'DISK_FULL',
      hint: 'make room: mycompose builder prune, mycompose image prune',
    }
  if (!(error instanceof MycomposeError))
    return { message: error instanceof Error ? error.message : String(error), code: 'INTERNAL' }
  const source = error instanceof DockerfileError || error instanceof LocatedError ? error.source : undefined
  return {
    message: error.message,
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error instanceof CommandFailedError ? { exitCode: error.commandExitCode } : {}),
    ...(source === undefined ? {} : { source }),
  }
}

/** `dockerfile` undefined: it was not read yet. */
export function toErrorMessage(
  error: unknown,
  dockerfile: Dockerfile | undefined,
  progress: Pick<Progress, 'tail'>,
): ErrorMessage {
  if (!(error instanceof StepError)) return { kind: 'error', ...describe(error) }
  const { operation, cause } = error
  const tail = progress.tail(stepId(operation))
  return {
    kind: 'error',
    id: stepId(operation),
    ...(dockerfile === undefined ? {} : { source: excerptOf({ source: dockerfile, range: operation.range }) }),
    ...describe(cause),
    ...(tail.length === 0 ? {} : { tail }),
  }
}

/** A bug of ours, which belongs in the log. */
export function isInternal(error: unknown): boolean {
  const cause = error instanceof StepError ? error.cause : error
  return !(cause instanceof MycomposeError) && !isDiskFull(cause)
}
