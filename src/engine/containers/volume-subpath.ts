/** A folder inside a volume, opened without leaving it (a link in the volume may point anywhere). */
import { InvalidRequestError, errnoOf } from '../../errors.ts'
import type { Host } from '../../host/host.ts'
import { openFlags } from '../../host/rooted.ts'

/** The real path of `subpath` inside the volume. Throws InvalidRequestError when there is none. */
export function subpathSource(host: Host, mountpoint: string, subpath: string): string {
  if (subpath === '') return mountpoint
  const isLocal = !subpath.startsWith('/') && !subpath.split('/').includes('..')
  if (!isLocal) throw new InvalidRequestError(`volume subpath ${JSON.stringify(subpath)} must stay inside the volume`)
  try {
    const fd = host.rooted.open(mountpoint, subpath, openFlags.O_RDONLY | openFlags.O_NONBLOCK)
    try {
      return host.files.readlinkSync(`/proc/self/fd/${fd}`)
    } finally {
      host.rooted.close(fd)
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    throw new InvalidRequestError(`cannot access path in volume: subpath ${JSON.stringify(subpath)} does not exist`)
  }
}
