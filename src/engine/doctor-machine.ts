/** Doctor: Node, kernel, cgroups, disk. */
import type { DoctorCheck } from './doctor.ts'
import { detectCgroupLayout } from './facts.ts'
import { release } from 'node:os'

/** Raw disk space below which images and databases soon fail. */
const LOW_DISK_BYTES = 2 * 1024 ** 3
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

function controllersOf(layout: 'v1' | 'hybrid' | 'v2', read: (path: string) => string | undefined): string[] {
  if (layout === 'v2') return (read('/sys/fs/cgroup/cgroup.controllers') ?? '').trim().split(' ')
  const lines = (read('/proc/cgroups') ?? '').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => line.split('\t')).flatMap(([name = '', , , enabled]) => (enabled === '1' ? [name] : []))
}

export const checkCgroups: DoctorCheck = ({ host }) => {
  const read = (path: string): string | undefined => host.files.readTextSync(path)
  const layout = detectCgroupLayout(host.files)
  const controllers = controllersOf(layout, read)
  const missing = WANTED_CONTROLLERS.filter((name) => !controllers.includes(name))
  const findings: Awaited<ReturnType<DoctorCheck>> = [
    missing.length === 0
      ? { check: 'cgroups', status: 'ok', message: `cgroup ${layout} with ${WANTED_CONTROLLERS.join(', ')}` }
      : {
          check: 'cgroups',
          status: 'warning',
          message: `cgroup ${layout} without ${missing.join(', ')}: such limits have no effect`,
          fix: 'boot with cgroup_enable=memory, and systemd.unified_cgroup_hierarchy=1 for cgroup v2',
        },
  ]
  const left = layout === 'hybrid' ? (read('/sys/fs/cgroup/unified/cgroup.controllers') ?? '').trim() : ''
  if (left !== '')
    findings.push({
      check: 'cgroups',
      status: 'warning',
      message: `hybrid cgroups with "${left}" on the v2 tree, which crun refuses: the engine hides that from it, or uses runc`,
      fix: 'boot with systemd.unified_cgroup_hierarchy=1 for cgroup v2',
    })
  return Promise.resolve(findings)
}

export const checkDisk: DoctorCheck = async ({ host, config }) => {
  const { bavail, bsize, files, ffree } = await host.files.statfs(config.paths.root)
  const freeBytes = bavail * bsize
  const gibibytes = (freeBytes / 1024 ** 3).toFixed(1)
  const findings: Awaited<ReturnType<DoctorCheck>> = [
    {
      check: 'disk',
      status: freeBytes < LOW_DISK_BYTES ? 'warning' : 'ok',
      message: `${gibibytes} GiB free under ${config.paths.root}`,
      ...(freeBytes < LOW_DISK_BYTES ? { fix: 'mycompose image ls, then mycompose image rm what is not needed' } : {}),
    },
  ]
  // some file systems (btrfs) count no inodes: 0 of 0
  if (files > 0 && ffree < files / 50)
    findings.push({
      check: 'disk',
      status: 'warning',
      message: `only ${ffree} inodes are free under ${config.paths.root}`,
    })
  return findings
}
