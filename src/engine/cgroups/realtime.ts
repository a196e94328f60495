/**
 * Real-time shares on cgroup v1: a group may only hand out what it has itself, and our parent has nothing at first.
 * Source: kernel Documentation/scheduler/sched-rt-group.rst.
 */
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { Files } from '../../host/host.ts'

const FILE = 'cpu.rt_runtime_us'

/** Gives `folder`, in the tree of the cpu controller, as much as its children have and `wishUs` more. sync */
export function grantRealtime(files: Files, folder: string, wishUs: number): void {
  const read = (path: string): number => Math.max(0, Number(files.readTextSync(join(path, FILE)) ?? 0))
  const children = files.existsSync(folder) ? files.readdirSync(folder) : []
  const taken = children
    .map((name) => join(folder, name))
    .filter((child) => files.existsSync(join(child, FILE)))
    .reduce((sum, child) => sum + read(child), 0)
  if (read(folder) >= taken + wishUs) return
  try {
    files.writeTextSync(join(folder, FILE), String(taken + wishUs))
  } catch (error) {
    // more than the machine has: the runtime is refused the same, and says so of the container
    if (errnoOf(error) !== 'EINVAL') throw error
  }
}
