/** Doctor: Node, kernel, cgroups, disk. */
import { release } from 'node:os'
import type { DoctorCheck } from './doctor.ts'
import type { DoctorFinding } from '../api/types/index.ts'
import { formatBytes } from '../units.ts'
import { detectCgroupLayout, type CgroupLayout } from './cgroups/layout.ts'

/** Raw disk space below which images and databases soon fail. */
const LOW_DISK_BYTES = 2 * 1024 ** 3
/** And below which state and logs can no longer be written. */
const FULL_DISK_BYTES = 4 * 1024 ** 2
const MAKE_ROOM = 'mycompose system df, then mycompose system prune; df -h shows what else takes room'
/** Controllers that limits of Compose files stand on. */
const WANTED_CONTROLLERS = ['cpu', 'memory', 'pids']

export const checkNode: DoctorCheck = () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNew = major > 24 || (major === 24 && minor >= 12)
  return Promise.resolve([
    isNew
      ? { check: 'node', status: 'ok', message: `Node ${process.versions.node}` }
      : {
          check: 'node',
          status: 'failed',
          message: `Node ${process.versions.node} is older than 24.12`,
          fix: 'npm install -g node@24',
        },
  ])
}

export const checkKernel: DoctorCheck = ({ host }) => {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const fileSystems = host.files.readTextSync('/proc/filesystems') ?? ''
  const hasOverlay = /\toverlay$/m.test(fileSystems)
  const old = major < 5 || (major === 5 && minor < 10)
  return Promise.resolve([
    old
      ? { check: 'kernel', status: 'warning', message: `Linux ${release()} is older than 5.10, the oldest one tried` }
      : { check: 'kernel', status: 'ok', message: `Linux ${release()}` },
    hasOverlay
      ? { check: 'overlay', status: 'ok', message: 'overlayfs is there' }
      : { check: 'overlay', status: 'failed', message: 'the kernel has no overlayfs', fix: 'modprobe overlay' },
  ])
}

function controllersOf({ kind, trees }: CgroupLayout, read: (path: string) => string | undefined): string[] {
  if (kind === 'v2') return (read(`${trees.get('')}/cgroup.controllers`) ?? '').trim().split(' ')
  return [...trees.keys()]
}

export const checkCgroups: DoctorCheck = ({ host }) => {
  const layout = detectCgroupLayout(host)
  const controllers = controllersOf(layout, (path) => host.files.readTextSync(path))
  const missing = WANTED_CONTROLLERS.filter((name) => !controllers.includes(name))
  const findings: DoctorFinding[] = [
    missing.length === 0
      ? { check: 'cgroups', status: 'ok', message: `cgroup ${layout.kind} with ${WANTED_CONTROLLERS.join(', ')}` }
      : {
          check: 'cgroups',
          status: 'warning',
          message: `cgroup ${layout.kind} without ${missing.join(', ')}: such limits have no effect`,
          fix: 'boot with cgroup_enable=memory, and systemd.unified_cgroup_hierarchy=1 for cgroup v2',
        },
  ]
  if (layout.leftOnV2.length > 0)
    findings.push({
      check: 'cgroups',
      status: 'ok',
      message: `hybrid cgroups with ${layout.leftOnV2.join(', ')} on the v2 tree, which crun refuses; the engine hides that from it`,
    })
  return Promise.resolve(findings)
}

export const checkDisk: DoctorCheck = async ({ host, config }) => {
  const { bavail, bsize, files, ffree } = await host.files.statfs(config.paths.root)
  const freeBytes = bavail * bsize
  const findings: DoctorFinding[] = [
    {
      check: 'disk',
      status: freeBytes < FULL_DISK_BYTES ? 'failed' : freeBytes < LOW_DISK_BYTES ? 'warning' : 'ok',
      message: `${formatBytes(freeBytes)} free under ${config.paths.root}`,
      ...(freeBytes < LOW_DISK_BYTES ? { fix: MAKE_ROOM } : {}),
    },
  ]
  // some file systems (btrfs) count no inodes: 0 of 0
  if (files > 0 && ffree < files / 50)
    findings.push({
      check: 'disk',
      status: ffree === 0 ? 'failed' : 'warning',
      message: `only ${ffree} inodes are free under ${config.paths.root}`,
      fix: MAKE_ROOM,
    })
  return findings
}
