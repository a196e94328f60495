/**
 * A Dockerfile's text to its instructions (ast.ts): directives, lines, then each instruction by its own reader. Nothing is
 * expanded, and nothing is looked up but stages' names. Throws DockerfileError and nothing else, whatever the bytes are.
 * Source: Dockerfile reference; BuildKit frontend 1.2x for what the reference leaves open.
 */
import { nearestName } from '../../../edit-distance.ts'
import type {
  ArgInstruction,
  CommandInstruction,
  Dockerfile,
  FromInstruction,
  OnbuildInstruction,
  Stage,
  StageInstruction,
} from './ast.ts'
import { readDirectives } from './directives.ts'
import { DockerfileError, type SourceText } from './errors.ts'
import { refuseFlags } from './flags.ts'
import { rangeOf } from './logical-line.ts'
import { readCopy } from './read-copy.ts'
import { readFrom } from './read-from.ts'
import { readHealthcheck } from './read-healthcheck.ts'
import { readRun } from './read-run.ts'
import { readArg, readExpose, readPairs, readShell, readText, readVolume } from './read-settings.ts'
import {
  type Instruction,
  type Parts,
  type Reading,
  type Shared,
  fail,
  nameOf,
  readCommand,
  requireArgument,
  wordOf,
} from './reading.ts'
import { type RawInstruction, scan, toScannedText } from './scan.ts'
import { splitLine } from './split.ts'

/** People write a few kilobytes, generators some hundred. */
const MAX_LENGTH = 8 * 2 ** 20

/** `file` is what messages call it. Throws DockerfileError. */
export function parseDockerfile(text: string, file: string): Dockerfile {
  if (text.length > MAX_LENGTH) {
    const message = `${file} is longer than ${MAX_LENGTH} characters: ${text.length}`
    throw new DockerfileError('DOCKERFILE_SYNTAX', message, undefined)
  }
  const source = toScannedText(text, file)
  const { directives, count } = readDirectives(source)
  const { instructions, notes } = scan(source, count, directives.escape)
  if (instructions.length === 0) {
    const range = { line: 1, column: 1, endLine: 1, endColumn: 2 }
    throw new DockerfileError('DOCKERFILE_EMPTY', 'file with no instructions', { source, range })
  }
  const globalArgs: ArgInstruction[] = []
  const stages: GrowingStage[] = []
  for (const raw of instructions) {
    const reading = toReading(source, raw, directives.escape)
    const instruction = readInstruction(reading)
    const stage = stages.at(-1)
    if (instruction.kind === 'from') stages.push(toStage(instruction, stages.length))
    else if (stage !== undefined) stage.instructions.push(instruction)
    else if (instruction.kind === 'arg') globalArgs.push(instruction)
    else throw fail(reading, `no build stage in current context`, { hint: 'the first instruction but ARG is FROM' })
  }
  if (stages.length === 0) {
    const range = instructions.at(-1)?.range ?? { line: 1, column: 1, endLine: 1, endColumn: 2 }
    throw new DockerfileError('DOCKERFILE_EMPTY', 'dockerfile contains no stages to build', { source, range })
  }
  return { file, lines: source.lines, directives, globalArgs, stages, notes }
}

/**
 * An ONBUILD trigger of a base image: one instruction, heredocs and all. `file` is what messages call it
 * ("ONBUILD of web:1"). Throws DockerfileError.
 */
export function parseTrigger(text: string, file: string): StageInstruction {
  const source = toScannedText(text, file)
  const [first, ...more] = scan(source, 0, '\\').instructions
  if (first === undefined || more.length > 0) {
    const range = { line: 1, column: 1, endLine: 1, endColumn: 2 }
    throw new DockerfileError('DOCKERFILE_SYNTAX', 'onbuild trigger should be a single expression', { source, range })
  }
  const reading = toReading(source, first, '\\')
  const instruction = readInstruction(reading)
  if (instruction.kind === 'from') throw fail(reading, "FROM isn't allowed as an ONBUILD trigger")
  return instruction
}

function toReading(source: SourceText, raw: RawInstruction, escape: '\\' | '`'): Reading {
  return { source, escape, ...raw }
}

interface GrowingStage extends Stage {
  readonly instructions: StageInstruction[]
}

function toStage(from: FromInstruction, index: number): GrowingStage {
  return { index, name: from.as?.text.toLowerCase(), from, instructions: [] }
}

const READERS: Readonly<Record<string, (reading: Reading) => Parts<Instruction>>> = {
  FROM: readFrom,
  RUN: readRun,
  COPY: (reading) => readCopy(reading, 'copy'),
  ADD: (reading) => readCopy(reading, 'add'),
  ENV: (reading) => readPairs(reading, 'env'),
  LABEL: (reading) => readPairs(reading, 'label'),
  ARG: readArg,
  CMD: (reading) => readPlainCommand(reading, 'cmd'),
  ENTRYPOINT: (reading) => readPlainCommand(reading, 'entrypoint'),
  SHELL: readShell,
  WORKDIR: (reading) => readText(reading, 'workdir'),
  USER: (reading) => readText(reading, 'user'),
  STOPSIGNAL: (reading) => readText(reading, 'stopsignal'),
  MAINTAINER: (reading) => readText(reading, 'maintainer'),
  EXPOSE: readExpose,
  VOLUME: readVolume,
  HEALTHCHECK: readHealthcheck,
  ONBUILD: readOnbuild,
}

function readInstruction(reading: Reading): Instruction {
  const name = nameOf(reading)
  const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined
  if (read === undefined) throw unknownInstruction(reading)
  const { keyword, line } = reading.split
  const shared: Shared = {
    range: reading.range,
    keyword: wordOf(reading, keyword),
    text: name + line.text.slice(keyword.end).trimEnd(),
    comments: reading.comments,
    heredocs: reading.heredocs,
  }
  return { ...shared, ...read(reading) }
}

function unknownInstruction(reading: Reading): DockerfileError {
  const word = reading.split.keyword.text
  const nearest = nearestName(word, Object.keys(READERS))
  const cased = word === word.toLowerCase() ? nearest?.toLowerCase() : nearest
  const hint = cased === undefined ? undefined : `did you mean ${cased}?`
  const options = { code: 'DOCKERFILE_UNKNOWN_INSTRUCTION' } as const
  return fail(reading, `unknown instruction: ${word}`, hint === undefined ? options : { ...options, hint })
}

function readPlainCommand(reading: Reading, kind: CommandInstruction['kind']): Parts<CommandInstruction> {
  refuseFlags(reading)
  return { kind, command: readCommand(reading) }
}

/** The inner instruction is read at once, so that what is wrong with it is told here and not in another build. */
function readOnbuild(reading: Reading): Parts<OnbuildInstruction> {
  requireArgument(reading)
  refuseFlags(reading)
  const { line, rest } = reading.split
  const inner: Reading = { ...reading, split: splitLine(line, rest.start, reading.escape), comments: [] }
  const name = nameOf(inner)
  if (name === 'ONBUILD') throw fail(inner, "chaining ONBUILD via ONBUILD ONBUILD isn't allowed")
  if (name === 'FROM' || name === 'MAINTAINER') throw fail(inner, `${name} isn't allowed as an ONBUILD trigger`)
  const range = { ...reading.range, ...startOf(inner) }
  const heredocs = reading.heredocs.map((heredoc) => `\n${heredoc.raw}${heredoc.name}`)
  return {
    kind: 'onbuild',
    inner: rest.text + heredocs.join(''),
    instruction: readInstruction({ ...inner, range }) as StageInstruction,
  }
}

function startOf(reading: Reading): { readonly line: number; readonly column: number } {
  const { line, column } = rangeOf(reading.split.line, reading.split.keyword)
  return { line, column }
}
