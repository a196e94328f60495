/** Which of our folders are mount points, and letting go of them. Source: man 5 proc_pid_mountinfo, man 2 umount. */
import type { EngineBase } from '../context.ts'
import { errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { MNT_DETACH, UMOUNT_NOFOLLOW } from '../../host/mounts.ts'

/** EBUSY goes away by itself when a killed process lets go: that long we wait. */
const BUSY_ATTEMPTS = 20
const BUSY_PAUSE_MS = 25

/** Mount points below `folder`, in the order they were mounted. Spaces and such are octal in the file. */
export function parseMountPoints(mountinfo: string, folder: string): string[] {
  const points: string[] = []
  for (const line of mountinfo.split('\n')) {
    const field = line.split(' ')[4]
    if (field === undefined) continue
    const point = field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    if (point.startsWith(`${folder}/`)) points.push(point)
  }
  return points
}

export function mountPointsBelow(host: Host, folder: string): string[] {
  return parseMountPoints(host.files.readTextSync('/proc/self/mountinfo') ?? '', folder)
}

/** Idempotent. What stays busy is detached: it vanishes with its last user. */
export async function unmount({ host, log }: Pick<EngineBase, 'host' | 'log'>, target: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await host.mounts.umountAsync(target)
      return
    } catch (error) {
      if (errnoOf(error) !== 'EBUSY') throw error
      if (attempt === BUSY_ATTEMPTS) break
    }
    await host.clock.sleep(BUSY_PAUSE_MS)
  }
  log('warn', 'a root file system stays busy and is detached', { target })
  host.mounts.umount(target, MNT_DETACH | UMOUNT_NOFOLLOW)
}
