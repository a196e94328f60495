/**
 * Where the cgroup hierarchies of this machine are: v2 (one tree at /sys/fs/cgroup), v1 (a tree per controller), or
 * hybrid (v1 with an additional v2 tree). Source: man 7 cgroups; systemd's CGROUP_DELEGATION document for the names.
 */
import type { Host } from '../../host/host.ts'

export interface CgroupLayout {
  readonly kind: 'v1' | 'hybrid' | 'v2'
  /** Controller ("memory"; "name=systemd"; "" the v2 tree) -> mount point. */
  readonly trees: ReadonlyMap<string, string>
  /** Hybrid: the v2 tree still has controllers, which crun before 1.9 refuses. */
  readonly leftOnV2: readonly string[]
}

const V1_OPTIONS = new Set(['rw', 'ro', 'relatime', 'noatime', 'nosuid', 'nodev', 'noexec', 'xattr', 'clone_children'])

const words = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '')

function controllersOfMount(superOptions: string): string[] {
  return superOptions.split(',').filter((option) => !V1_OPTIONS.has(option) && !option.startsWith('release_agent='))
}

/** Parses /proc/mounts. PURE. */
export function parseCgroupMounts(mounts: string): Omit<CgroupLayout, 'leftOnV2'> {
  const trees = new Map<string, string>()
  for (const line of mounts.split('\n')) {
    const [, target, type, options] = line.split(' ')
    if (target === undefined || options === undefined || !target.startsWith('/sys/fs/cgroup')) continue
    if (type === 'cgroup2' && !trees.has('')) trees.set('', target)
    if (type === 'cgroup')
      for (const controller of controllersOfMount(options)) if (!trees.has(controller)) trees.set(controller, target)
  }
  const hasV1 = [...trees.keys()].some((controller) => controller !== '')
  const kind = !hasV1 ? 'v2' : trees.has('') ? 'hybrid' : 'v1'
  return { kind, trees }
}

/** Reads what is mounted now. sync */
export function detectCgroupLayout(host: Host): CgroupLayout {
  const { kind, trees } = parseCgroupMounts(host.files.readTextSync('/proc/self/mounts') ?? '')
  const v2 = trees.get('')
  const left = kind === 'hybrid' ? words(host.files.readTextSync(`${v2}/cgroup.controllers`)) : []
  return { kind, trees, leftOnV2: left }
}

/** Distinct mount points, sorted ("cpu" and "cpuacct" often share one). */
export function cgroupMountPoints({ trees }: CgroupLayout): string[] {
  return [...new Set(trees.values())].toSorted()
}
