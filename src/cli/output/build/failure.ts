/** A failed build: the step, the end of its output, the lines of the Dockerfile, then what went wrong. */
import type { BuildError } from '../../../project/build/failure.ts'
import type { Style } from '../style.ts'
import { formatExcerpt } from './excerpt.ts'
import { cleanLine } from './text.ts'

const RULE = '------'

/** What comes before the line of the error itself; "" when there is nothing. */
export function formatBuildFailure({ stepName, tail, source, stepExitCode }: BuildError, style: Style): string {
  const output =
    stepName === undefined || tail.length === 0
      ? ''
      : [RULE, ` > ${cleanLine(stepName)}:`, ...tail.map(cleanLine), RULE, ''].join('\n')
  // a command that failed is not wrong at a column
  return `${output}${source === undefined ? '' : formatExcerpt(source, style, stepExitCode === undefined && stepName === undefined)}`
}
