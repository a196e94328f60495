/** Rules of FROM lines: their variables, platforms, and names that come of defaults. */
import { parseReference } from '../../../../api/reference.ts'
import { nearestName } from '../../../../edit-distance.ts'
import { InvalidRequestError } from '../../../../errors.ts'
import { parsePlatform } from '../../../registry/platform.ts'
import type { Dockerfile, FromInstruction, Stage, Word } from '../ast.ts'
import { DockerfileError } from '../errors.ts'
import { expandWord } from '../expand.ts'
import type { Report } from './findings.ts'

type Variables = ReadonlyMap<string, string>

/** What FROM lines see. `given`: build arguments of the request. Undefined: a default cannot be expanded. */
export function globalVariables(
  file: Dockerfile,
  automatic: Variables,
  given: Readonly<Record<string, string>>,
): Variables | undefined {
  const variables = new Map(automatic)
  for (const { key, value } of file.globalArgs.flatMap(({ pairs }) => pairs)) {
    const own = Object.hasOwn(given, key.text) ? given[key.text] : undefined
    const expanded = own === undefined && value !== undefined ? matchWord(file, value, variables).result : own
    if (own === undefined && value !== undefined && expanded === undefined) return undefined
    if (expanded !== undefined) variables.set(key.text, expanded)
  }
  return variables
}

/** Base images must have a name also when no build argument is given. */
export function lintDefaults(file: Dockerfile, automatic: Variables, report: Report): void {
  const variables = globalVariables(file, automatic, {})
  if (variables === undefined) return
  for (const { from } of file.stages) {
    const { result } = matchWord(file, from.image, variables)
    if (result === undefined) return
    if (isReference(result)) continue
    const message = `Default value for ARG ${from.image.text} results in empty or invalid base image name`
    report.add('InvalidDefaultArgInFrom', from.range, message)
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text)
    return true
  } catch (error) {
    if (error instanceof InvalidRequestError) return false
    throw error
  }
}

export function lintFrom(file: Dockerfile, { from, name }: Stage, variables: Variables, report: Report): void {
  const declared = new Set(file.globalArgs.flatMap(({ pairs }) => pairs.map(({ key }) => key.text)))
  const known = [...variables.keys(), ...declared]
  reportUndeclared(matchWord(file, from.image, variables), { from, known, report })
  if (from.platform === undefined) return
  const match = matchWord(file, from.platform, variables)
  reportUndeclared(match, { from, known, report })
  const isTarget = match.used.size === 1 && match.used.has('TARGETPLATFORM') && match.unset.size === 0
  if (isTarget && match.result === variables.get('TARGETPLATFORM')) {
    const message = `Setting platform to predefined ${from.platform.text} in FROM is redundant as this is the default behavior`
    report.add('RedundantTargetPlatform', from.range, message)
  }
  if (match.used.size === 0 && match.unset.size === 0) reportConstant(match.result ?? '', { from, name, report })
}

function reportUndeclared(
  { unset }: Match,
  { from, known, report }: { from: FromInstruction; known: readonly string[]; report: Report },
): void {
  for (const name of unset) {
    if (known.includes(name)) continue
    const nearest = nearestName(name, known)
    const hint = nearest === undefined ? '' : ` (did you mean ${nearest}?)`
    report.add('UndefinedArgInFrom', from.range, `FROM argument '${name}' is not declared${hint}`)
  }
}

/** A stage whose name tells the platform is meant for it. */
function reportConstant(
  text: string,
  { from, name = '', report }: { from: FromInstruction; name: string | undefined; report: Report },
): void {
  try {
    const { os, architecture } = parsePlatform(text)
    if (name.includes(os) || name.includes(architecture)) return
  } catch (error) {
    if (error instanceof InvalidRequestError) return
    throw error
  }
  const message = `FROM --platform flag should not use constant value "${text}"`
  report.add('FromPlatformFlagConstDisallowed', from.range, message)
}

export interface Match {
  /** Undefined: it cannot be expanded. */
  readonly result: string | undefined
  readonly used: ReadonlySet<string>
  readonly unset: ReadonlySet<string>
}

/** Expands and tells which variables were asked for. */
export function matchWord(file: Dockerfile, { text }: Word, variables: Variables): Match {
  const used = new Set<string>()
  const unset = new Set<string>()
  const lookup = (name: string): string | undefined => {
    const value = variables.get(name)
    ;(value === undefined ? unset : used).add(name)
    return value
  }
  try {
    return { result: expandWord(text, lookup, { escape: file.directives.escape }), used, unset }
  } catch (error) {
    if (error instanceof DockerfileError) return { result: undefined, used, unset }
    throw error
  }
}
