/**
 * The error types of the whole program. An error that a user or the machine caused is a MycomposeError with a
 * stable code; a plain Error is a bug of ours (main.ts prints its stack and exits 70). Imports nothing.
 */

/** Where in a file the cause stands. `line` and `column` count from 1. */
export interface SourceLocation {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface ErrorOptions {
  /** Stable, SCREAMING_SNAKE: scripts and tests match on it. */
  readonly code: string
  /** What the user can do next, often a command. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  readonly exitCode?: number
  readonly location?: SourceLocation | undefined
}

/** Message style: lower case, no full stop, what was being done and to which thing, with value and path. */
export class MycomposeError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly exitCode: number
  readonly location: SourceLocation | undefined

  constructor(message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = options.code
    this.hint = options.hint
    this.exitCode = options.exitCode ?? 1
    this.location = options.location
  }
}

/** The command line itself is wrong. */
export class UsageError extends MycomposeError {
  constructor(message: string, options: Partial<ErrorOptions> = {}) {
    super(message, { code: 'USAGE', ...options })
  }
}

/** One problem in a Compose file, an env file or the like. Many are collected in one ConfigErrors. */
export interface ConfigProblem {
  readonly code: string
  readonly message: string
  /** Keys from the root of the document, e.g. ["services", "web", "ports", "0"]. */
  readonly path?: readonly string[]
  readonly location?: SourceLocation | undefined
  /** The text of the line that `location` names; printed with a caret under the column. */
  readonly sourceLine?: string | undefined
  readonly hint?: string | undefined
  /** The include/extends steps that led to the file, outermost first. */
  readonly chain?: readonly string[]
}

/** All problems of one load, at least one, in the order of files and lines. */
export class ConfigErrors extends MycomposeError {
  readonly problems: readonly ConfigProblem[]
  constructor(problems: readonly ConfigProblem[]) {
    const first = problems[0]
    const message = first === undefined ? 'invalid configuration' : first.message
    super(message, { code: first?.code ?? 'CONFIG', location: first?.location, hint: first?.hint })
    this.problems = problems
  }
}

/** A file is not UTF-8. `text` has U+FFFD for what is broken, first at `offset`. */
export class InvalidTextError extends MycomposeError {
  readonly text: string
  readonly offset: number
  constructor(path: string, text: string, offset: number) {
    super(`${path} is not valid UTF-8`, { code: 'INVALID_UTF8', hint: 'save it as UTF-8 text' })
    this.text = text
    this.offset = offset
  }
}

/** Something named does not exist. API status 404. */
export class NotFoundError extends MycomposeError {
  constructor(message: string, options: Partial<ErrorOptions> = {}) {
    super(message, { code: 'NOT_FOUND', ...options })
  }
}

/** The present state forbids it (name taken, port taken, in use). API status 409. */
export class ConflictError extends MycomposeError {
  constructor(message: string, options: Partial<ErrorOptions> = {}) {
    super(message, { code: 'CONFLICT', ...options })
  }
}

/** A request to the engine is malformed or asks for the impossible. API status 400. */
export class InvalidRequestError extends MycomposeError {
  constructor(message: string, options: Partial<ErrorOptions> = {}) {
    super(message, { code: 'INVALID_REQUEST', ...options })
  }
}

/** The engine cannot do this here or not yet. API status 501. */
export class UnsupportedError extends MycomposeError {
  constructor(message: string, options: Partial<ErrorOptions> = {}) {
    super(message, { code: 'UNSUPPORTED', ...options })
  }
}

/** A program that we ran failed. */
export class ToolError extends MycomposeError {
  readonly argv: readonly string[]
  readonly toolExitCode: number | null
  readonly stderrTail: string
  constructor(
    message: string,
    options: Partial<ErrorOptions> & {
      argv: readonly string[]
      toolExitCode: number | null
      stderrTail: string
    },
  ) {
    super(message, { code: 'TOOL_FAILED', ...options })
    this.argv = options.argv
    this.toolExitCode = options.toolExitCode
    this.stderrTail = options.stderrTail
  }
}

/** A system call failed. `errno` is the name ("EPERM"). */
export class KernelError extends MycomposeError {
  readonly errno: string
  readonly path: string | undefined
  constructor(message: string, options: Partial<ErrorOptions> & { errno: string; path?: string | undefined }) {
    super(message, { code: 'KERNEL', ...options })
    this.errno = options.errno
    this.path = options.path
  }
}

/** The engine answered an API request with an error status. */
export class ApiError extends MycomposeError {
  readonly status: number
  constructor(message: string, options: Partial<ErrorOptions> & { status: number }) {
    super(message, { code: 'ENGINE_ERROR', ...options })
    this.status = options.status
  }
}

/** The user interrupted (SIGINT, SIGTERM) or declined. */
export class CanceledError extends MycomposeError {
  constructor(message = 'canceled', options: Partial<ErrorOptions> = {}) {
    super(message, { code: 'CANCELED', exitCode: 130, ...options })
  }
}

/** What libuv has no names for: Node's `code` is then "UNKNOWN" or "Unknown system error -122". Source: libuv uv.h, asm-generic/errno.h. */
const UNNAMED_ERRNO: Readonly<Record<number, string>> = { [-116]: 'ESTALE', [-117]: 'EUCLEAN', [-122]: 'EDQUOT' }

/** The code of a Node system error ("ENOENT"), or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof KernelError) return error.errno
  if (typeof error === 'object' && error !== null && 'code' in error) {
    const { code } = error
    const unnamed = 'errno' in error ? UNNAMED_ERRNO[Number(error.errno)] : undefined
    if (unnamed !== undefined) return unnamed
    return typeof code === 'string' ? code : undefined
  }
  return undefined
}
