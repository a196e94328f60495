/** Signals to processes that are not our children, guarded against the reuse of a number. Source: man 5 proc. */
import { readdirSync, readFileSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import type { Processes } from './host.ts'
import { openWritePipe } from './process-pipes.ts'

function startTime(pid: number): string | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
  // the command name (field 2) may hold blanks and parentheses: count from the last one
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

function argumentsOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ESRCH') return [] // it has ended meanwhile
    throw error
  }
}

export function createProcesses(): Processes {
  return {
    startTime,
    openWritePipe,
    withArguments(...wanted) {
      const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
      return pids
        .filter((pid) => {
          const found = argumentsOf(pid)
          return wanted.every((argument) => found.includes(argument))
        })
        .map(Number)
    },
    signal(pid, signal, expected) {
      if (pid <= 0) return false
      if (expected !== undefined && startTime(pid) !== expected) return false
      try {
        process.kill(pid, signal)
        return true
      } catch (error) {
        if (errnoOf(error) === 'ESRCH') return false
        throw error
      }
    },
  }
}
