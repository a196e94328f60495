/** What is asked of storage and cannot be had here, said at create: project quotas, SELinux labels of binds. */
import { UnsupportedError } from '../../errors.ts'
import type { Files } from '../../host/host.ts'
import type { HostConfig } from '../../api/types/index.ts'
import type { MountRecord } from '../../state/containers.ts'

/** Throws UnsupportedError: a container without the limit that was asked for would fill the disk. */
export function checkStorageOptions({ StorageOpt }: HostConfig): void {
  const options = Object.entries(StorageOpt ?? {}).map(([key, value]) => `${key}=${value}`)
  if (options.length === 0) return
  throw new UnsupportedError(
    `storage option ${options.join(', ')} is not supported: this engine sets no project quotas`,
    {
      code: 'STORAGE_OPTION',
      hint: 'leave storage_opt out; to limit what a container writes, mount a tmpfs with a size (tmpfs: /data:size=100m), or make it read_only',
    },
  )
}

/** Warns where SELinux is on; elsewhere z and Z mean nothing, as with docker. */
export function warnOfLabels(
  files: Pick<Files, 'existsSync'>,
  mounts: readonly MountRecord[],
  warn: (text: string) => void,
): void {
  const isAsked = ({ mode }: { readonly mode: string }): boolean => /(?:^|,)[zZ](?:,|$)/.test(mode)
  const labelled = mounts.filter((mount) => mount.kind === 'bind').filter(isAsked)
  if (labelled.length === 0 || !files.existsSync('/sys/fs/selinux/enforce')) return
  for (const { source } of labelled)
    warn(`${source} is not relabelled for SELinux (z, Z): chcon -Rt container_file_t ${source}`)
}
