/**
 * A leaf for the conmons, beside the containers' cgroups: a conmon that stayed where the engine was started would be
 * killed with that systemd unit or login session, and with it the exit code and the log. On v1 only the hierarchies that
 * systemd looks at matter; in the others conmon stays with the engine, whose memory and time it is.
 * Source: systemd.kill(5) (KillMode=), logind.conf(5) (KillUserProcesses=), systemd's CGROUP_DELEGATION document.
 */
import { join } from 'node:path'
import { errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import type { CgroupLayout } from './layout.ts'

const LEAF = 'conmon'
const BUSY_ATTEMPTS = 100
const BUSY_PAUSE_MS = 10

export interface MonitorCgroup {
  /**
   * Moves the process, in the background: the first write to cgroup.procs waits for an RCU grace period, some 30 ms.
   * `onError` hears of a kernel that does not let us; a process that is gone is no error.
   */
  adopt(pid: number, onError: (error: unknown) => void): void
  /** After the last conmon's work: waits until they have ended, and removes the leaf. False: one lives on. */
  remove(): Promise<boolean>
}

export function createMonitorCgroup(host: Host, { trees }: CgroupLayout, parent: string): MonitorCgroup {
  const folders = ['', 'name=systemd'].flatMap((tree) => {
    const mountPoint = trees.get(tree)
    return mountPoint === undefined ? [] : [join(mountPoint, parent, LEAF)]
  })
  const pending = new Set<Promise<void>>()

  async function move(pid: number): Promise<void> {
    for (const folder of folders) {
      await host.files.mkdir(folder, { recursive: true })
      await host.files.writeFile(join(folder, 'cgroup.procs'), String(pid))
    }
  }

  async function removeFolder(folder: string): Promise<boolean> {
    for (let attempt = 0; attempt < BUSY_ATTEMPTS; attempt += 1) {
      try {
        await host.files.rmdir(folder)
        return true
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return true
        if (errnoOf(error) !== 'EBUSY') throw error
      }
      await host.clock.sleep(BUSY_PAUSE_MS) // conmon writes the exit code before it ends
    }
    return false
  }

  return {
    adopt(pid, onError) {
      if (pid <= 0) return // 0 would be whoever writes: the engine
      const moved = move(pid)
        .catch((error: unknown) => {
          if (errnoOf(error) !== 'ESRCH') onError(error)
        })
        .finally(() => pending.delete(moved))
      pending.add(moved)
    },
    async remove() {
      await Promise.all(pending)
      return (await Promise.all(folders.map(removeFolder))).every(Boolean)
    },
  }
}
