/**
 * Mounts that lie inside of others: a volume on /v, and something on /v/t. A runtime makes /v/t by its path while other
 * containers that share the volume run, and those can swap a folder for a link at the right moment: old runtimes then
 * make files and folders on the host, or mount there. So what lies inside is put into place here, beneath an open
 * descriptor, and the runtime is handed the whole as one bind; it never sees a path that somebody else can change.
 *
 * The whole is built in a mount that nobody shares (a mount made in a shared one would appear in its source too), each
 * part first beside it, so that its flags are set where no path can be swapped; then it is bound to where it stays.
 * Source: CVE-2021-30465, CVE-2024-45310 (runc < 1.1.14); kernel Documentation/filesystems/sharedsubtree.rst; man 2 openat2.
 */
import { join } from 'node:path'
import { InvalidRequestError, errnoOf } from '../../errors.ts'
import { MNT_DETACH, MS_BIND, MS_PRIVATE, MS_RDONLY, MS_REC, MS_REMOUNT } from '../../host/mounts.ts'
import type { ContainerDocument } from '../../state/containers.ts'
import { mountPointsBelow } from '../layers/mount-points.ts'
import { parseMountWords } from '../volumes/options.ts'
import type { ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'
import type { SourcedMount } from './mount-sources.ts'
import { tmpfsOptions } from './spec/mounts.ts'

type Bound = Exclude<SourcedMount, { kind: 'tmpfs' }>

export interface NestedPlan {
  /** What can be left to the runtime: its mount point lies in the container's own root, or in a tmpfs of it. */
  readonly plain: readonly SourcedMount[]
  /** `inner`: in the order of their depth. */
  readonly wholes: readonly { readonly outer: Bound; readonly inner: readonly SourcedMount[] }[]
}

const contains = (outer: SourcedMount, inner: SourcedMount): boolean =>
  inner.destination.startsWith(`${outer.destination}/`)

const isBound = (mount: SourcedMount): mount is Bound => mount.kind !== 'tmpfs'

/** One that passes mounts on, or takes them, must be mounted by the runtime itself. */
const isPrivate = (mount: SourcedMount): boolean =>
  mount.kind !== 'bind' || ['', 'private', 'rprivate'].includes(mount.propagation)

/** PURE */
export function planNested(mounts: readonly SourcedMount[]): NestedPlan {
  const byDepth = mounts.toSorted((a, b) => a.destination.split('/').length - b.destination.split('/').length)
  const wholes: { outer: Bound; inner: SourcedMount[] }[] = []
  for (const mount of byDepth) {
    const whole = wholes.find(({ outer }) => contains(outer, mount))
    if (whole !== undefined) whole.inner.push(mount)
    else if (isBound(mount)) wholes.push({ outer: mount, inner: [] })
  }
  const nested = wholes.filter(({ outer, inner }) => inner.length > 0 && [outer, ...inner].every(isPrivate))
  const taken = new Set(nested.flatMap(({ outer, inner }) => [outer, ...inner]))
  return { wholes: nested, plain: mounts.filter((mount) => !taken.has(mount)) }
}

/** The flags of a mount (MS_*), which a remount would otherwise take away. */
function flagsOf(mountinfo: string, point: string): number {
  const line = mountinfo.split('\n').findLast((text) => text.split(' ')[4] === point)
  return parseMountWords(line?.split(' ')[5] ?? '').flags
}

/** `point` and all below it, which lies in a folder of ours. */
function makeReadOnly({ host }: ContainersContext, point: string): void {
  const mountinfo = host.files.readTextSync('/proc/self/mountinfo') ?? ''
  for (const target of [point, ...mountPointsBelow(host, point)])
    host.mounts.mount({
      source: 'none',
      target,
      flags: MS_REMOUNT | MS_BIND | MS_RDONLY | flagsOf(mountinfo, target.replaceAll(' ', '\\040')),
    })
}

/** Mounts it on `place`, which is made, apart from all other mounts and with its flags. */
function mountApart(context: ContainersContext, mount: SourcedMount, place: string): 'folder' | 'file' {
  const { files, mounts, rooted } = context.host
  if (mount.kind === 'tmpfs') {
    rooted.makeFolders('/', place, 0o700)
    mounts.mount({
      source: 'tmpfs',
      target: place,
      type: 'tmpfs',
      ...parseMountWords(tmpfsOptions(mount.options).join(',')),
    })
    return 'folder'
  }
  const kind = files.existsSync(`${mount.source}/.`) ? 'folder' : 'file'
  if (kind === 'folder') rooted.makeFolders('/', place, 0o700)
  else files.writeTextSync(place, '')
  const isRecursive = mount.kind !== 'bind' || mount.recursive
  mounts.mount({ source: mount.source, target: place, flags: MS_BIND | (isRecursive ? MS_REC : 0) })
  mounts.mount({ source: 'none', target: place, flags: MS_PRIVATE | MS_REC })
  if (!mount.readOnly) return kind
  if (mount.kind === 'bind' && mount.readOnlyBelow === 'never')
    mounts.mount({
      source: 'none',
      target: place,
      flags: MS_REMOUNT | MS_BIND | MS_RDONLY | flagsOf(files.readTextSync('/proc/self/mountinfo') ?? '', place),
    })
  else makeReadOnly(context, place)
  return kind
}

const HINTS: Readonly<Record<string, string>> = {
  EXDEV: 'a link on the way leads out of what is mounted there: mount it on the place that the link means',
  EROFS: 'what is mounted there is read-only: make the mount point in its source before',
  ENOTDIR: 'a file is where a folder is to be mounted, or the other way round',
  ELOOP: 'a link is in the way that is being changed',
}

function refusal(outer: Bound, inner: SourcedMount, cause: unknown): unknown {
  const errno = errnoOf(cause)
  if (errno === undefined) return cause
  return new InvalidRequestError(`cannot mount ${inner.destination} inside of ${outer.destination}: ${errno}`, {
    code: 'MOUNT_POINT',
    hint: HINTS[errno],
    cause,
  })
}

function putInside(context: ContainersContext, whole: string, { outer, inner, part }: Placement): void {
  const { mounts, rooted } = context.host
  const kind = mountApart(context, inner, part)
  const path = inner.destination.slice(outer.destination.length + 1)
  let fd: number | undefined
  try {
    fd = rooted.openMountPoint(whole, path, kind)
    mounts.mount({ source: part, target: `/proc/self/fd/${fd}`, flags: MS_BIND | MS_REC })
  } catch (cause) {
    throw refusal(outer, inner, cause)
  } finally {
    if (fd !== undefined) rooted.close(fd)
  }
}

interface Placement {
  readonly outer: Bound
  readonly inner: SourcedMount
  /** Where it is mounted before. */
  readonly part: string
}

/** The whole as one mount, bound to `own`. */
function assemble(
  context: ContainersContext,
  { outer, inner }: NestedPlan['wholes'][number],
  own: string,
): SourcedMount {
  const { mounts, rooted } = context.host
  const [whole, ...parts] = [outer, ...inner].map((_, index) => `${own}-part${index}`)
  using parted = new DisposableStack()
  for (const part of [whole, ...parts]) if (part !== undefined) parted.defer(() => void mounts.umount(part, MNT_DETACH))
  mountApart(context, outer, whole ?? '')
  for (const [index, mount] of inner.entries())
    putInside(context, whole ?? '', { outer, inner: mount, part: parts[index] ?? '' })
  rooted.makeFolders('/', own, 0o700)
  mounts.mount({ source: whole ?? '', target: own, flags: MS_BIND | MS_REC })
  return {
    kind: 'bind',
    source: own,
    destination: outer.destination,
    readOnly: outer.readOnly,
    propagation: '',
    recursive: true,
    readOnlyBelow: 'never',
    createSource: false,
    mode: '',
  }
}

/** hosts, hostname and resolv.conf, where they lie in a mount of the user's on /etc. */
export function etcFilesInside(
  { config }: ContainersContext,
  { id, hostConfig }: ContainerDocument,
  mounts: readonly SourcedMount[],
): SourcedMount[] {
  if (!mounts.some((mount) => isBound(mount) && mount.destination === '/etc')) return []
  const { hosts, hostname, resolvConf } = containerFolder(config, id)
  const files = { '/etc/hosts': hosts, '/etc/hostname': hostname, '/etc/resolv.conf': resolvConf }
  return Object.entries(files)
    .filter(([destination]) => mounts.every((mount) => mount.destination !== destination))
    .map(([destination, source]) => ({
      kind: 'bind',
      source,
      destination,
      readOnly: hostConfig.ReadonlyRootfs ?? false,
      propagation: '',
      recursive: false,
      createSource: false,
      mode: '',
    }))
}

/** The mounts that are left to the runtime. What was made is undone by releaseSources. Throws MOUNT_POINT. */
export function nestMounts(
  context: ContainersContext,
  { id }: ContainerDocument,
  mounts: readonly SourcedMount[],
): SourcedMount[] {
  const { plain, wholes } = planNested(mounts)
  const folder = join(containerFolder(context.config, id).folder, 'mounts')
  if (wholes.length > 0) context.host.rooted.makeFolders('/', folder, 0o700)
  return [...plain, ...wholes.map((whole, index) => assemble(context, whole, join(folder, `nested${index}`)))]
}
