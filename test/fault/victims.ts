/** Who can be killed, found in /proc and never asked of the engine: its process, the conmons, the containers' own. */
import { readdirSync, readFileSync } from 'node:fs'
import type { EngineConfig } from '../../src/engine/config.ts'
import type { ContainerDocument } from '../../src/state/containers.ts'
import { openCopy } from '../support/state-copy.ts'

export interface ProcessId {
  readonly pid: number
  /** Field 22 of /proc/PID/stat. */
  readonly startTime: string
}

export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

export function isAlive({ pid, startTime }: ProcessId): boolean {
  return startTimeOf(pid) === startTime
}

function commandLines(): { readonly pid: number; readonly argv: readonly string[] }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      return [{ pid: Number(name), argv: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0') }]
    } catch {
      return [] // it has ended meanwhile
    }
  })
}

/** Engine processes of that root, one that is still starting too. */
export function enginePids({ paths }: EngineConfig): number[] {
  return commandLines()
    .filter(({ argv }) => argv.at(-3) === '--root' && argv.at(-2) === paths.root && /engine/.test(argv.at(-4) ?? ''))
    .map(({ pid }) => pid)
}

export interface Conmon extends ProcessId {
  readonly containerId: string
}

export function conmonsOf({ paths }: EngineConfig): Conmon[] {
  return commandLines().flatMap(({ pid, argv }) => {
    if (!(argv[0] ?? '').endsWith('conmon') || !argv.includes(paths.exits)) return []
    const startTime = startTimeOf(pid)
    const containerId = argv[argv.indexOf('--cid') + 1] ?? ''
    return startTime === undefined ? [] : [{ pid, startTime, containerId }]
  })
}

export function documentsOf({ paths }: EngineConfig): ContainerDocument[] {
  using state = openCopy(paths.database)
  return state.database
    .prepare('SELECT doc FROM containers')
    .all()
    .map((row) => JSON.parse(String(row['doc'])) as ContainerDocument)
}

/** SIGKILL; false when it was gone. */
export function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}
