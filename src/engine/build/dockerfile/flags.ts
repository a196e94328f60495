/**
 * The flags of instructions: which there are, and their values. `--flag=value` only; a boolean may stand alone.
 */
import { nearestName } from '../../../edit-distance.ts'
import type { Word } from './ast.ts'
import { type Reading, fail, nameOf, wordOf } from './reading.ts'
import type { RawFlag } from './split.ts'

type FlagKind = 'boolean' | 'string' | 'strings'

export interface Flags {
  /** Undefined: not given. */
  boolean(name: string): boolean | undefined
  word(name: string): Word | undefined
  words(name: string): readonly Word[]
  /** As they stand there, to take them apart. */
  raw(name: string): readonly RawFlag[]
}

/** Throws DOCKERFILE_UNKNOWN_FLAG, and DOCKERFILE_INVALID_VALUE for a value that is missing or no boolean, or a second one. */
export function readFlags(reading: Reading, kinds: Readonly<Record<string, FlagKind>>): Flags {
  const given = new Map<string, RawFlag[]>()
  for (const flag of reading.split.flags) {
    const kind = Object.hasOwn(kinds, flag.name) ? kinds[flag.name] : undefined
    if (kind === undefined) throw unknownFlag(reading, flag, Object.keys(kinds))
    const earlier = given.get(flag.name)
    if (earlier !== undefined && kind !== 'strings')
      throw invalid(reading, flag, `duplicate flag specified: --${flag.name}`)
    checkValue(reading, flag, kind)
    if (earlier === undefined) given.set(flag.name, [flag])
    else earlier.push(flag)
  }
  const words = (name: string): readonly Word[] =>
    (given.get(name) ?? []).flatMap(({ value }) => (value === undefined ? [] : [wordOf(reading, value)]))
  return {
    boolean: (name) => {
      const flag = given.get(name)?.[0]
      return flag === undefined ? undefined : flag.value?.text.toLowerCase() !== 'false'
    },
    word: (name) => words(name)[0],
    words,
    raw: (name) => given.get(name) ?? [],
  }
}

/** For instructions that take none. */
export function refuseFlags(reading: Reading): void {
  readFlags(reading, {})
}

function checkValue(reading: Reading, flag: RawFlag, kind: FlagKind): void {
  const name = `--${flag.name}`
  if (kind === 'boolean') {
    if (flag.value === undefined || ['true', 'false'].includes(flag.value.text.toLowerCase())) return
    if (flag.value.text === '') throw invalid(reading, flag, `missing a value on flag: ${name}`)
    throw invalid(reading, flag, `expecting a boolean value for flag ${name}, not: ${flag.value.text}`)
  }
  if (flag.value === undefined) {
    throw invalid(
      reading,
      flag,
      `missing a value on flag: ${name}`,
      `write ${name}=VALUE: a blank does not separate them`,
    )
  }
}

function invalid(reading: Reading, flag: RawFlag, message: string, hint?: string): Error {
  const options = { span: flag.span, code: 'DOCKERFILE_INVALID_VALUE' } as const
  return fail(reading, message, hint === undefined ? options : { ...options, hint })
}

function unknownFlag(reading: Reading, flag: RawFlag, known: readonly string[]): Error {
  const nearest = nearestName(flag.name, known)
  const flags = known.map((name) => `--${name}`).join(', ')
  const hint =
    nearest !== undefined
      ? `did you mean --${nearest}?`
      : known.length === 0
        ? `${nameOf(reading)} takes no flags`
        : `${nameOf(reading)} takes ${flags}`
  return fail(reading, `unknown flag: --${flag.name}`, { span: flag.span, code: 'DOCKERFILE_UNKNOWN_FLAG', hint })
}
