/**
 * The folders of a tree that is being written: opened one by one from the root by openat2, made where they are missing,
 * and a few kept open, as the entries of a tar come folder by folder.
 */
import type { At, ByteString } from '../../host/at.ts'
import type { Resolution } from '../../host/openat2.ts'
import { joinPath } from './entry-path.ts'
import { printable, tarError } from './tar-entry.ts'
import { OPAQUE_XATTR } from './xattr-rules.ts'
import { errnoOf } from '../../errors.ts'

export interface FolderFacts {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

const KEPT_OPEN = 32
const OPAQUE = Buffer.from('y')

export interface Folders {
  /** The descriptor of `path`, valid until the next call but one. Missing folders are made. Throws TAR_INVALID. */
  open(path: ByteString): number
  /** The same, without making any; undefined when it is not there. */
  openExisting(path: ByteString): number | undefined
  /** To be called when a folder was removed: descriptors below it lead nowhere. */
  forget(): void
  close(): void
}

export interface FoldersOptions {
  readonly resolution: Resolution
  /** A whiteout in the way of a folder becomes an opaque folder (layers only). */
  readonly whiteouts: boolean
  /** What a folder is like that no entry of its own describes; absent: 0755 root. */
  readonly implied: (path: ByteString) => FolderFacts | undefined
}

/** Makes the folder `name`; false when one is there. A whiteout in its place becomes an opaque folder. */
export function makeFolderOrOpaque(at: At, parent: number, name: ByteString, whiteouts: boolean): boolean {
  if (at.makeFolder(parent, name, 0o700)) return true
  const facts = whiteouts ? at.stat(parent, name) : undefined
  if (facts === undefined || facts.kind !== 'character' || facts.major !== 0 || facts.minor !== 0) return false
  at.remove(parent, name)
  if (!at.makeFolder(parent, name, 0o700)) return false
  at.setXattr(parent, name, OPAQUE_XATTR, OPAQUE)
  return true
}

export function openFolders(at: At, root: number, { resolution, whiteouts, implied }: FoldersOptions): Folders {
  /** Least recently used first. */
  const open = new Map<ByteString, number>()

  function keep(path: ByteString, fd: number): number {
    open.set(path, fd)
    if (open.size > KEPT_OPEN) {
      const [oldest] = open
      if (oldest !== undefined) {
        open.delete(oldest[0])
        at.close(oldest[1])
      }
    }
    return fd
  }

  function make(path: ByteString): void {
    let parent = ''
    for (const name of path.split('/')) {
      const inside = parent === '' ? root : at.openFolder(root, parent, resolution)
      try {
        if (makeFolderOrOpaque(at, inside, name, whiteouts)) {
          const { mode, uid, gid } = implied(joinPath(parent, name)) ?? { mode: 0o755, uid: 0, gid: 0 }
          at.chown(inside, name, uid, gid)
          at.chmod(inside, name, mode)
        }
      } finally {
        if (inside !== root) at.close(inside)
      }
      parent = joinPath(parent, name)
    }
  }

  function tryOpen(path: ByteString): number | undefined {
    const known = open.get(path)
    if (known !== undefined) {
      open.delete(path)
      open.set(path, known)
      return known
    }
    try {
      return keep(path, at.openFolder(root, path, resolution))
    } catch (cause) {
      const errno = errnoOf(cause)
      if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
      if (errno === 'ELOOP')
        throw tarError(
          `an entry lies behind the symbolic link ${printable(path)}`,
          'layers are unpacked without following links',
        )
      throw cause
    }
  }

  return {
    open(path) {
      if (path === '') return root
      const found = tryOpen(path)
      if (found !== undefined) return found
      try {
        make(path)
      } catch (cause) {
        if (errnoOf(cause) !== 'ENOTDIR' && errnoOf(cause) !== 'ELOOP') throw cause
        throw tarError(`${printable(path)} is used as a folder, but is none`)
      }
      const made = tryOpen(path)
      if (made === undefined) throw tarError(`${printable(path)} is used as a folder, but is none`)
      return made
    },
    openExisting: (path) => (path === '' ? root : tryOpen(path)),
    forget() {
      for (const fd of open.values()) at.close(fd)
      open.clear()
    },
    close() {
      for (const fd of open.values()) at.close(fd)
      open.clear()
    },
  }
}
