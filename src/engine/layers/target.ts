/**
 * Writes the entries of a tar as files below one folder. Nothing outside of it can be reached: folders are opened by
 * openat2 (folders.ts), new files made with O_EXCL, links never followed for writing. An entry over something that is
 * there: folder over folder keeps the content, everything else replaces it. Order of the metadata: owner, mode (chown
 * clears set-uid), attributes (chown clears security.capability), times.
 */
import type { At, ByteString, FileFacts, FileKind } from '../../host/at.ts'
import type { Resolution } from '../../host/openat2.ts'
import { copyFile } from './copy-file.ts'
import { joinPath, parseEntryPath, type EntryPath } from './entry-path.ts'
import { makeFolderOrOpaque, openFolders, type FolderFacts, type Folders } from './folders.ts'
import type { LayeredTree } from './layered-tree.ts'
import { printable, tarError, type TarEntry } from './tar-entry.ts'
import type { TarSink } from './tar-reader.ts'
import { isWhiteoutDevice } from './whiteouts.ts'
import { isCarriedXattr } from './xattr-rules.ts'
import { InvalidRequestError, errnoOf } from '../../errors.ts'

export interface TargetOptions {
  /** `no-links` for a tree that we alone write, `within` for one of a container. */
  readonly resolution: Resolution
  /** Overlay whiteouts may lie in the tree (layers). */
  readonly whiteouts?: boolean
  /** Refuse to replace a folder by something else or the other way round. */
  readonly keepKinds?: boolean
  /** The entry "./" is taken for the root folder's own metadata; else it counts nothing. */
  readonly setsRoot?: boolean
  readonly owner?: { readonly uid: number; readonly gid: number }
  readonly implied?: (path: ByteString) => FolderFacts | undefined
  /** Of a layer: it and those below as one tree, for links that lead there. */
  readonly below?: LayeredTree
}

export interface Target {
  readonly sink: TarSink
  readonly folders: Folders
  /** Sets the times of folders, which writing into them had changed. */
  finish(): void
  /** Closes what is open; idempotent. */
  close(): void
}

const NODE_TYPES = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const

interface OpenFile {
  readonly fd: number
  readonly parent: number
  readonly name: ByteString
  readonly entry: TarEntry
  written: number
}

/** The tree of `root` (a descriptor, which stays the caller's). */
export function openTarget(at: At, root: number, options: TargetOptions): Target {
  const {
    resolution,
    whiteouts = false,
    keepKinds = false,
    setsRoot = false,
    owner,
    implied = () => undefined,
    below,
  } = options
  const resolve = below?.resolve.bind(below)
  const folders = openFolders(at, root, {
    resolution,
    whiteouts,
    implied,
    ...(resolve === undefined ? {} : { resolve }),
  })
  const folderTimes = new Map<ByteString, bigint>()
  let file: OpenFile | undefined

  const isTaken = (entry: TarEntry): InvalidRequestError =>
    new InvalidRequestError(`cannot write ${printable(entry.path)}: something else keeps appearing there`)

  function refuseOtherKind(entry: TarEntry, there: FileKind): void {
    const [folderThere, folderComes] = [there === 'folder', entry.kind === 'folder']
    if (!keepKinds || folderThere === folderComes) return
    const [old, fresh] = folderThere ? ['directory', 'non-directory'] : ['non-directory', 'directory']
    throw new InvalidRequestError(`cannot overwrite ${old} "${printable(entry.path)}" with ${fresh}`)
  }

  /** Removes what stands in the way of an entry. */
  function makeWay(parent: number, { parent: folder, name }: EntryPath, entry: TarEntry): void {
    const facts = at.stat(parent, name)
    if (facts === undefined) return
    refuseOtherKind(entry, facts.kind)
    at.remove(parent, name)
    if (facts.kind !== 'folder') return folders.relink()
    folders.forget()
    const gone = joinPath(folder, name)
    for (const path of folderTimes.keys()) if (path === gone || path.startsWith(`${gone}/`)) folderTimes.delete(path)
  }

  /** `make` says false when the name is taken; then once more after making way. */
  function replacing(path: EntryPath, entry: TarEntry, make: (parent: number) => boolean): number {
    let parent = folders.open(path.parent)
    if (entry.kind === 'folder' || entry.kind === 'symlink') folders.relink()
    if (make(parent)) return parent
    makeWay(parent, path, entry)
    parent = folders.open(path.parent)
    if (!make(parent)) throw isTaken(entry)
    return parent
  }

  function setXattrs(parent: number, name: ByteString, entry: TarEntry): void {
    for (const [attribute, value] of entry.xattrs) {
      if (!isCarriedXattr(attribute)) continue
      try {
        at.setXattr(parent, name, attribute, value)
      } catch (cause) {
        // file systems without them, user.* on links and devices: as other engines, we go on without
        const errno = errnoOf(cause)
        if (errno !== 'ENOTSUP' && errno !== 'EOPNOTSUPP' && errno !== 'EPERM') throw cause
      }
    }
  }

  function setMetadata(parent: number, name: ByteString, entry: TarEntry): void {
    const { uid, gid } = owner ?? entry
    at.chown(parent, name, uid, gid)
    if (entry.kind !== 'symlink') at.chmod(parent, name, entry.mode)
    setXattrs(parent, name, entry)
    if (entry.kind !== 'folder') at.setTimes(parent, name, entry.mtimeNs)
  }

  function startFile(path: EntryPath, entry: TarEntry): void {
    let fd: number | undefined
    const parent = replacing(path, entry, (inside) => (fd = at.createFile(inside, path.name, 0o600)) !== undefined)
    if (fd !== undefined) file = { fd, parent, name: path.name, entry, written: 0 }
  }

  function endFile({ fd, parent, name, entry, written }: OpenFile): void {
    if (written !== entry.sizeBytes) at.truncate(fd, entry.sizeBytes) // the file ends with a hole
    const { uid, gid } = owner ?? entry
    at.chownOpen(fd, uid, gid)
    at.chmodOpen(fd, entry.mode)
    if (entry.xattrs.size > 0) setXattrs(parent, name, entry)
    at.setTimesOpen(fd, entry.mtimeNs)
  }

  function makeFolder(path: EntryPath, entry: TarEntry): void {
    const make = (parent: number): boolean =>
      makeFolderOrOpaque(at, parent, path.name, whiteouts) || at.stat(parent, path.name)?.kind === 'folder'
    const parent = replacing(path, entry, make)
    setMetadata(parent, path.name, entry)
    folderTimes.set(joinPath(path.parent, path.name), entry.mtimeNs)
  }

  /** The file of a hard link in this tree; one of the layers below is copied up first, as overlayfs does for link(2). */
  function linkedFile({ parent, name }: EntryPath): FileFacts | undefined {
    const folder = folders.openExisting(parent)
    const facts = folder === undefined ? undefined : at.stat(folder, name)
    if (facts !== undefined) return facts
    const lower = below?.find(joinPath(below.resolve(parent), name))
    if (lower === undefined || lower.facts.kind === 'folder') return undefined
    copyFile(at, lower, folders.open(parent), name)
    return at.stat(folders.open(parent), name)
  }

  function makeHardLink(path: EntryPath, entry: TarEntry): void {
    const from = parseEntryPath(entry.target)
    const missing = tarError(
      `${printable(entry.path)} is a hard link to ${printable(entry.target)}, which is no file before it`,
    )
    const facts = from.name === '' ? undefined : linkedFile(from)
    if (facts === undefined || facts.kind === 'folder' || (whiteouts && isWhiteoutDevice(facts))) throw missing
    if (at.stat(folders.open(path.parent), path.name)?.inode === facts.inode) return
    replacing(path, entry, (parent) => {
      const again = folders.openExisting(from.parent) // making way may have closed it
      if (again === undefined) throw missing
      return at.makeLink(again, from.name, parent, path.name)
    })
  }

  function rootEntry(entry: TarEntry): void {
    if (entry.kind !== 'folder') throw tarError(`the root of the tree is a ${entry.kind}`)
    if (!setsRoot) return
    setMetadata(root, '.', entry)
    folderTimes.set('', entry.mtimeNs)
  }

  function makeNode(path: EntryPath, entry: TarEntry, type: number): void {
    if (below !== undefined && entry.kind === 'character' && entry.major === 0 && entry.minor === 0)
      throw tarError(
        `${printable(entry.path)} is a device 0:0`,
        'it would hide a file of the layers below; whiteouts are written ".wh.NAME"',
      )
    const parent = replacing(path, entry, (inside) =>
      at.makeNode(inside, path.name, type | entry.mode, entry.major, entry.minor),
    )
    setMetadata(parent, path.name, entry)
  }

  function entry(entry: TarEntry): void {
    const path = parseEntryPath(entry.path)
    if (path.name === '') {
      rootEntry(entry)
      return
    }
    switch (entry.kind) {
      case 'file':
        startFile(path, entry)
        break
      case 'folder':
        makeFolder(path, entry)
        break
      case 'symlink': {
        if (entry.target === '') throw tarError(`${printable(entry.path)} is a symbolic link to nothing`)
        const parent = replacing(path, entry, (inside) => at.makeSymlink(inside, path.name, entry.target))
        setMetadata(parent, path.name, entry)
        break
      }
      case 'hardlink':
        makeHardLink(path, entry)
        break
      case 'character':
      case 'block':
      case 'fifo':
        makeNode(path, entry, NODE_TYPES[entry.kind])
        break
      default:
        entry.kind satisfies never
    }
  }

  function closeFile(): void {
    if (file === undefined) return
    at.close(file.fd)
    file = undefined
  }

  return {
    folders,
    sink: {
      entry,
      data(chunk, fileOffset) {
        if (file === undefined) return
        at.write(file.fd, chunk, fileOffset)
        file.written = fileOffset + chunk.length
      },
      endEntry() {
        if (file === undefined) return
        try {
          endFile(file)
        } finally {
          closeFile()
        }
      },
    },
    finish() {
      for (const [path, mtimeNs] of folderTimes) {
        const folder = folders.openExisting(path)
        if (folder !== undefined) at.setTimes(folder, '.', mtimeNs)
      }
      folderTimes.clear()
    },
    close() {
      closeFile()
      folders.close()
    },
  }
}
