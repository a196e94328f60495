/**
 * A parsed Dockerfile without its places, for tables: words are their text, what is undefined, false or empty is left out.
 */
import assert from 'node:assert/strict'
import { DockerfileError } from '../../../../../src/engine/build/dockerfile/errors.ts'
import { parseDockerfile } from '../../../../../src/engine/build/dockerfile/parse.ts'

const PLACES = new Set(['range', 'keyword', 'text', 'comments', 'heredocs'])

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value)
  if (keys.length === 2 && 'text' in value && 'range' in value) return value.text
  const entries = Object.entries(value)
    .filter(([key]) => !PLACES.has(key) || (key === 'text' && !('keyword' in value)))
    .map(([key, item]) => [key, plain(item)] as const)
    .filter(([, item]) => item !== undefined && item !== false && !(Array.isArray(item) && item.length === 0))
  return Object.fromEntries(entries)
}

/** The instructions behind `FROM scratch`. */
export function instructions(text: string): unknown {
  return parseDockerfile(`FROM scratch\n${text}`, 'Dockerfile').stages[0]?.instructions.map(plain)
}

/** The one instruction behind `FROM scratch`. */
export function instruction(text: string): unknown {
  const all = instructions(text)
  assert.ok(Array.isArray(all) && all.length === 1, `one instruction in ${JSON.stringify(text)}`)
  return all[0]
}

/** The error that `action` throws, as "line:column CODE message". */
export function errorOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error
    return `${error.location?.line}:${error.location?.column} ${error.code} ${error.message}`
  }
  return 'no error'
}

export function hintOf(action: () => unknown): string | undefined {
  try {
    action()
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error
    return error.hint
  }
  return undefined
}
