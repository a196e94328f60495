/**
 * What a `--mount` of a step is bound from, opened by descriptors inside its origin: a link that leads out ends at the
 * origin's root, and what is swapped afterwards does not matter.
 *
 * Folders go through an overlay of their own unless they are a state's, mounted read-only: writes are thrown away (the
 * context on the host does not change), sockets and pipes of the host cannot be reached through it, what .dockerignore
 * leaves out is hidden by whiteouts, and mount points inside can be made. Nothing is copied.
 * Source: CVE-2025-4953 (writes to a bind of the context), CVE-2024-1753, CVE-2024-23651 (sources that are links).
 */
import { join } from 'node:path'
import { InvalidRequestError, MycomposeError, errnoOf } from '../../../errors.ts'
import type { At, ByteString } from '../../../host/at.ts'
import type { Host } from '../../../host/host.ts'
import { MS_BIND, MS_RDONLY, MS_REMOUNT } from '../../../host/mounts.ts'
import type { EngineBase } from '../../context.ts'
import { joinPath } from '../../layers/entry-path.ts'
import { mountOverlay, type OverlayRequest } from '../../layers/overlay.ts'
import type { StepFolder } from './step-folder.ts'
import { bytesOf, inFolder, realPath, splitPath } from './tree-path.ts'

/** Where a mount's content comes from. */
export interface MountOrigin {
  /** Holds it: a state's layers as a mounted tree, or a folder of this machine that is read in place. */
  readonly folder: string
  /** "state": nobody else changes it. "host": a folder that belongs to a user. "cache": ours, and what is written stays. */
  readonly kind: 'state' | 'host' | 'cache'
  /** By content: chain id, checksum. Tells caches with another first content apart. */
  readonly identity: string
  /** Of "host": paths that .dockerignore leaves out, from the root, without links on the way. */
  readonly hidden?: readonly ByteString[]
}

export interface BindWish {
  readonly origin: MountOrigin
  /** Inside the origin; "", "." and "/" are all of it. */
  readonly source: string
  /** Where it is to be mounted, for messages. */
  readonly target: string
  readonly readOnly: boolean
  /** Something else is mounted below it, so mount points must be made in it. */
  readonly holdsMounts: boolean
  /** Names it within the step. */
  readonly number: number
}

const CHARACTER = 0o020000
const GIT_FOLDER = '.git'

function notFound({ source, target }: BindWish): InvalidRequestError {
  return new InvalidRequestError(`cannot mount ${JSON.stringify(source)} on ${target}: it is not there`, {
    code: 'MOUNT_SOURCE',
    hint: 'is it left out by .dockerignore, or not made by the stage that from= names?',
  })
}

/** Paths below `source` that are hidden, from there; throws when it is hidden itself. */
function hiddenBelow(wish: BindWish, source: ByteString): ByteString[] {
  const hidden = wish.origin.hidden ?? []
  if (hidden.some((path) => source === path || source.startsWith(`${path}/`))) throw notFound(wish)
  if (source === '') return [...hidden]
  return hidden.flatMap((path) => (path.startsWith(`${source}/`) ? [path.slice(source.length + 1)] : []))
}

/** Mode, time and owner of a folder given to another one; of a user's folder it becomes root's. */
function inherit(at: At, from: number, to: number, isRoots: boolean): void {
  const facts = at.stat(from, '.')
  if (facts === undefined) return
  const { uid, gid, mode, mtimeNs } = facts
  at.chown(to, '.', isRoots ? 0 : uid, isRoots ? 0 : gid)
  at.chmod(to, '.', mode)
  at.setTimes(to, '.', mtimeNs)
}

/** The same, of a folder given by its path. */
function inheritRoot(at: At, from: number, path: string, isRoots: boolean): void {
  const to = at.openRoot(path)
  try {
    inherit(at, from, to, isRoots)
  } finally {
    at.close(to)
  }
}

interface Cover {
  readonly hidden: readonly ByteString[]
  /**
   * The folder itself and its .git become root's, as all of a context is for COPY: git refuses to work where another user
   * could have put its settings. Files keep the owners that they have on the host.
   */
  readonly isRoots: boolean
}

/** The empty `folder` becomes like `like`, with whiteouts at `hidden`, and the folders on the way to them as they are there. */
function makeCover(at: At, folder: string, like: number, { hidden, isRoots }: Cover): void {
  const root = at.openRoot(folder)
  const made = new Set<ByteString>([''])
  const makeFolders = (path: ByteString): void => {
    let above = ''
    for (const part of path.split('/').filter(Boolean)) {
      inFolder(at, root, above, (inside) => at.makeFolder(inside, part, 0o755))
      above = joinPath(above, part)
      made.add(above)
    }
  }
  try {
    if (isRoots && at.stat(like, GIT_FOLDER)?.kind === 'folder' && !hidden.includes(GIT_FOLDER)) makeFolders(GIT_FOLDER)
    for (const path of hidden) {
      const [parent, name] = splitPath(path)
      makeFolders(parent)
      inFolder(at, root, parent, (inside) => at.makeNode(inside, name, CHARACTER, 0, 0))
    }
    for (const path of made)
      inFolder(at, like, path, (from) => inFolder(at, root, path, (to) => inherit(at, from, to, isRoots)))
  } finally {
    at.close(root)
  }
}

/** The source's descriptor and what it is. Links and special files are none. */
function openSource(at: At, root: number, path: ByteString): { fd: number; kind: 'file' | 'folder' } | undefined {
  if (path === '') return { fd: at.openFolder(root, '', 'no-links'), kind: 'folder' }
  const [parent, name] = splitPath(path)
  return inFolder(at, root, parent, (folder) => {
    const kind = at.stat(folder, name)?.kind
    if (kind === 'folder') return { fd: at.openFolder(folder, name, 'no-links'), kind }
    return kind === 'file' ? { fd: at.openFile(folder, name), kind } : undefined
  })
}

/** Mounts what the step is to see and returns its path. `undo` gets what is not in the step's own folder. */
export async function provideBind(
  base: EngineBase,
  folder: StepFolder,
  wish: BindWish,
  undo: AsyncDisposableStack,
): Promise<string> {
  const { at } = base.host
  using open = new DisposableStack()
  const root = open.adopt(at.openRoot(wish.origin.folder), (fd) => at.close(fd))
  const path = realPath(at, root, bytesOf(wish.source))
  const hidden = hiddenBelow(wish, path)
  const source = openSource(at, root, path)
  if (source === undefined) throw notFound(wish)
  const { fd, kind } = source
  open.defer(() => at.close(fd))
  const place = { base, folder, wish, fd }
  return kind === 'file' ? await provideFile(place) : await provideFolder(place, hidden, undo)
}

interface Place {
  readonly base: EngineBase
  readonly folder: StepFolder
  readonly wish: BindWish
  /** Of the source. */
  readonly fd: number
}

function bindReadOnly({ mounts }: Host, source: string, target: string): void {
  mounts.mount({ source, target, flags: MS_BIND })
  mounts.mount({ source: 'none', target, flags: MS_BIND | MS_REMOUNT | MS_RDONLY })
}

/** The file itself, read-only, or a copy that may be written. */
async function provideFile({ base: { host }, folder, wish, fd }: Place): Promise<string> {
  const target = join(folder.mounts, `${wish.number}`)
  const source = `/proc/self/fd/${fd}`
  if (wish.readOnly) {
    await host.files.writeFile(target, '')
    bindReadOnly(host, source, target)
    return target
  }
  const { mode, uid, gid } = await host.files.stat(source)
  await host.files.copyFile(source, target)
  await host.files.chmod(target, mode & 0o7777)
  await host.files.chown(target, uid, gid)
  return target
}

/** A user's folder may lie where no overlay can be put over it: vfat, folders without regard to case. */
function mountOver({ mounts }: Host, { origin, target }: BindWish, request: OverlayRequest): void {
  try {
    mountOverlay(mounts, request)
  } catch (cause) {
    if (origin.kind !== 'host' || errnoOf(cause instanceof Error ? cause.cause : cause) !== 'EINVAL') throw cause
    throw new MycomposeError(`cannot mount ${origin.folder} on ${target}: its file system cannot be below an overlay`, {
      code: 'MOUNT_SOURCE',
      hint: 'move the project to ext4, xfs or btrfs, or use COPY instead of the mount',
      cause,
    })
  }
}

async function provideFolder(
  { base, folder, wish, fd }: Place,
  hidden: readonly ByteString[],
  undo: AsyncDisposableStack,
): Promise<string> {
  const { host, config } = base
  const source = `/proc/self/fd/${fd}`
  const target = join(folder.mounts, `${wish.number}`)
  await host.files.mkdir(target, { mode: 0o700 })
  if (wish.origin.kind === 'cache') {
    host.mounts.mount({ source, target, flags: MS_BIND })
    return target
  }
  const isWritten = !wish.readOnly || wish.holdsMounts
  if (wish.origin.kind === 'state' && !isWritten) {
    bindReadOnly(host, source, target)
    return target
  }
  const cover = `${target}-cover`
  const isRoots = wish.origin.kind === 'host'
  await host.files.mkdir(cover, { mode: 0o755 })
  makeCover(host.at, cover, fd, { hidden, isRoots })
  const lower = [source, cover]
  if (!isWritten) {
    mountOver(host, wish, { target, lower })
    return target
  }
  // what is written may be large: on the disk, in tmp/, where a crash leaves rubbish only
  const scratch = await host.files.mkdtemp(join(config.paths.temporary, 'bind-'))
  undo.defer(() => host.files.rm(scratch, { recursive: true, force: true }))
  const [upper, work] = [join(scratch, 'upper'), join(scratch, 'work')]
  for (const path of [upper, work]) await host.files.mkdir(path, { mode: 0o755 })
  inheritRoot(host.at, fd, upper, isRoots)
  mountOver(host, wish, { target, lower, upper: { upper, work }, volatile: true })
  undo.defer(async () => void (await host.mounts.umountAsync(target)))
  return target
}
