/**
 * Scalars: the casts that Compose applies after interpolation ("true" for true, "3" for 3), sizes and durations.
 */
import { parseBytes, parseDurationNs } from '../../units.ts'
import { scalarNode, textOf, type Node } from '../node.ts'
import { reject, type Canonicalize } from './context.ts'

const TRUE_WORDS: ReadonlySet<string> = new Set(['true', 'True', 'TRUE', '1', 't', 'T'])
const FALSE_WORDS: ReadonlySet<string> = new Set(['false', 'False', 'FALSE', '0', 'f', 'F'])
/** YAML 1.1 words: taken, as docker compose does, with a warning. */
const OLD_TRUE_WORDS = /^(y|yes|on)$/i
const OLD_FALSE_WORDS = /^(n|no|off)$/i

export const boolean: Canonicalize = (node, context) => {
  const text = textOf(node) ?? ''
  if (TRUE_WORDS.has(text)) return scalarNode(true, node)
  if (FALSE_WORDS.has(text)) return scalarNode(false, node)
  const value = OLD_TRUE_WORDS.test(text) ? true : OLD_FALSE_WORDS.test(text) ? false : undefined
  if (value === undefined) return reject(node, context, `${JSON.stringify(text)} is neither true nor false`)
  const message = `${JSON.stringify(text)} is read as ${String(value)}`
  context.problems.warn(node, { code: 'OLD_BOOLEAN', message, hint: `write ${String(value)}` })
  return scalarNode(value, node)
}

export const text: Canonicalize = (node) => asText(node)

/** A scalar as a text; the node itself where it is one already, as most are. */
export function asText(node: Node): Node {
  return node.kind === 'scalar' && typeof node.value === 'string' ? node : scalarNode(textOf(node) ?? '', node)
}

export const integer: Canonicalize = (node, context) => {
  const written = textOf(node) ?? ''
  if (!/^[-+]?\d+$/.test(written)) return reject(node, context, `${JSON.stringify(written)} is not a whole number`)
  return scalarNode(Number(written), node)
}

export const number: Canonicalize = (node, context) => {
  const written = textOf(node) ?? ''
  const value = written.trim() === '' ? Number.NaN : Number(written)
  if (!Number.isFinite(value)) return reject(node, context, `${JSON.stringify(written)} is not a number`)
  return scalarNode(value, node)
}

/** Bytes. */
export const bytes: Canonicalize = (node, context) => {
  const value = bytesOf(node)
  if (value !== undefined) return scalarNode(value, node)
  const hint = 'a size is a number with an optional unit b, k, m, g: 512m'
  return reject(node, context, `${JSON.stringify(textOf(node))} is not a size`, hint)
}

/** Bytes, or -1 for no limit. */
export const bytesOrUnlimited: Canonicalize = (node, context) =>
  textOf(node) === '-1' ? scalarNode(-1, node) : bytes(node, context)

function bytesOf(node: Node): number | undefined {
  return parseBytes(textOf(node) ?? '')
}

/** Nanoseconds. */
export const duration: Canonicalize = (node, context) => {
  const written = textOf(node) ?? ''
  const value = parseDurationNs(written)
  if (value !== undefined && value >= 0) return scalarNode(value, node)
  const hint = /^\d+$/.test(written) ? `add a unit: ${written}s` : 'a duration has units us, ms, s, m, h: 1m30s'
  return reject(node, context, `${JSON.stringify(written)} is not a duration`, hint)
}

/** Microseconds, written as a number or a duration (cpu_period, cpu_quota and their like). */
export const microseconds: Canonicalize = (node, context) => {
  const written = textOf(node) ?? ''
  if (/^-?\d+$/.test(written)) return scalarNode(Number(written), node)
  const value = parseDurationNs(written)
  if (value !== undefined) return scalarNode(Math.round(value / 1e3), node)
  return reject(node, context, `${JSON.stringify(written)} is neither microseconds nor a duration`)
}

/** Permission bits: YAML reads 0440 as octal already, a string is octal. */
export const fileMode: Canonicalize = (node, context) => {
  if (node.kind === 'scalar' && typeof node.value === 'number') return scalarNode(node.value, node)
  const written = textOf(node) ?? ''
  if (/^0?o?[0-7]{1,5}$/.test(written)) return scalarNode(Number.parseInt(written.replace('o', ''), 8), node)
  return reject(node, context, `${JSON.stringify(written)} is not a file mode`, 'a mode is octal: "0440"')
}
