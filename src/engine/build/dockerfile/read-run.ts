/** RUN: its command and its flags. Values of mounts are expanded and checked later (mount.ts). */
import type { MountFlag, RunInstruction, Word } from './ast.ts'
import { csvFields } from './csv.ts'
import { readFlags } from './flags.ts'
import type { Span } from './logical-line.ts'
import { type Parts, type Reading, fail, readCommand, wordOf } from './reading.ts'
import type { RawFlag } from './split.ts'

const FLAGS = { mount: 'strings', network: 'string', security: 'string', device: 'strings' } as const

export function readRun(reading: Reading): Parts<RunInstruction> {
  const flags = readFlags(reading, FLAGS)
  return {
    kind: 'run',
    command: readCommand(reading),
    mounts: flags.raw('mount').map((flag) => readMount(reading, flag)),
    network: oneOf(reading, flags.word('network'), ['default', 'none', 'host'], 'network mode'),
    security: oneOf(reading, flags.word('security'), ['sandbox', 'insecure'], 'security mode'),
    devices: flags.words('device'),
  }
}

/** Neither flag expands variables. */
function oneOf(reading: Reading, word: Word | undefined, known: readonly string[], what: string): Word | undefined {
  if (word === undefined || known.includes(word.text)) return word
  const flag = reading.split.flags.find(({ value }) => value?.text === word.text)
  const hint = `it is one of ${known.join(', ')}`
  const options = { code: 'DOCKERFILE_INVALID_VALUE', hint } as const
  throw fail(reading, `invalid ${what} "${word.text}"`, flag === undefined ? options : { ...options, span: flag.span })
}

function readMount(reading: Reading, flag: RawFlag): MountFlag {
  const value = flag.value ?? { text: '', start: flag.span.start, end: flag.span.end }
  const fields = csvFields(value.text)
  if (fields === undefined) {
    const message = `cannot parse mount "${value.text}": a quote stands within a field`
    throw fail(reading, message, { span: flag.span, code: 'DOCKERFILE_INVALID_VALUE' })
  }
  // Without quotes or escapes in the flag, a field's place is known.
  const isPlain = value.end - value.start === value.text.length
  const entries = fields.map(({ text, start, end }) => {
    const span: Span = isPlain ? { text, start: value.start + start, end: value.start + end } : { ...value, text }
    const equals = text.indexOf('=')
    const key = (equals === -1 ? text : text.slice(0, equals)).toLowerCase()
    const word = equals === -1 ? undefined : text.slice(equals + 1)
    if (key === 'from' && word !== undefined) refuseVariable(reading, word, span)
    return { key, value: word, range: wordOf(reading, span).range }
  })
  return { range: wordOf(reading, flag.span).range, entries }
}

/** Which stages are needed must be known before anything is expanded. */
function refuseVariable(reading: Reading, value: string, span: Span): void {
  const at = value.indexOf('$')
  if (at === -1 || at === value.length - 1) return
  const hint = 'name it as a stage, FROM $X AS alias, with X a global ARG; then write from=alias'
  const options = { span, code: 'DOCKERFILE_INVALID_VALUE', hint } as const
  throw fail(reading, `"from" doesn't support variable expansion, define an alias stage instead`, options)
}
