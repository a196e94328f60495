/**
 * The root file system that COPY, ADD and WORKDIR write to. Destinations are followed through its links and end at its root;
 * what is written below them is reached by descriptors without any link on the way. Folders get their times back that only
 * had something put into them, and those that had to be made get one that is the same in every build.
 * Source: BuildKit's fsutil copy (MkdirAll, ensureEmptyFileTarget); man 2 openat2.
 */
import { followLinks, shownPath, splitLast } from './paths.ts'
import type { Owner } from './tree.ts'
import { InvalidRequestError } from '../../../errors.ts'
import type { ByteString } from '../../../host/at.ts'
import type { Host } from '../../../host/host.ts'
import { mtimeNsOf, type ScannedFile } from '../../../host/statx.ts'
import { openFolders } from '../../layers/folders.ts'

export interface Target {
  /** A descriptor; stays the target's. */
  readonly root: number
  /** What the link at a path without links says; undefined for all that is no link. */
  linkAt(path: ByteString): ByteString | undefined
  /** Where the path leads, links followed within the root, the last one too; parts may be missing. */
  follow(path: ByteString): ByteString
  /** At a path without links; undefined: nothing. */
  look(path: ByteString): ScannedFile | undefined
  /** The folder at a path without links, open until the next call but 30. Throws when it is none. */
  folder(path: ByteString): number
  /** As `folder`, and remembers its times: something is about to be put into it. */
  touch(path: ByteString): number
  /** Makes what is missing of the path, which has no links. Throws InvalidRequestError (NOT_A_FOLDER). */
  makeFolders(path: ByteString, mode: number, owner: Owner): void
  /** The time that the folder gets in the end. */
  setTime(path: ByteString, mtimeNs: bigint): void
  /** To be called when something at the path was removed. */
  forget(): void
  /** Sets the times; `madeNs`: of the folders that had to be made. */
  finish(madeNs: bigint): void
  close(): void
}

export function notAFolder(path: ByteString): InvalidRequestError {
  return new InvalidRequestError(`mkdir ${shownPath(path)}: not a directory`, { code: 'NOT_A_FOLDER' })
}

/** `root`: absolute, of the host. Close it, whatever happens. */
export function openTarget({ at, statx }: Host, root: string): Target {
  const rootFd = at.openRoot(root)
  const folders = openFolders(at, rootFd, { resolution: 'no-links', whiteouts: false, implied: () => undefined })
  const times = new Map<ByteString, bigint>()
  const made = new Set<ByteString>()

  function look(path: ByteString): ScannedFile | undefined {
    if (path === '') return statx(rootFd, '')
    const { parent, name } = splitLast(path)
    const folder = folders.peek(parent)
    return folder === undefined ? undefined : statx(folder, name)
  }

  function folder(path: ByteString): number {
    const fd = folders.peek(path)
    if (fd === undefined) throw notAFolder(path)
    return fd
  }

  function touch(path: ByteString): number {
    const fd = folder(path)
    const file = times.has(path) || made.has(path) ? undefined : statx(fd, '')
    if (file !== undefined) times.set(path, mtimeNsOf(file))
    return fd
  }

  function makeFolders(path: ByteString, mode: number, owner: Owner): void {
    const there = look(path)
    if (there?.kind === 'folder') return
    if (there !== undefined) throw notAFolder(path)
    const { parent, name } = splitLast(path)
    makeFolders(parent, mode, owner)
    const inside = touch(parent)
    at.makeFolder(inside, name, 0o700)
    at.chown(inside, name, owner.uid, owner.gid)
    at.chmod(inside, name, mode)
    made.add(path)
  }

  function linkAt(path: ByteString): ByteString | undefined {
    if (look(path)?.kind !== 'symlink') return undefined
    const { parent, name } = splitLast(path)
    return at.readlink(folder(parent), name)
  }

  return {
    root: rootFd,
    linkAt,
    follow: (path) => followLinks(path, linkAt),
    look,
    folder,
    touch,
    makeFolders,
    setTime(path, mtimeNs) {
      made.delete(path)
      times.set(path, mtimeNs)
    },
    forget: () => folders.forget(),
    finish(madeNs) {
      for (const path of made) times.set(path, madeNs)
      for (const [path, mtimeNs] of times) {
        const fd = folders.peek(path)
        if (fd !== undefined) at.setTimes(fd, '.', mtimeNs)
      }
      times.clear()
    },
    close() {
      folders.close()
      at.close(rootFd)
    },
  }
}
