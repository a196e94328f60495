/** Errors as the API tells them: a status, and a body {message, code, hint}. */
import type { ErrorResponse } from '../types/index.ts'
import {
  ApiError,
  CanceledError,
  ConfigErrors,
  ConflictError,
  InvalidRequestError,
  MycomposeError,
  NotFoundError,
  UnsupportedError,
  UsageError,
  errnoOf,
} from '../../errors.ts'

export interface ApiFailure {
  readonly status: number
  readonly body: ErrorResponse
  /** Set for a bug of ours: what to log. */
  readonly bug?: Error
}

function statusOf(error: MycomposeError): number {
  if (error instanceof NotFoundError) return 404
  if (error instanceof ConflictError) return 409
  if (error instanceof InvalidRequestError || error instanceof UsageError || error instanceof ConfigErrors) return 400
  if (error instanceof UnsupportedError) return 501
  if (error instanceof ApiError) return error.status
  if (error instanceof CanceledError) return 503
  return error.code === 'DISK_FULL' ? 507 : 500
}

/** A full disk or quota, wherever it was met: the user's affair, and no bug of ours. */
function diskFull(error: unknown): ErrorResponse | undefined {
  const errno = errnoOf(error)
  if (errno !== 'ENOSPC' && errno !== 'EDQUOT') return undefined
  const { path, message } = error as { readonly path?: unknown; readonly message: string }
  const why = errno === 'ENOSPC' ? 'no space is left on the disk' : 'the disk quota is used up'
  return {
    message: typeof path === 'string' ? `cannot write ${path}: ${why}` : `${why}: ${message}`,
    code: 'DISK_FULL',
    hint: 'nothing half-made was kept; make room (mycompose image rm, mycompose volume rm, df -h) and try again',
  }
}

export function toFailure(error: unknown): ApiFailure {
  const full = diskFull(error)
  if (full !== undefined) return { status: 507, body: full }
  if (error instanceof MycomposeError) {
    const { message, code, hint } = error
    return { status: statusOf(error), body: { message, code, ...(hint === undefined ? {} : { hint }) } }
  }
  const bug = error instanceof Error ? error : new Error(String(error))
  return { status: 500, body: { message: `internal error: ${bug.message}`, code: 'INTERNAL' }, bug }
}
