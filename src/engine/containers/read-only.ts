/**
 * Whether read-only binds can be so with all that is mounted below their source: mount_setattr(2) with AT_RECURSIVE, the
 * option "rro". Without it, a disk mounted below /data stays writable through `-v /data:/data:ro`.
 * Source: man 2 mount_setattr (Linux 5.12), moby daemon/oci_linux.go (supportsRecursivelyReadOnly).
 */
import { UnsupportedError } from '../../errors.ts'
import type { Files } from '../../host/host.ts'
import type { MountRecord } from '../../state/containers.ts'
import type { OciRuntime } from '../runtime/runtime.ts'
import { hasVersion } from '../runtime/version.ts'

const KERNEL = [5, 12] as const

const isReadOnlyBind = (mount: MountRecord): boolean =>
  mount.kind !== 'tmpfs' && mount.kind !== 'image' && mount.readOnly

/** Asks only when a mount wants it: the runtime has to be started to tell. */
export async function canBindReadOnly(
  mounts: readonly MountRecord[],
  kernelRelease: string,
  runtime: OciRuntime,
): Promise<boolean> {
  return mounts.some(isReadOnlyBind) && hasVersion(kernelRelease, KERNEL) && (await runtime.knowsRecursiveReadOnly())
}

/** Destinations of read-only binds of folders. Nothing is mounted below a file, and crun refuses "rro" for one. */
export async function readOnlyFolders(files: Files, mounts: readonly MountRecord[]): Promise<ReadonlySet<string>> {
  const folders = new Set<string>()
  for (const mount of mounts) {
    if (mount.kind === 'tmpfs' || mount.kind === 'image' || !mount.readOnly) continue
    // a source that is gone is told by the runtime
    const found = await files.stat(mount.source).catch(() => undefined)
    if (found?.isDirectory() === true) folders.add(mount.destination)
  }
  return folders
}

/** Throws UnsupportedError for a mount that insists; warns of others. */
export function checkReadOnly(mounts: readonly MountRecord[], isPossible: boolean, warn: (text: string) => void): void {
  for (const mount of mounts.filter(isReadOnlyBind)) {
    const wish = mount.kind === 'bind' ? mount.readOnlyBelow : undefined
    if (isPossible || wish === 'never') continue
    const what = `${mount.destination} cannot be mounted read-only with all below it: that needs Linux 5.12 and crun 1.4 or runc 1.1`
    if (wish === 'always') throw new UnsupportedError(what)
    warn(`${what}; what is mounted below its source stays writable`)
  }
}
