/** Rules that look at the text alone: casing, names of stages, comments, what is deprecated. */
import type { Dockerfile, FromInstruction, Stage, StageInstruction } from '../ast.ts'
import type { Report } from './findings.ts'

/** What BuildKit sees while it parses. */
export function lintParsed(file: Dockerfile, report: Report): void {
  for (const note of file.notes) {
    if (note.rule === 'NoEmptyContinuation') report.add('NoEmptyContinuation', note.range, note.message)
  }
  for (const arg of file.globalArgs) lintDescription(arg, report)
  for (const stage of file.stages) {
    lintFromCasing(stage.from, report.above(stage.from.comments))
    lintDescription(stage.from, report)
    for (const instruction of stage.instructions) {
      if (instruction.kind === 'arg') lintDescription(instruction, report)
      if (instruction.kind === 'maintainer') {
        const message = 'Maintainer instruction is deprecated in favor of using label'
        report.above(instruction.comments).add('MaintainerDeprecated', instruction.range, message)
      }
    }
  }
}

function lintFromCasing(from: FromInstruction, report: Report): void {
  if (from.as === undefined) return
  const name = from.as.text
  if (name !== name.toLowerCase()) {
    report.add('StageNameCasing', from.range, `Stage name '${name}' should be lowercase`)
  }
  const keyword = from.keyword.text
  const { asKeyword = '' } = from
  const wanted = keyword === keyword.toLowerCase() ? asKeyword.toLowerCase() : asKeyword.toUpperCase()
  if (isOneCase(keyword) && asKeyword !== wanted) {
    const message = `'${asKeyword}' and '${keyword}' keywords' casing do not match`
    report.add('FromAsCasing', from.range, message)
  }
}

/** The last comment line above must begin with a name that the instruction defines. */
function lintDescription(instruction: FromInstruction | StageInstruction, report: Report): void {
  const comment = instruction.comments.at(-1)
  const names =
    instruction.kind === 'from'
      ? [instruction.as?.text.toLowerCase() ?? '']
      : instruction.kind === 'arg'
        ? instruction.pairs.map(({ key }) => key.text)
        : []
  const [first = '', ...more] = names
  if (comment === undefined || first === '' || names.includes(comment.split(' ', 1)[0] ?? '')) return
  const name = more.length > 0 ? '<arg_key>' : first
  const message = `Comment for ${instruction.kind.toUpperCase()} should follow the format: \`# ${name} <description>\``
  report.above(instruction.comments).add('InvalidDefinitionDescription', instruction.range, message)
}

const RESERVED = new Set(['context', 'scratch'])

export function lintStageNames(stages: readonly Stage[], report: Report): void {
  const names = new Set<string>()
  for (const { name, from } of stages) {
    if (name === undefined) continue
    if (RESERVED.has(name)) {
      const message = `Stage name should not use the same name as reserved stage "${name}"`
      report.add('ReservedStageName', from.range, message)
    }
    if (names.has(name)) {
      const message = `Duplicate stage name "${name}", stage names should be unique`
      report.add('DuplicateStageName', from.range, message)
    }
    names.add(name)
  }
}

/** The case that most have wins; upper case when they are as many. */
export function lintCasing(stages: readonly Stage[], report: Report): void {
  const all = stages.flatMap(({ from, instructions }) => [from, ...instructions])
  const words = all.map(({ keyword }) => keyword.text).filter(isOneCase)
  const lower = words.filter((word) => word === word.toLowerCase()).length
  const isLower = lower > words.length - lower
  for (const { keyword, range } of all) {
    const word = keyword.text
    if (word === (isLower ? word.toLowerCase() : word.toUpperCase())) continue
    const majority = isLower ? 'lowercase' : 'uppercase'
    const message = `Command '${word}' should match the case of the command majority (${majority})`
    report.add('ConsistentInstructionCasing', range, message)
  }
}

function isOneCase(word: string): boolean {
  return word === word.toLowerCase() || word === word.toUpperCase()
}
