/** Proportional set sizes from /proc/PID/smaps_rollup: shared pages are counted once over all processes. */
import { readdirSync, readFileSync } from 'node:fs'

interface Process {
  readonly pid: string
  readonly command: string
  readonly commandLine: string
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // ended meanwhile
  }
}

function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({
      pid,
      command: read(`/proc/${pid}/comm`).trim(),
      commandLine: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim(),
    }))
}

function pssBytes({ pid }: Process): number {
  const kib = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1]
  return Number(kib ?? 0) * 1024
}

function sum(found: readonly Process[]): number {
  return found.reduce((total, process) => total + pssBytes(process), 0)
}

/** Of an engine of ours and its monitors: whatever names its root or run folder on the command line. */
export function pssOfRoot(root: string): number {
  return sum(
    processes().filter(
      ({ command, commandLine }) => commandLine.includes(root) && /node|conmon|MainThread/.test(command),
    ),
  )
}

/** Of all processes with these command names (the first 15 characters, as /proc has them). */
export function pssOfCommands(pattern: RegExp): number {
  return sum(processes().filter(({ command }) => pattern.test(command)))
}
