/** What went wrong in a bootstrap, in words of the user's problem. PURE. */
import { InvalidRequestError, MycomposeError, ToolError, errnoOf } from '../../errors.ts'

const NO_PACKAGE = [
  /Unable to locate package (\S+)/,
  /Couldn't find any package by (?:glob|regex) '([^']+)'/,
  /Package '([^']+)' has no installation candidate/,
  /Version '[^']+' for '([^']+)' was not found/,
]
/** unshare cannot start what it was told to. */
const NOT_INSTALLED = /^unshare: failed to execute (mmdebstrap): No such file/m
const UNREACHABLE =
  /Could not connect|Could not resolve|Temporary failure resolving|Unable to connect|Connection (?:timed out|refused|failed)|Failed to fetch|Network is unreachable/
const EXPIRED = /is (?:expired|not valid yet)|Release file .* invalid for another/

/** The first line that says it, without apt's mark. */
function errorLine(tail: string, pattern: RegExp): string {
  const line = tail.split('\n').find((candidate) => pattern.test(candidate)) ?? ''
  return line.replace(/^\s*(?:E|W|Err):\s*/, '').trim()
}

/** A clearer error when the cause is a known one; else `cause` itself. `mirror`: the source line in use. */
export function explainBootstrapFailure(cause: unknown, mirror: string): unknown {
  if (!(cause instanceof ToolError)) return cause
  const { stderrTail, argv } = cause
  const missing = errnoOf(cause.cause) === 'ENOENT' ? argv[0] : NOT_INSTALLED.exec(stderrTail)?.[1]
  if (missing !== undefined)
    return new MycomposeError(`${missing} is not installed; it makes the base image`, {
      code: 'TOOL_MISSING',
      hint: `apt-get install ${missing === 'unshare' ? 'util-linux' : missing}`,
      cause,
    })
  for (const pattern of NO_PACKAGE) {
    const name = pattern.exec(stderrTail)?.[1]
    if (name !== undefined)
      return new InvalidRequestError(`there is no package ${JSON.stringify(name)} at ${mirror}`, {
        code: 'PACKAGE_NOT_FOUND',
        hint: `look for its name: apt-cache search ${name}`,
        cause,
      })
  }
  if (EXPIRED.test(stderrTail))
    return new MycomposeError(`the package mirror's index is not valid now: ${errorLine(stderrTail, EXPIRED)}`, {
      code: 'MIRROR_EXPIRED',
      hint: 'check the clock of this machine; for a snapshot mirror set Acquire::Check-Valid-Until "false" in /etc/apt/apt.conf.d',
      cause,
    })
  if (UNREACHABLE.test(stderrTail))
    return new MycomposeError(`cannot reach the package mirror ${mirror}: ${errorLine(stderrTail, UNREACHABLE)}`, {
      code: 'MIRROR_UNREACHABLE',
      hint: 'try "apt-get update" on this machine: the same mirror and proxy settings are used',
      cause,
    })
  const last = stderrTail.trim().split('\n').slice(-8).join('\n')
  return new ToolError(`making the image failed:\n${last}`, {
    argv,
    toolExitCode: cause.toolExitCode,
    stderrTail,
    cause,
  })
}
