/**
 * A folder to build in, in memory where there is plenty: package managers sync and delete a lot, and on ext4 the
 * deleted inodes slow down whoever makes files in the seconds after (its "recently deleted" check).
 */
import { join } from 'node:path'
import type { EngineBase } from '../context.ts'
import { mountPointsBelow, unmount } from '../layers/mount-points.ts'

/** A build takes up to about 1 GiB; so much more than that must be free for it to be kept in memory. */
const PLENTY_KIB = 4 * 2 ** 20

export interface Scratch extends AsyncDisposable {
  readonly folder: string
}

function hasPlentyOfMemory({ host }: EngineBase): boolean {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(host.files.readTextSync('/proc/meminfo') ?? '')?.[1]
  return Number(available ?? 0) >= PLENTY_KIB
}

/** Goes with all that is in it when disposed of. */
export async function openScratch(base: EngineBase, name: string): Promise<Scratch> {
  const { host, config, log } = base
  const folder = await host.files.mkdtemp(join(config.paths.temporary, `${name}-`))
  if (hasPlentyOfMemory(base))
    host.mounts.mount({ source: 'tmpfs', target: folder, type: 'tmpfs', data: 'mode=0700,size=75%' })
  return {
    folder,
    async [Symbol.asyncDispose]() {
      for (const point of mountPointsBelow(host, folder).toReversed()) await unmount(base, point)
      if (mountPointsBelow(host, config.paths.temporary).includes(folder)) await unmount(base, folder)
      // whatever a tool left mounted: nothing of the host may be deleted through it
      if (mountPointsBelow(host, folder).length === 0) await host.files.rm(folder, { recursive: true, force: true })
      else log('error', 'mounts were left behind in a build folder', { folder })
    },
  }
}
