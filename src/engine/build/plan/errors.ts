/** An error of something else (a registry, the store) at the place in the Dockerfile that asked for it. */
import type { SourceExcerpt, SourceRange } from '../../../api/types/build.ts'
import { MycomposeError } from '../../../errors.ts'
import { excerptOf, type SourceText } from '../dockerfile/errors.ts'

/** Code and hint are those of its cause. */
export class LocatedError extends MycomposeError {
  readonly source: SourceExcerpt
  constructor(cause: MycomposeError, source: SourceExcerpt) {
    super(cause.message, {
      code: cause.code,
      hint: cause.hint,
      cause,
      location: { file: source.file, line: source.range.line, column: source.range.column },
    })
    this.source = source
  }
}

/** Cancels and errors that have a place stay as they are, bugs of ours too. */
export function located(error: unknown, source: SourceText, range: SourceRange): unknown {
  if (!(error instanceof MycomposeError) || error.code === 'CANCELED' || error.location !== undefined) return error
  return new LocatedError(error, excerptOf({ source, range }))
}
