/**
 * run/build/<id>: a tmpfs of its own with all that one RUN step needs besides its files: the runtime's configuration and
 * state, /etc files, secrets, sockets, mounts. So nothing of it ever comes to a disk, one unmount removes it, and what a
 * dead engine left can be found (recovery.ts).
 */
import { join } from 'node:path'
import { errnoOf } from '../../../errors.ts'
import type { Host } from '../../../host/host.ts'
import { MNT_DETACH, MS_NODEV, MS_NOSUID, UMOUNT_NOFOLLOW } from '../../../host/mounts.ts'
import type { EngineBase } from '../../context.ts'

/** Generous for a configuration, secrets and a script; the memory is the machine's. */
const TMPFS_OPTIONS = 'mode=0700,size=256m'
/** Short, as paths of sockets are. */
const NAME_LENGTH = 16

export interface StepFolder {
  /** 64 hex digits: of the runtime's container, the cgroup, the sandbox. */
  readonly id: string
  /** The bundle too. */
  readonly folder: string
  readonly configJson: string
  /** Mount point of the root file system. */
  readonly rootfs: string
  /** State folder of the runtime. */
  readonly runtimeState: string
  /** The runtime's own errors. */
  readonly runtimeLog: string
  readonly hosts: string
  readonly resolvConf: string
  /** Of things that are bound into the step, by number. */
  readonly mounts: string
  /** What recovery has to know: StepRecord as JSON. */
  readonly record: string
}

export interface StepRecord {
  readonly id: string
  readonly cgroupPath: string
}

export function stepFolder({ config }: Pick<EngineBase, 'config'>, id: string): StepFolder {
  const folder = join(config.paths.buildSteps, id.slice(0, NAME_LENGTH))
  const inside = (name: string): string => join(folder, name)
  return {
    id,
    folder,
    configJson: inside('config.json'),
    rootfs: inside('rootfs'),
    runtimeState: inside('state'),
    runtimeLog: inside('runtime.log'),
    hosts: inside('hosts'),
    resolvConf: inside('resolv.conf'),
    mounts: inside('mounts'),
    record: inside('step.json'),
  }
}

/** Secrets stay out of the swap where the kernel can see to that (Linux 6.4). */
function mountMemory({ mounts }: Host, target: string): void {
  const request = { source: 'tmpfs', target, type: 'tmpfs', flags: MS_NOSUID | MS_NODEV }
  try {
    mounts.mount({ ...request, data: `${TMPFS_OPTIONS},noswap` })
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error
    mounts.mount({ ...request, data: TMPFS_OPTIONS })
  }
}

export async function openStepFolder(base: EngineBase, record: StepRecord): Promise<StepFolder> {
  const { host } = base
  const paths = stepFolder(base, record.id)
  await host.files.mkdir(paths.folder, { mode: 0o700 })
  try {
    mountMemory(host, paths.folder)
    await host.files.writeFile(paths.record, JSON.stringify(record))
    for (const path of [paths.rootfs, paths.mounts]) await host.files.mkdir(path, { mode: 0o700 })
    return paths
  } catch (error) {
    await removeStepFolder(base, paths.folder)
    throw error
  }
}

/** With all that is mounted in it; idempotent. Its processes must have ended. */
export async function removeStepFolder({ host }: Pick<EngineBase, 'host'>, folder: string): Promise<void> {
  await host.mounts.umountAsync(folder, MNT_DETACH | UMOUNT_NOFOLLOW)
  await host.files.rm(folder, { recursive: true, force: true })
}
