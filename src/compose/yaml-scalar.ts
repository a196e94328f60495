/**
 * What a plain (unquoted) YAML scalar means. Source: YAML 1.2.2 section 10.3.2 (core schema), plus the forms that
 * the YAML reader of docker compose takes: octal with a leading 0, 0b, and underscores between digits. yes/no and
 * on/off stay strings (fields that want a boolean cast them).
 */
import type { ScalarValue } from './node.ts'
import type { ProblemText } from './source-file.ts'

const NULLS: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL'])
const TRUES: ReadonlySet<string> = new Set(['true', 'True', 'TRUE'])
const FALSES: ReadonlySet<string> = new Set(['false', 'False', 'FALSE'])
const INTEGER = /^([-+]?)(0b[01_]+|0o?[0-7_]*|0x[\da-fA-F_]+|[1-9][\d_]*)$/
const FLOAT = /^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/
const SPECIAL_FLOAT = /^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/

/** @example resolvePlain("0444") === 292; resolvePlain("yes") === "yes"; resolvePlain("1.5") === 1.5 */
export function resolvePlain(text: string): ScalarValue {
  // Most scalars are words: do not look at them any further.
  if (/^[a-eg-mo-su-zA-EG-MO-SU-Z/$_]/.test(text)) return text
  if (NULLS.has(text)) return null
  if (TRUES.has(text)) return true
  if (FALSES.has(text)) return false
  if (!/^[-+.\d]/.test(text)) return text
  const integer = INTEGER.exec(text)
  if (integer !== null) return resolveInteger(integer[1] === '-' ? -1 : 1, integer[2] ?? '') ?? text
  if (FLOAT.test(text)) return Number(text)
  // JSON has no infinity: nothing in a Compose file takes one, so it stays text and fails its field's check.
  return SPECIAL_FLOAT.test(text) ? text.toLowerCase() : text
}

/** Whether a plain key would be a number, a boolean or null: docker compose takes none for a key. */
export function isOtherType(key: string): boolean {
  return typeof resolvePlain(key) !== 'string'
}

/** @example nonStringKey("8080") */
export function nonStringKey(key: string): ProblemText {
  const value = resolvePlain(key)
  const kind = value === null ? 'null' : typeof value === 'number' ? 'a number' : 'a boolean'
  return { code: 'NON_STRING_KEY', message: `the key ${key} is ${kind}, not a text`, hint: `quote it: "${key}"` }
}

function resolveInteger(sign: number, digits: string): number | undefined {
  const clean = digits.replaceAll('_', '')
  const octal = /^0o?([0-7]+)$/.exec(clean)
  const value = octal === null ? Number(clean) : Number.parseInt(octal[1] ?? '', 8)
  // Beyond 2^53 a number would lose digits (ids, tokens): keep the text.
  return Number.isSafeInteger(value) ? sign * value : undefined
}
