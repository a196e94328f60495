/** Instructions that only set something: ENV, LABEL, ARG, EXPOSE, VOLUME, SHELL, and those with one text. */
import type {
  ArgInstruction,
  EnvInstruction,
  LabelInstruction,
  Pair,
  ShellInstruction,
  TextInstruction,
  WordsInstruction,
} from './ast.ts'
import { isBlank, trimSpace } from './characters.ts'
import { refuseFlags } from './flags.ts'
import { type Span, spanOf } from './logical-line.ts'
import { type Parts, type Reading, fail, nameOf, readJsonList, requireArgument, wordOf } from './reading.ts'
import { blankWords, quotedWords } from './words.ts'

/** `KEY=value ...`, or `KEY value` with one blank as "=" and the rest of the line as value. */
export function readPairs(reading: Reading, kind: 'env' | 'label'): Parts<EnvInstruction | LabelInstruction> {
  refuseFlags(reading)
  const words = quotedWords(reading.split.line, reading.split.rest, reading.escape)
  const first = words[0]
  if (first === undefined) throw fail(reading, `${nameOf(reading)} requires at least one argument`)
  if (!first.text.includes('=')) return { kind, pairs: [legacyPair(reading)], isLegacy: true }
  return { kind, pairs: words.map((word) => readPair(reading, word)), isLegacy: false }
}

function legacyPair(reading: Reading): Pair {
  const { line, rest } = reading.split
  let end = rest.start
  while (end < rest.end && !isBlank(line.text[end])) end += 1
  if (end === rest.end) {
    const hint = `write ${nameOf(reading)} ${rest.text}=value`
    throw fail(reading, `${nameOf(reading)} must have two arguments`, { span: rest, hint })
  }
  let start = end
  while (isBlank(line.text[start])) start += 1
  return { key: wordOf(reading, spanOf(line, rest.start, end)), value: wordOf(reading, spanOf(line, start, rest.end)) }
}

function readPair(reading: Reading, word: Span): Pair {
  const equals = word.text.indexOf('=')
  if (equals === -1) {
    const hint = 'write name=value, and quote or escape blanks in the value'
    throw fail(reading, `can't find = in "${word.text}": must be of the form name=value`, { span: word, hint })
  }
  if (equals === 0) throw fail(reading, `${nameOf(reading)} names can not be blank`, { span: word })
  return splitPair(reading, word, equals)
}

function splitPair(reading: Reading, word: Span, equals: number): Pair {
  const value = { text: word.text.slice(equals + 1), start: word.start + equals + 1, end: word.end }
  return {
    key: wordOf(reading, { text: word.text.slice(0, equals), start: word.start, end: word.start + equals }),
    value: wordOf(reading, value.text === '' ? { ...value, start: word.start + equals } : value),
  }
}

export function readArg(reading: Reading): Parts<ArgInstruction> {
  refuseFlags(reading)
  const words = quotedWords(reading.split.line, reading.split.rest, reading.escape)
  if (words.length === 0) throw fail(reading, 'ARG requires at least one argument')
  const pairs = words.map((word) =>
    word.text.includes('=') ? readPair(reading, word) : { key: wordOf(reading, word), value: undefined },
  )
  return { kind: 'arg', pairs }
}

/** The order of EXPOSE's words is that of their text: it shows in the history. */
export function readExpose(reading: Reading): Parts<WordsInstruction> {
  refuseFlags(reading)
  requireArgument(reading)
  const words = blankWords(reading.split.line, reading.split.rest).map((word) => wordOf(reading, word))
  return { kind: 'expose', words: words.toSorted((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)) }
}

export function readVolume(reading: Reading): Parts<WordsInstruction> {
  refuseFlags(reading)
  const list = readJsonList(reading)
  const words = list.kind === 'list' ? list.items : blankWords(reading.split.line, reading.split.rest)
  if (words.length === 0) throw fail(reading, 'VOLUME requires at least one argument')
  const empty = words.find(({ text }) => trimSpace(text) === '')
  if (empty !== undefined) throw fail(reading, 'VOLUME specified can not be an empty string', { span: empty })
  return { kind: 'volume', words: words.map((word) => wordOf(reading, { ...word, text: trimSpace(word.text) })) }
}

export function readText(reading: Reading, kind: TextInstruction['kind']): Parts<TextInstruction> {
  refuseFlags(reading)
  if (reading.split.rest.text === '') throw fail(reading, `${nameOf(reading)} requires exactly one argument`)
  return { kind, value: wordOf(reading, reading.split.rest) }
}

export function readShell(reading: Reading): Parts<ShellInstruction> {
  refuseFlags(reading)
  requireArgument(reading)
  const list = readJsonList(reading)
  if (list.kind === 'none') {
    const hint = 'write SHELL ["executable", "parameter", ...], with double quotes'
    throw fail(reading, 'SHELL requires the arguments to be in JSON form', { span: reading.split.rest, hint })
  }
  if (list.items.length === 0) throw fail(reading, 'SHELL requires at least one argument', { span: reading.split.rest })
  return { kind: 'shell', argv: list.items.map(({ text }) => text) }
}
