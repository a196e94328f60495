/** HEALTHCHECK: `NONE`, or `[flags] CMD command`. */
import { parseDurationNs } from '../../../units.ts'
import type { HealthcheckInstruction } from './ast.ts'
import { isSpace, skipSpace } from './characters.ts'
import { type Flags, readFlags } from './flags.ts'
import { spanOf, trimSpan } from './logical-line.ts'
import { type Parts, type Reading, fail, readCommand, requireArgument } from './reading.ts'

type HealthcheckParts = Parts<HealthcheckInstruction>

const FLAGS = {
  interval: 'string',
  timeout: 'string',
  'start-period': 'string',
  'start-interval': 'string',
  retries: 'string',
} as const

const MINIMUM_NS = 1e6

export function readHealthcheck(reading: Reading): HealthcheckParts {
  requireArgument(reading)
  const { line, rest } = reading.split
  let end = rest.start
  while (end < rest.end && !isSpace(line.text[end])) end += 1
  const type = spanOf(line, rest.start, end)
  const command = trimSpan(line, Math.min(skipSpace(line.text, end), rest.end), rest.end)
  const flags = readFlags(reading, FLAGS)
  if (type.text.toUpperCase() === 'NONE') {
    if (command.text !== '') throw fail(reading, 'HEALTHCHECK NONE takes no arguments', { span: command })
    return withoutCommand()
  }
  if (type.text.toUpperCase() !== 'CMD') {
    const hint = 'write HEALTHCHECK CMD command, or HEALTHCHECK NONE'
    throw fail(reading, `unknown type "${type.text}" in HEALTHCHECK (try CMD)`, { span: type, hint })
  }
  if (command.text === '') throw fail(reading, 'missing command after HEALTHCHECK CMD', { span: type })
  const form = readCommand({ ...reading, split: { ...reading.split, rest: command } })
  if (form.kind === 'exec' && form.argv.length === 0) {
    throw fail(reading, 'missing command after HEALTHCHECK CMD', { span: command })
  }
  return {
    kind: 'healthcheck',
    command: form,
    intervalNs: readDuration(reading, flags, 'interval'),
    timeoutNs: readDuration(reading, flags, 'timeout'),
    startPeriodNs: readDuration(reading, flags, 'start-period'),
    startIntervalNs: readDuration(reading, flags, 'start-interval'),
    retries: readRetries(reading, flags),
  }
}

/** Flags of NONE are read and mean nothing. */
function withoutCommand(): HealthcheckParts {
  const none = undefined
  return {
    kind: 'healthcheck',
    command: none,
    intervalNs: none,
    timeoutNs: none,
    startPeriodNs: none,
    startIntervalNs: none,
    retries: none,
  }
}

/** Zero and "" are as good as none: the default holds. */
function readDuration(reading: Reading, flags: Flags, name: string): number | undefined {
  const text = flags.word(name)?.text ?? ''
  if (text === '') return undefined
  const ns = parseDurationNs(text)
  if (ns === 0) return undefined
  const span = flags.raw(name)[0]?.span ?? reading.split.keyword
  const options = { span, code: 'DOCKERFILE_INVALID_VALUE' } as const
  if (ns === undefined) {
    const hint = 'a duration is numbers with units, such as 30s, 1m30s or 500ms'
    throw fail(reading, `invalid duration "${text}" of --${name}`, { ...options, hint })
  }
  if (ns < MINIMUM_NS) throw fail(reading, `--${name} cannot be less than 1ms: "${text}"`, options)
  return ns
}

function readRetries(reading: Reading, flags: Flags): number | undefined {
  const text = flags.word('retries')?.text ?? ''
  if (text === '') return undefined
  const retries = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (retries >= 0 && retries < 2 ** 31) return retries === 0 ? undefined : retries
  const span = flags.raw('retries')[0]?.span ?? reading.split.keyword
  const message = retries < 0 ? `--retries cannot be negative (${text})` : `invalid number "${text}" of --retries`
  throw fail(reading, message, { span, code: 'DOCKERFILE_INVALID_VALUE' })
}
