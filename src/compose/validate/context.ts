/**
 * What the rules that look across attributes share. Each rule is a function over one service or over the project.
 */
import type { Project, Service } from '../model.ts'
import type { ProblemText } from '../source-file.ts'

export interface RuleContext {
  readonly project: Project
  /** Reports at the value of a path (snake_case). */
  error(path: readonly string[], text: ProblemText): void
  warn(path: readonly string[], text: ProblemText): void
  /** Whether an earlier phase cut this path out: then nothing may be said about its absence. */
  isRemoved(path: readonly string[]): boolean
  /** Whether anything at or below this path was cut out. */
  isIncomplete(path: readonly string[]): boolean
}

export type ServiceRule = (service: Service, context: RuleContext) => void
export type ProjectRule = (context: RuleContext) => void
