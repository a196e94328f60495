/**
 * Where findings are gathered: what is skipped, by the file's `# check=` or by one above a single instruction, is dropped here.
 */
import type { SourceRange } from '../../../../api/types/build.ts'
import type { Directives } from '../ast.ts'
import { parseCheckOptions } from '../directives.ts'
import { DockerfileError } from '../errors.ts'
import { type LintRule, type LintRuleName, RULES } from './rules.ts'

export interface LintFinding {
  /** "JSONArgsRecommended" */
  readonly rule: LintRuleName
  readonly message: string
  readonly description: string
  readonly url: string | undefined
  readonly range: SourceRange
}

type CheckOptions = NonNullable<Directives['check']>

/** What rules report to. */
export interface Report {
  add(rule: LintRuleName, range: SourceRange, message: string): void
  /** With what the comments above an instruction skip besides. */
  above(comments: readonly string[]): Report
}

const PAGES = 'https://docs.docker.com/go/dockerfile/rule/'

export function createReport(findings: LintFinding[], checks: readonly CheckOptions[]): Report {
  return {
    add(rule, range, message) {
      const { description, page, isExperimental }: LintRule = RULES[rule]
      const isOn = isExperimental === true ? isNamed(rule, checks, 'experimental') : !isNamed(rule, checks, 'skip')
      const url = page === undefined ? undefined : `${PAGES}${page}/`
      if (isOn) findings.push({ rule, message, description, url, range })
    },
    above(comments) {
      const check = checkOf(comments)
      return check === undefined ? this : createReport(findings, [...checks, check])
    },
  }
}

function isNamed(rule: string, checks: readonly CheckOptions[], list: 'skip' | 'experimental'): boolean {
  // "all" counts only when it stands alone.
  return checks.some((check) => check[list].includes(rule) || (check[list].length === 1 && check[list][0] === 'all'))
}

/** "check=skip=all // why": the first that there is; one that cannot be read counts for nothing. */
function checkOf(comments: readonly string[]): CheckOptions | undefined {
  for (const comment of comments) {
    const value = /^check\s*=\s*(\S+)/i.exec(comment)?.[1]
    if (value === undefined) continue
    try {
      return parseCheckOptions(value, undefined)
    } catch (error) {
      if (error instanceof DockerfileError) return undefined
      throw error
    }
  }
  return undefined
}
