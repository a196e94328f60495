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
  return 500
}

export function toFailure(error: unknown): ApiFailure {
  if (error instanceof MycomposeError) {
    const { message, code, hint } = error
    return { status: statusOf(error), body: { message, code, ...(hint === undefined ? {} : { hint }) } }
  }
  const bug = error instanceof Error ? error : new Error(String(error))
  return { status: 500, body: { message: `internal error: ${bug.message}`, code: 'INTERNAL' }, bug }
}
