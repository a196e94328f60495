/**
 * Out-of-memory kills of a run: the kernel counts them in the cgroup; of a process beside the first nobody else tells.
 * Source: kernel Documentation/admin-guide/cgroup-v2.rst (memory.events), moby daemon/monitor.go (EventOOM).
 */
import type { Platform } from '../platform.ts'
import { publish, type ContainersContext } from './context.ts'
import type { Container } from './store.ts'

/** Tells of kills since the last look. sync */
export function noticeOomKills(context: ContainersContext, { cgroups }: Platform, container: Container): void {
  const { run } = container
  if (run === undefined) return
  const kills = cgroups.oomKills(run.cgroupPath)
  if (kills <= run.oomKills) return
  run.oomKills = kills
  if (!container.document.state.oomKilled) context.store.updateState(container, { oomKilled: true })
  publish(context, container, 'oom')
}
