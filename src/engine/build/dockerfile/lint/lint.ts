/**
 * The checks of `build --check`, which every build runs too and tells as warnings. Pure: what the plan has found out (base
 * images, .dockerignore) comes as parameters. Findings come in BuildKit's order: what the parser sees, what FROM lines say, then
 * each stage.
 */
import type { Directives, Dockerfile, Stage, StageInstruction } from '../ast.ts'
import { lintCasing, lintParsed, lintStageNames } from './file-rules.ts'
import { type LintFinding, type Report, createReport } from './findings.ts'
import { globalVariables, lintDefaults, lintFrom, matchWord } from './from-rules.ts'
import { type LintIgnore, type StageContext, lintInstruction } from './stage-rules.ts'
import { type LintBase, type StageState, stageBelow, startState } from './stage-state.ts'

export type { LintBase } from './stage-state.ts'
export type { LintFinding } from './findings.ts'

export interface LintOptions {
  /** Build arguments of the request. */
  readonly args?: Readonly<Record<string, string>>
  /** TARGETPLATFORM and the others that the builder sets. */
  readonly automaticArgs?: ReadonlyMap<string, string>
  /**
   * What a stage begins with, by its index; never asked of stages built on others. `{ env: [], hasShell: false }` for scratch;
   * undefined: not known, and rules that need it say nothing.
   */
  readonly baseOf?: (stage: number) => LintBase | undefined
  /** Indexes of the stages that are built; undefined: all, as `--check` does. */
  readonly stages?: ReadonlySet<number>
  /** .dockerignore of the main context. */
  readonly ignore?: LintIgnore | undefined
  /** Takes the place of the file's `# check=` (BUILDKIT_DOCKERFILE_CHECK). */
  readonly check?: Directives['check']
}

export function lint(file: Dockerfile, options: LintOptions): readonly LintFinding[] {
  const findings: LintFinding[] = []
  const check = options.check ?? file.directives.check
  const report = createReport(findings, check === undefined ? [] : [check])
  const automatic = options.automaticArgs ?? new Map<string, string>()
  lintParsed(file, report)
  lintStageNames(file.stages, report)
  lintCasing(file.stages, report)
  lintDefaults(file, automatic, report)
  const globals = globalVariables(file, automatic, options.args ?? {}) ?? automatic
  for (const stage of file.stages) lintFrom(file, stage, globals, report.above(stage.from.comments))
  lintStages(file, globals, options, report)
  return findings
}

/** What `error=true` makes of findings; undefined: they stay warnings. */
export function lintFailure(
  file: Dockerfile,
  findings: readonly LintFinding[],
  options: LintOptions,
): string | undefined {
  const check = options.check ?? file.directives.check
  if (check?.error !== true || findings.length === 0) return undefined
  return `lint violation found for rules: ${[...new Set(findings.map(({ rule }) => rule))].join(', ')}`
}

function lintStages(
  file: Dockerfile,
  globals: ReadonlyMap<string, string>,
  options: LintOptions,
  report: Report,
): void {
  const states = new Map<Stage, StageState>()
  for (const stage of file.stages) {
    const image = matchWord(file, stage.from.image, globals).result ?? ''
    const below = stageBelow(file.stages, stage, image)
    const base = below === undefined ? options.baseOf?.(stage.index) : undefined
    const state = startState(base, below === undefined ? undefined : states.get(below))
    states.set(stage, state)
    const isBuilt = options.stages?.has(stage.index) ?? true
    // A stage that is not built still hands its variables on.
    const said = isBuilt ? report : createReport([], [])
    if (base?.mismatch !== undefined) {
      const { image: name, expected, actual } = base.mismatch
      const message = `Base image ${name} was pulled with platform "${actual}", expected "${expected}" for current build`
      said.add('InvalidBaseImagePlatform', stage.from.range, message)
    }
    lintStage(stage, { file, state, globals, given: options.args ?? {}, ignore: options.ignore }, said)
  }
}

const ONCE: ReadonlySet<StageInstruction['kind']> = new Set(['cmd', 'entrypoint', 'healthcheck'])

/** Of several instructions of which the last one counts, the earlier ones are told. */
function lintStage(stage: Stage, context: StageContext, report: Report): void {
  const last = new Map<string, StageInstruction>()
  for (const instruction of stage.instructions) {
    const above = report.above(instruction.comments)
    if (ONCE.has(instruction.kind)) {
      const earlier = last.get(instruction.kind)
      const message = `Multiple ${instruction.keyword.text} instructions should not be used in the same stage because only the last one will be used`
      if (earlier !== undefined) above.add('MultipleInstructionsDisallowed', earlier.range, message)
      last.set(instruction.kind, instruction)
    }
    lintInstruction(instruction, context, above)
  }
}
