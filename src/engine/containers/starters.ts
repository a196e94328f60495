/**
 * What a start that was cut short leaves running: conmon and the `create` of the runtime under it go on by themselves,
 * and make a container that nobody waits for. They are told by their command lines.
 */
import type { ContainersContext } from './context.ts'
import { SIGKILL } from './signals.ts'

const ATTEMPTS = 200
const PAUSE_MS = 5

function findStarters({ config, host }: ContainersContext, id: string): number[] {
  const conmons = host.processes.withArguments('--cid', id, config.paths.exits)
  return [...conmons, ...host.processes.withArguments('create', id)]
}

/** Kills them and waits until they are gone; their container's own processes are the cgroup's affair. */
export async function killStarters(context: ContainersContext, id: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const pids = findStarters(context, id)
    if (pids.length === 0) return
    for (const pid of pids) context.host.processes.signal(pid, SIGKILL)
    await context.host.clock.sleep(PAUSE_MS)
  }
  throw new Error(`cannot end the start of container ${id}`)
}
