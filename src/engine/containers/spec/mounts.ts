/**
 * PURE: all mounts of a container in the order in which the runtime makes them: the system's, then the user's and our
 * /etc files by depth. Source: moby daemon/oci_linux.go (withMounts), daemon/pkg/oci/defaults.go.
 */
import type { MountRecord } from '../../../state/containers.ts'
import type { SourcedMount } from '../mount-sources.ts'
import type { OciMount } from './oci.ts'

export type SharedMemory =
  | { readonly kind: 'private'; readonly sizeBytes: number }
  | { readonly kind: 'bind'; readonly source: string }
  | { readonly kind: 'none' }

export interface MountInput {
  readonly mounts: readonly SourcedMount[]
  readonly etcFiles:
    | {
        readonly hosts: string
        /** Undefined: the image's own. */
        readonly hostname: string | undefined
        readonly resolvConf: string
        /** Also where the root file system can be written. */
        readonly readOnly?: boolean
      }
    | undefined
  readonly sharedMemory: SharedMemory
  /** Destinations that get the mount option "rro": folders, where the runtime and the kernel know it. */
  readonly recursiveReadOnly: ReadonlySet<string>
  readonly readonlyRootfs: boolean
  readonly privileged: boolean
  /** tini of the host, bound to /sbin/docker-init. */
  readonly initPath: string | undefined
}

const NO_ALL = ['nosuid', 'noexec', 'nodev']

function sharedMemoryMount(shm: SharedMemory): OciMount[] {
  switch (shm.kind) {
    case 'private':
      return [
        {
          destination: '/dev/shm',
          type: 'tmpfs',
          source: 'shm',
          options: [...NO_ALL, 'mode=1777', `size=${shm.sizeBytes}`],
        },
      ]
    case 'bind':
      return [{ destination: '/dev/shm', type: 'bind', source: shm.source, options: ['rbind', 'rprivate', ...NO_ALL] }]
    case 'none':
      return []
    default:
      return shm satisfies never
  }
}

function systemMounts({ privileged, sharedMemory }: MountInput): OciMount[] {
  const readOnly = privileged ? [] : ['ro']
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: NO_ALL },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...NO_ALL, ...readOnly] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...readOnly, ...NO_ALL] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: NO_ALL },
    ...sharedMemoryMount(sharedMemory),
  ]
}

/** Base options, each overridden by its opposite when the user gives that. */
export function tmpfsOptions(options: readonly string[]): string[] {
  const opposites: Readonly<Record<string, string>> = { noexec: 'exec', nosuid: 'suid', nodev: 'dev' }
  const base = ['noexec', 'nosuid', 'nodev'].filter((option) => !options.includes(opposites[option] ?? ''))
  return [...new Set([...base, ...options])]
}

function userMount(mount: SourcedMount, recursiveReadOnly: ReadonlySet<string>): OciMount {
  if (mount.kind === 'tmpfs')
    return {
      destination: mount.destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: tmpfsOptions(mount.options),
    }
  const bind = mount.kind === 'bind' && !mount.recursive ? 'bind' : 'rbind'
  const propagation = mount.kind === 'bind' && mount.propagation !== '' ? mount.propagation : 'rprivate'
  const isRecursive =
    recursiveReadOnly.has(mount.destination) &&
    mount.readOnly &&
    bind === 'rbind' &&
    !(mount.kind === 'bind' && mount.readOnlyBelow === 'never')
  return {
    destination: mount.destination,
    type: 'bind',
    source: mount.source,
    // no "rw": a runtime may take it as the wish to undo what the source is mounted with
    options: [bind, ...(mount.readOnly ? ['ro'] : []), ...(isRecursive ? ['rro'] : []), propagation],
  }
}

function ownFiles({ etcFiles, readonlyRootfs, initPath, mounts }: MountInput): OciMount[] {
  const taken = new Set(mounts.map(({ destination }) => destination))
  const options = ['rbind', readonlyRootfs || etcFiles?.readOnly === true ? 'ro' : 'rw', 'rprivate']
  const files: [string, string | undefined, string[]][] = [
    ['/etc/resolv.conf', etcFiles?.resolvConf, options],
    ['/etc/hostname', etcFiles?.hostname, options],
    ['/etc/hosts', etcFiles?.hosts, options],
    ['/sbin/docker-init', initPath, ['bind', 'ro']],
  ]
  return files.flatMap(([destination, source, fileOptions]) =>
    source === undefined || taken.has(destination) ? [] : [{ destination, type: 'bind', source, options: fileOptions }],
  )
}

const depth = ({ destination }: OciMount): number => destination.split('/').filter(Boolean).length

export function toMounts(input: MountInput): OciMount[] {
  const taken = new Set(input.mounts.map(({ destination }) => destination))
  const system = systemMounts(input).filter(
    ({ destination }) => !taken.has(destination) && !(taken.has('/dev') && destination.startsWith('/dev/')),
  )
  const byDepth = [
    ...input.mounts.map((mount) => userMount(mount, input.recursiveReadOnly)),
    ...ownFiles(input),
  ].toSorted((a, b) => depth(a) - depth(b))
  return [...system, ...byDepth]
}

/** "rshared" or "rslave" when a bind asks for it; the root file system must then propagate too. */
export function toRootfsPropagation(mounts: readonly MountRecord[]): 'shared' | 'slave' | undefined {
  const wishes = mounts.flatMap((mount) => (mount.kind === 'bind' ? [mount.propagation] : []))
  if (wishes.some((wish) => wish.endsWith('shared'))) return 'shared'
  return wishes.some((wish) => wish.endsWith('slave')) ? 'slave' : undefined
}
