/**
 * The folders of a tree that is being written: opened from the root by openat2, made where they are missing, and a few
 * kept open, as the entries of a tar come folder by folder. Links on the way are not for the kernel to follow in a layer
 * (part of the tree lies in the layers below): `resolve` tells where they lead (layered-tree.ts).
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
  /** As it stands in this very tree: nothing is resolved. "" is the root. */
  peek(path: ByteString): number | undefined
  /** To be called when a folder was removed: descriptors below it lead nowhere. */
  forget(): void
  /** To be called when a link or folder was made: paths may lead elsewhere now. */
  relink(): void
  close(): void
}

export interface FoldersOptions {
  readonly resolution: Resolution
  /** A whiteout in the way of a folder becomes an opaque folder (layers only). */
  readonly whiteouts: boolean
  /** What a folder is like that no entry of its own describes; absent: 0755 root. */
  readonly implied: (path: ByteString) => FolderFacts | undefined
  /** Where a path that cannot be opened as it stands really leads; absent: nowhere else. */
  readonly resolve?: (path: ByteString) => ByteString
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

export function openFolders(at: At, root: number, options: FoldersOptions): Folders {
  const { resolution, whiteouts, implied, resolve = (path: ByteString) => path } = options
  /** Least recently used first. */
  const open = new Map<ByteString, number>()
  /** Paths with links on the way, and where they lead. */
  const aliases = new Map<ByteString, ByteString>()

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

  function peek(path: ByteString): number | undefined {
    if (path === '') return root
    const known = open.get(path)
    if (known !== undefined) {
      open.delete(path)
      open.set(path, known)
      return known
    }
    try {
      return keep(path, at.openFolder(root, path, resolution))
    } catch (cause) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(cause) ?? '')) return undefined
      throw cause
    }
  }

  function realPath(path: ByteString): ByteString {
    const known = aliases.get(path)
    if (known !== undefined) return known
    const real = resolve(path)
    if (real !== path) aliases.set(path, real)
    return real
  }

  function forget(): void {
    for (const fd of open.values()) at.close(fd)
    open.clear()
    aliases.clear()
  }

  return {
    open(path) {
      const found = peek(path)
      if (found !== undefined) return found
      const real = realPath(path)
      try {
        if (peek(real) === undefined) make(real)
      } catch (cause) {
        if (errnoOf(cause) !== 'ENOTDIR' && errnoOf(cause) !== 'ELOOP') throw cause
        throw tarError(`${printable(path)} is used as a folder, but is none`)
      }
      const made = peek(real)
      if (made === undefined) throw tarError(`${printable(path)} is used as a folder, but is none`)
      return made
    },
    openExisting: (path) => peek(path) ?? peek(realPath(path)),
    peek,
    forget,
    relink: () => aliases.clear(),
    close: forget,
  }
}
