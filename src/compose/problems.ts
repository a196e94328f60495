/**
 * Collects what the phases find, so that a user sees all problems of a load at once.
 */
import { ConfigErrors, type ConfigProblem } from '../errors.ts'
import { createLocator, problemAt, type Origin, type ProblemText } from './source-file.ts'

export interface Problems {
  error(origin: Origin | undefined, text: ProblemText): void
  warn(origin: Origin | undefined, text: ProblemText): void
  /**
   * The same collector for what stands in a file that `step` led to ("included from /a/compose.yaml"); `from` is where,
   * when that is known of merged trees only.
   */
  within(step: string, from?: Origin): Problems
  /** A file is read here: what later phases, which see the merged tree, find in it has the same chain. */
  reads(path: string): void
  /** A problem of that place with the way to it, not collected: for what is found after loading. */
  describe(origin: Origin | undefined, text: Parameters<typeof problemAt>[1]): ConfigProblem
  readonly errors: readonly ConfigProblem[]
  readonly warnings: readonly ConfigProblem[]
  /** @throws ConfigErrors when there is any error. */
  throwIfAny(): void
}

/** Of errors, and of warnings. Nobody reads more, and a file can hold a million. */
export const MOST_PROBLEMS = 1000
const MOST_CHARACTERS = 1000

export function createProblems(): Problems {
  const errors: ConfigProblem[] = []
  const warnings: ConfigProblem[] = []
  const seen = new Set<string>()
  const chains = new Map<string, readonly string[]>()
  const locate = createLocator()
  const describe: Problems['describe'] = (origin, text) => {
    const chain = origin === undefined ? undefined : chains.get(origin.source.path)
    return problemAt(origin, text.chain === undefined && chain !== undefined ? chained(text, chain) : text, locate)
  }
  const add = (list: ConfigProblem[], origin: Origin | undefined, text: ProblemText): void => {
    if (list.length > MOST_PROBLEMS) return
    const { once, ...told } = text
    const problem = describe(origin, { ...told, message: shortened(told.message) })
    const { file, line, column } = problem.location ?? {}
    const place = once === true ? [] : [file, line, column]
    const key = [problem.code, problem.message, ...place].join('\0')
    // An alias or an extended service leads to the same place twice.
    if (seen.has(key)) return
    seen.add(key)
    list.push(list.length === MOST_PROBLEMS ? MORE : problem)
  }
  const collector = (chain: readonly string[]): Problems => ({
    errors,
    warnings,
    describe,
    error: (origin, text) => add(errors, origin, chained(text, chain)),
    warn: (origin, text) => add(warnings, origin, chained(text, chain)),
    within: (step, from) => collector([...((from && chains.get(from.source.path)) ?? chain), step]),
    reads(path) {
      if (!chains.has(path)) chains.set(path, chain)
    },
    throwIfAny() {
      if (errors.length > 0) throw new ConfigErrors(inFileOrder(errors))
    },
  })
  return collector([])
}

const MORE: ConfigProblem = {
  code: 'MORE_PROBLEMS',
  message: `there are more than ${MOST_PROBLEMS} problems of this kind, the others are not told`,
  hint: 'mend these first: most of the others may follow from them',
}

/** A message may quote a key or a value of a million characters. */
function shortened(message: string): string {
  return message.length <= MOST_CHARACTERS ? message : `${message.slice(0, MOST_CHARACTERS)}...`
}

function chained<T extends object>(text: T, chain: readonly string[]): T {
  return chain.length === 0 ? text : { ...text, chain }
}

/** By line and column within a file; files in the order in which they first appear; problems without a place last. */
export function inFileOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const files = new Map<string, number>()
  for (const { location } of problems)
    if (location !== undefined && !files.has(location.file)) files.set(location.file, files.size)
  const rank = ({ location }: ConfigProblem): [number, number, number] =>
    location === undefined
      ? [files.size, 0, 0]
      : [files.get(location.file) ?? files.size, location.line, location.column]
  return problems.toSorted((a, b) => {
    const [fileA, lineA, columnA] = rank(a)
    const [fileB, lineB, columnB] = rank(b)
    return fileA - fileB || lineA - lineB || columnA - columnB
  })
}
