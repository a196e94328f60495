/**
 * PURE: resource limits of a container's processes. Without a wish, open files get an explicit limit: what the engine
 * happened to inherit from a shell must not decide. Source: man 2 getrlimit, moby's ulimit names.
 */
import { InvalidRequestError } from '../../../errors.ts'
import type { Ulimit } from '../../../api/types/index.ts'

/** Names of Ulimit -> the row of /proc/PID/limits. */
const LIMITS: Readonly<Record<string, string>> = {
  as: 'Max address space',
  core: 'Max core file size',
  cpu: 'Max cpu time',
  data: 'Max data size',
  fsize: 'Max file size',
  locks: 'Max file locks',
  memlock: 'Max locked memory',
  msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority',
  nofile: 'Max open files',
  nproc: 'Max processes',
  rss: 'Max resident set',
  rtprio: 'Max realtime priority',
  rttime: 'Max realtime timeout',
  sigpending: 'Max pending signals',
  stack: 'Max stack size',
}

const DEFAULT_OPEN_FILES = 1_048_576

/** Our own hard limits from the text of /proc/self/limits, by ulimit name. */
export function parseHardLimits(text: string): Readonly<Record<string, number>> {
  const limits: Record<string, number> = {}
  for (const [name, row] of Object.entries(LIMITS)) {
    const line = text.split('\n').find((candidate) => candidate.startsWith(row))
    const hard = line?.slice(26).trim().split(/\s+/)[1]
    if (hard !== undefined) limits[name] = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
  }
  return limits
}

export interface RlimitInput {
  readonly ulimits: readonly Ulimit[]
  readonly hardLimits: Readonly<Record<string, number>>
  /** CAP_SYS_RESOURCE: may raise hard limits. */
  readonly mayRaise: boolean
}

export interface Rlimit {
  readonly type: string
  readonly soft: number
  readonly hard: number
}

const unsigned = (value: number): number => (value < 0 ? Number.POSITIVE_INFINITY : value)

/** Throws InvalidRequestError; `warn` hears of limits that had to be lowered to what this machine lets us set. */
export function toRlimits(input: RlimitInput, warn: (text: string) => void): Rlimit[] {
  const { ulimits, hardLimits, mayRaise } = input
  const openFiles = Math.min(hardLimits['nofile'] ?? 1024, DEFAULT_OPEN_FILES)
  const wishes = ulimits.some(({ Name }) => Name === 'nofile')
    ? ulimits
    : [{ Name: 'nofile', Soft: openFiles, Hard: openFiles }, ...ulimits]
  return wishes.map(({ Name, Soft, Hard }) => {
    if (LIMITS[Name] === undefined) throw new InvalidRequestError(`invalid ulimit type: ${JSON.stringify(Name)}`)
    if (unsigned(Soft) > unsigned(Hard))
      throw new InvalidRequestError(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`)
    const ceiling = mayRaise ? Number.POSITIVE_INFINITY : (hardLimits[Name] ?? Number.POSITIVE_INFINITY)
    if (unsigned(Hard) > ceiling) warn(`ulimit ${Name}=${Hard} is above what the engine may set: lowered to ${ceiling}`)
    return {
      type: `RLIMIT_${Name.toUpperCase()}`,
      soft: Math.min(unsigned(Soft), ceiling),
      hard: Math.min(unsigned(Hard), ceiling),
    }
  })
}
