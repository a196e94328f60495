/** Rules that follow a stage's instructions and need to know which variables there are. */
import { nearestName } from '../../../../edit-distance.ts'
import { posix } from 'node:path'
import type { CopyInstruction, Dockerfile, Pair, StageInstruction, Word } from '../ast.ts'
import { DockerfileError } from '../errors.ts'
import { expandHeredoc, expandWords } from '../expand.ts'
import type { Report } from './findings.ts'
import { matchWord } from './from-rules.ts'
import type { StageState } from './stage-state.ts'

export interface StageContext {
  readonly file: Dockerfile
  readonly state: StageState
  /** What FROM lines see: an ARG without a value takes it from there. */
  readonly globals: ReadonlyMap<string, string>
  /** Build arguments of the request. */
  readonly given: Readonly<Record<string, string>>
  /** Of the main context: what .dockerignore leaves out. */
  readonly ignore: LintIgnore | undefined
}

export interface LintIgnore {
  isIgnored(path: string): boolean
  readonly hasExceptions: boolean
  readonly patterns: readonly string[]
}

export function lintInstruction(instruction: StageInstruction, context: StageContext, report: Report): void {
  const expand = (word: Word): string => expandAndReport(word, instruction, context, report)
  switch (instruction.kind) {
    case 'env':
    case 'label':
      return lintPairs(instruction, expand, context, report)
    case 'arg':
      for (const pair of instruction.pairs) lintArg(pair, instruction, context, report)
      return
    case 'copy':
    case 'add':
      return lintCopy(instruction, expand, context, report)
    case 'run':
      for (const { entries } of instruction.mounts) {
        for (const { value, range } of entries) if (value !== undefined) expand({ text: value, range })
      }
      return
    case 'workdir':
      return lintWorkdir(expand(instruction.value), instruction, context.state, report)
    case 'user':
    case 'stopsignal':
      expand(instruction.value)
      return
    case 'volume':
      for (const word of instruction.words) expand(word)
      return
    case 'expose':
      return lintExpose(instruction.words, instruction, context, report)
    case 'shell':
      context.state.hasShell = true
      return
    case 'cmd':
    case 'entrypoint':
      if (instruction.command.kind === 'shell' && !context.state.hasShell) {
        const message = `JSON arguments recommended for ${instruction.keyword.text} to prevent unintended behavior related to OS signals`
        report.add('JSONArgsRecommended', instruction.range, message)
      }
      return
    case 'healthcheck':
    case 'maintainer':
    case 'onbuild':
  }
}

/** What cannot be expanded is for the plan to tell. */
function expandAndReport(
  word: Word,
  instruction: StageInstruction,
  { file, state }: StageContext,
  report: Report,
): string {
  const { result, unset } = matchWord(file, word, state.variables)
  reportUnset(unset, instruction, state, report)
  return result ?? word.text
}

function reportUnset(
  unset: ReadonlySet<string>,
  instruction: StageInstruction,
  state: StageState,
  report: Report,
): void {
  if (!state.knowsVariables) return
  for (const name of unset) {
    if (state.declared.has(name)) continue
    const nearest = nearestName(name, state.variables.keys())
    const hint = nearest === undefined ? '' : ` (did you mean $${nearest}?)`
    report.add('UndefinedVar', instruction.range, `Usage of undefined variable '$${name}'${hint}`)
  }
}

/** All values are expanded before any counts: a later one on the same line sees the old value. */
function lintPairs(
  instruction: Extract<StageInstruction, { kind: 'env' | 'label' }>,
  expand: (word: Word) => string,
  { state }: StageContext,
  report: Report,
): void {
  const expanded = instruction.pairs.map(({ key, value }) => ({
    key: expand(key),
    value: value === undefined ? '' : expand(value),
  }))
  const name = instruction.keyword.text
  if (instruction.isLegacy) {
    const message = `"${name} key=value" should be used instead of legacy "${name} key value" format`
    report.add('LegacyKeyValueFormat', instruction.range, message)
  }
  if (instruction.kind === 'label') return
  for (const { key, value } of expanded) {
    lintSecret('ENV', key, instruction, report)
    state.variables.set(key, value)
  }
}

const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i
const NO_SECRET = /(?:_|^)(?:public|file|version)(?:_|$)/i

function lintSecret(what: 'ARG' | 'ENV', name: string, instruction: StageInstruction, report: Report): void {
  if (!SECRET.test(name) || NO_SECRET.test(name)) return
  const message = `Do not use ARG or ENV instructions for sensitive data (${what} "${name}")`
  report.add('SecretsUsedInArgOrEnv', instruction.range, message)
}

function lintArg({ key, value }: Pair, instruction: StageInstruction, context: StageContext, report: Report): void {
  const { state, given, globals } = context
  const name = key.text
  lintSecret('ARG', name, instruction, report)
  const isGiven = Object.hasOwn(given, name)
  const own = value === undefined ? globals.get(name) : undefined
  const result = isGiven
    ? given[name]
    : value === undefined
      ? own
      : expandAndReport(value, instruction, context, report)
  if (result !== undefined) state.variables.set(name, result)
  state.declared.add(name)
}

function lintWorkdir(path: string, instruction: StageInstruction, state: StageState, report: Report): void {
  if (!state.hasWorkdir && !path.startsWith('/')) {
    const message = `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`
    report.add('WorkdirRelativePath', instruction.range, message)
  }
  state.hasWorkdir = true
}

function lintCopy(
  instruction: CopyInstruction,
  expand: (word: Word) => string,
  context: StageContext,
  report: Report,
): void {
  for (const word of [instruction.chown, instruction.chmod, instruction.checksum]) {
    if (word !== undefined) expand(word)
  }
  for (const source of instruction.sources) {
    if (source.kind === 'path') lintSource(expand(source.word), instruction, context, report)
  }
  expand(instruction.destination)
  for (const { content, expands, range } of instruction.heredocs) {
    if (expands) lintHeredoc({ text: content, range }, instruction, context, report)
  }
}

function lintHeredoc(content: Word, instruction: StageInstruction, { state }: StageContext, report: Report): void {
  const unset = new Set<string>()
  const lookup = (name: string): string | undefined => {
    const value = state.variables.get(name)
    if (value === undefined) unset.add(name)
    return value
  }
  ignoreErrors(() => expandHeredoc(content.text, lookup, undefined))
  reportUnset(unset, instruction, state, report)
}

/** With exceptions in .dockerignore nothing can be told of a folder. */
function lintSource(path: string, instruction: CopyInstruction, { ignore }: StageContext, report: Report): void {
  if (ignore === undefined || ignore.hasExceptions || instruction.from !== undefined) return
  if (/^(?:https?:\/\/|git@|git:\/\/|ssh:\/\/)/.test(path)) return
  const clean = posix.normalize(path).replace(/(?<=.)\/$/, '')
  const isRoot = clean === '.' || clean === '/'
  const isIgnored = isRoot
    ? ignore.patterns.some((pattern) => ['*', '**', '**/*'].includes(pattern))
    : ignore.isIgnored(clean)
  if (!isIgnored) return
  const verb = instruction.kind === 'add' ? 'Add' : 'Copy'
  const message = `Attempting to ${verb} file "${clean}" that is excluded by .dockerignore`
  report.add('CopyIgnoredFile', instruction.range, message)
}

function lintExpose(
  words: readonly Word[],
  instruction: StageInstruction,
  { file, state }: StageContext,
  report: Report,
): void {
  const { escape } = file.directives
  const ports = words.flatMap(
    ({ text }) => ignoreErrors(() => expandWords(text, (name) => state.variables.get(name), { escape })) ?? [],
  )
  for (const port of ports) {
    const [container = '', protocol = ''] = port.slice(port.lastIndexOf(':') + 1).split('/', 2)
    if (protocol !== protocol.toLowerCase()) {
      const message = `Defined protocol '${port}' in EXPOSE instruction should be lowercase`
      report.add('ExposeProtoCasing', instruction.range, message)
    }
    if (port.includes(':') && container !== '' && !/^:+[^:]*$/.test(port)) {
      const message = `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`
      report.add('ExposeInvalidFormat', instruction.range, message)
    }
  }
}

function ignoreErrors<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch (error) {
    if (error instanceof DockerfileError) return undefined
    throw error
  }
}
