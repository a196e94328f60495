/**
 * top: the host's ps, its lines kept whose pid belongs to the container's cgroup. No program of the container is run.
 * Source: moby daemon/top_unix.go.
 */
import { InvalidRequestError } from '../../errors.ts'
import type { ContainersContext } from './context.ts'
import { notRunning, type Container } from './store.ts'

export interface ProcessTable {
  readonly Titles: readonly string[]
  readonly Processes: readonly (readonly string[])[]
}

/** PURE. Throws InvalidRequestError when there is no PID column. */
export function parseProcessTable(text: string, pids: ReadonlySet<number>): ProcessTable {
  const [head = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '')
  const titles = head.trim().split(/\s+/)
  const pidColumn = titles.indexOf('PID')
  if (pidColumn < 0) throw new InvalidRequestError("couldn't find PID field in ps output")
  const rows = lines.map((line) => {
    const fields = line.trim().split(/\s+/)
    const last = titles.length - 1
    // the last column, the command, may hold blanks
    return fields.length > titles.length ? fields.toSpliced(last, fields.length, fields.slice(last).join(' ')) : fields
  })
  return { Titles: titles, Processes: rows.filter((row) => pids.has(Number(row[pidColumn]))) }
}

export async function processTable(
  context: ContainersContext,
  container: Container,
  psArgs: string,
): Promise<ProcessTable> {
  const { run } = container
  if (run === undefined) throw notRunning(container)
  const args = psArgs.trim() === '' ? ['-ef'] : psArgs.trim().split(/\s+/)
  if (args.some((argument) => /pid=/.test(argument)))
    throw new InvalidRequestError('specifying "pid=..." is not supported')
  const { cgroups } = await context.platform()
  const { stdout } = await context.host.exec.run(['ps', ...args], { timeoutMs: 10_000 })
  return parseProcessTable(stdout, new Set(cgroups.processIds(run.cgroupPath)))
}
