/**
 * Errors and warnings as text for people, or as JSON for `--progress json`. What came from files, images or containers
 * is stripped of control characters, so that it cannot move the cursor or forge lines.
 */
import { ConfigErrors, MycomposeError, type ConfigProblem } from '../../errors.ts'
import { BuildError } from '../../project/build/failure.ts'
import { formatBuildFailure } from './build/failure.ts'
import { stripControls } from './controls.ts'
import type { Style } from './style.ts'

/** One problem: where, what, the line with a caret, how we came there, what to do. Ends with a line feed. */
export function formatProblem(problem: ConfigProblem, kind: 'error' | 'warning', style: Style): string {
  const { location, sourceLine, chain = [], hint } = problem
  const paint = kind === 'error' ? style.red : style.yellow
  const where = location === undefined ? '' : `${style.bold(`${location.file}:${location.line}:${location.column}`)}: `
  const lines = [`${where}${paint(`${kind}:`)} ${stripControls(problem.message)}`]
  if (location !== undefined && sourceLine !== undefined)
    lines.push(...sourceWithCaret(sourceLine, location.line, location.column, style))
  lines.push(...chain.map((step) => `  ${style.dim(stripControls(step))}`))
  if (hint !== undefined) lines.push(`  ${style.blue('hint:')} ${stripControls(hint)}`)
  return `${lines.join('\n')}\n`
}

/** Of a file without line feeds the line would be all of it, for every problem. */
const MOST_OF_LINE = 400

function sourceWithCaret(whole: string, number: number, column: number, style: Style): string[] {
  const gutter = String(number)
  const from = column > MOST_OF_LINE ? column - MOST_OF_LINE / 2 : 0
  const line = stripControls(whole.slice(from, from + MOST_OF_LINE))
  // the indent is repeated as it is, so that tabs line up
  const indent = line.slice(0, column - 1 - from).replaceAll(/[^\t]/g, ' ')
  return [
    `  ${style.dim(`${gutter} |`)} ${line}`,
    `  ${style.dim(`${' '.repeat(gutter.length)} |`)} ${indent}${style.red('^')}`,
  ]
}

/** A MycomposeError as people read it. Ends with a line feed. */
export function formatError(error: MycomposeError, style: Style): string {
  const before = error instanceof BuildError ? formatBuildFailure(error, style) : ''
  if (error instanceof ConfigErrors && error.problems.length > 0) {
    const { problems } = error
    const count = problems.length > 1 ? `${style.red('error:')} ${problems.length} problems in the configuration\n` : ''
    return problems.map((problem) => formatProblem(problem, 'error', style)).join('') + count
  }
  const { location } = error
  if (location !== undefined) return formatProblem({ ...pick(error), location }, 'error', style)
  const hint = error.hint === undefined ? '' : `${style.blue('hint:')} ${stripControls(error.hint)}\n`
  return `${before}${style.red('error:')} ${stripControls(error.message)}\n${hint}`
}

function pick({ code, message, hint }: MycomposeError): ConfigProblem {
  return { code, message, hint }
}

/** A bug of ours: the whole story. */
export function formatBug(error: unknown, version: string): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return `mycompose ${version} has a bug, please report this:\n${causes(error, stack)}\n`
}

function causes(error: unknown, text: string): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? causes(cause, `${text}\ncaused by ${cause.stack ?? cause.message}`) : text
}

/** One line, as docker compose prints errors with --progress json; code, hint and problems are ours. */
export function errorJson(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const more =
    error instanceof ConfigErrors
      ? { code: error.code, problems: error.problems.map(withShortLine) }
      : error instanceof BuildError
        ? buildFields(error)
        : error instanceof MycomposeError
          ? { code: error.code, hint: error.hint, location: error.location }
          : {}
  return `${JSON.stringify({ error: true, message, ...more })}\n`
}

/** Else a file of one line would be told once for each of its problems. */
function withShortLine({ sourceLine, ...problem }: ConfigProblem): ConfigProblem {
  return sourceLine === undefined || sourceLine.length > MOST_OF_LINE ? problem : { ...problem, sourceLine }
}

function buildFields({ code, hint, image, stepName, stepExitCode, source, tail }: BuildError): object {
  return { code, hint, image, step: stepName, exitCode: stepExitCode, source, tail }
}
