/**
 * What was selected of one source, written below a destination as BuildKit does it: a file replaces whatever is no folder,
 * folders are merged and take the source's owner and mode, links stay links, hard links among the files stay such, sockets
 * become empty files. Source: BuildKit's fsutil copy.
 */
import { basename } from 'node:path'
import { applyMode } from './mode.ts'
import { bytesOf, shownPath, splitLast } from './paths.ts'
import { createTurns, type Selected, type SelectedFile } from './selection.ts'
import { notAFolder, type Target } from './target.ts'
import { changedError, type Owner, type Tree, type TreeEntry } from './tree.ts'
import type { ModeChange } from '../plan.ts'
import { InvalidRequestError, errnoOf } from '../../../errors.ts'
import type { ByteString } from '../../../host/at.ts'
import type { Host } from '../../../host/host.ts'
import { inodeOf, mtimeNsOf } from '../../../host/statx.ts'
import { joinPath } from '../../layers/entry-path.ts'
import { isCarriedXattr } from '../../layers/xattr-rules.ts'

export interface WriteOptions {
  readonly owner: Owner | undefined
  readonly mode: ModeChange | undefined
  readonly signal?: AbortSignal
  /** Hears of files that are not what they were when they were looked at; absent: CONTEXT_CHANGED is thrown. */
  readonly onChanged?: (path: string) => void
}

export interface FileWriter {
  /** `destination`: absolute, as in CopyWork. Throws InvalidRequestError, CONTEXT_CHANGED, KernelError (ENOSPC), CanceledError. */
  write(tree: Tree, selected: Selected, destination: string): Promise<void>
  /** A file of 0644 with this content. `name` counts where the destination is a folder. */
  writeText(name: string, content: string, destination: string, mtimeNs: bigint): void
  /** Of all files so far; 0n: none. */
  readonly newestNs: () => bigint
}

/** Below this read and written by hand: fewer calls than sharing blocks or copying in the kernel takes. */
const SMALL_BYTES = 64 * 1024
const LONG_BYTES = 4 * 2 ** 20
const NODE_TYPES = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const
const ROOT: Owner = { uid: 0, gid: 0 }
const MAKE_MODE = 0o755
const TEXT_MODE = 0o644

/** For folders on the way to the destination. */
export function madeFolderMode(mode: ModeChange | undefined): number {
  return mode?.kind === 'octal' ? mode.mode & 0o777 : MAKE_MODE
}

function meansFolder(path: string): boolean {
  return path.endsWith('/') || path.endsWith('/.')
}

export function createFileWriter(
  host: Host,
  target: Target,
  { owner, mode, signal, onChanged }: WriteOptions,
): FileWriter {
  const { at, statx } = host
  const buffer = Buffer.allocUnsafe(SMALL_BYTES)
  const takeTurn = createTurns(signal)
  let newest = 0n

  const ownerOf = (tree: Tree, { file }: TreeEntry): Owner => owner ?? tree.owner ?? file
  const modeOf = ({ file }: TreeEntry): number =>
    mode === undefined ? file.mode : applyMode(mode, file.mode, file.kind === 'folder')

  function makeFolders(path: ByteString): void {
    target.makeFolders(path, madeFolderMode(mode), owner ?? ROOT)
  }

  function copyXattrs(tree: Tree, entry: TreeEntry, folder: number, name: ByteString): void {
    if (entry.file.kind === 'symlink' || !tree.hasXattrs(entry)) return
    const from = tree.folderOf(entry)
    for (const attribute of at.xattrNames(from, entry.name).filter(isCarriedXattr)) {
      const value = at.xattr(from, entry.name, attribute)
      try {
        if (value !== undefined) at.setXattr(folder, name, attribute, value)
      } catch (cause) {
        if (!['ENOTSUP', 'EOPNOTSUPP', 'EPERM'].includes(errnoOf(cause) ?? '')) throw cause
      }
    }
  }

  /** The right way round: chown takes set-uid and capabilities off. */
  function setMetadata(tree: Tree, entry: TreeEntry, folder: number, name: ByteString): void {
    const { uid, gid } = ownerOf(tree, entry)
    at.chown(folder, name, uid, gid)
    if (entry.file.kind !== 'symlink') at.chmod(folder, name, modeOf(entry))
    copyXattrs(tree, entry, folder, name)
    if (entry.file.kind !== 'folder') at.setTimes(folder, name, mtimeNsOf(entry.file))
  }

  function changed({ path }: TreeEntry): void {
    if (onChanged === undefined) throw changedError(path)
    onChanged(shownPath(path))
  }

  async function fill(from: number, sizeBytes: number, to: number): Promise<void> {
    if (sizeBytes > LONG_BYTES) return at.copyLongContent(from, to, sizeBytes, signal)
    if (sizeBytes > SMALL_BYTES) return at.copyContent(from, to, sizeBytes)
    let length = 0
    for (let count = -1; count !== 0 && length < sizeBytes; length += count)
      count = at.read(from, buffer.subarray(length, sizeBytes))
    at.write(to, buffer.subarray(0, length))
  }

  /** Removes what is no folder. */
  function makeWay(path: ByteString): void {
    const there = target.look(path)
    if (there === undefined) return
    if (there.kind === 'folder')
      throw new InvalidRequestError(`cannot replace to directory ${shownPath(path)} with file`, {
        code: 'COPY_OVER_FOLDER',
        hint: 'remove the folder in a RUN before, or copy to another name',
      })
    const { parent, name } = splitLast(path)
    at.remove(target.touch(parent), name)
  }

  /** `make` says false when the name is taken. */
  function replacing(path: ByteString, make: (folder: number) => boolean): void {
    const { parent } = splitLast(path)
    if (make(target.touch(parent))) return
    makeWay(path)
    if (!make(target.touch(parent))) throw new Error(`${shownPath(path)} is taken again`)
  }

  function isLinked(entry: TreeEntry, path: ByteString, links: Map<string, ByteString>): boolean {
    if (entry.file.linkCount < 2) return false
    const first = links.get(inodeOf(entry.file))
    if (first === undefined) {
      links.set(inodeOf(entry.file), path)
      return false
    }
    const from = splitLast(first)
    const { name } = splitLast(path)
    replacing(path, (folder) => at.makeLink(target.folder(from.parent), from.name, folder, name))
    return true
  }

  /** `from`: of a file; a socket is an empty one. */
  async function writeRegular(tree: Tree, entry: TreeEntry, path: ByteString, from?: number): Promise<void> {
    const { parent, name } = splitLast(path)
    const { uid, gid } = ownerOf(tree, entry)
    const bits = modeOf(entry)
    let to: number | undefined
    replacing(path, (folder) => (to = at.createFile(folder, name, bits & 0o777)) !== undefined)
    if (to === undefined) return
    try {
      // to look costs a tenth of a change, and most files are as they shall be from the start
      const made = statx(to, '')
      if (from !== undefined) await fill(from, entry.file.sizeBytes, to)
      if (made?.uid !== uid || made.gid !== gid) at.chownOpen(to, uid, gid)
      if (made?.mode !== bits) at.chmodOpen(to, bits)
      copyXattrs(tree, entry, target.folder(parent), name)
      at.setTimesOpen(to, mtimeNsOf(entry.file))
    } finally {
      at.close(to)
    }
  }

  async function writeContent(tree: Tree, entry: TreeEntry, path: ByteString): Promise<void> {
    const now = tree.openNow(entry)
    if (now === undefined) return changed(entry)
    try {
      if (now.file.identity !== entry.file.identity) changed(entry)
      await writeRegular(tree, { ...entry, file: now.file }, path, now.fd)
      if (statx(now.fd, '')?.identity !== now.file.identity) changed(entry)
    } finally {
      at.close(now.fd)
    }
  }

  function writeLink(tree: Tree, entry: TreeEntry, path: ByteString): void {
    const { parent, name } = splitLast(path)
    const leadsTo = tree.readlink(entry)
    if (leadsTo === '') return changed(entry)
    replacing(path, (folder) => at.makeSymlink(folder, name, leadsTo))
    setMetadata(tree, entry, target.folder(parent), name)
  }

  function writeNode(tree: Tree, entry: TreeEntry, path: ByteString, kind: keyof typeof NODE_TYPES): void {
    const { name } = splitLast(path)
    const { major, minor, mode: bits } = entry.file
    if (kind === 'character' && major === 0 && minor === 0)
      throw new InvalidRequestError(`${shownPath(entry.path)} is the device 0:0, which no layer can hold`, {
        code: 'COPY_WHITEOUT',
      })
    replacing(path, (folder) => at.makeNode(folder, name, NODE_TYPES[kind] | bits, major, minor))
    setMetadata(tree, entry, target.folder(splitLast(path).parent), name)
  }

  async function writeFile(
    tree: Tree,
    entry: TreeEntry,
    path: ByteString,
    links: Map<string, ByteString>,
  ): Promise<void> {
    const { kind } = entry.file
    if (mtimeNsOf(entry.file) > newest) newest = mtimeNsOf(entry.file)
    switch (kind) {
      case 'file':
        if (!isLinked(entry, path, links)) await writeContent(tree, entry, path)
        break
      case 'socket':
        await writeRegular(tree, entry, path)
        break
      case 'symlink':
        writeLink(tree, entry, path)
        break
      case 'character':
      case 'block':
      case 'fifo':
        writeNode(tree, entry, path, kind)
        break
      case 'folder':
        throw new Error('a folder is no file')
      default:
        kind satisfies never
    }
  }

  function notForFolders(path: ByteString): InvalidRequestError {
    return new InvalidRequestError(`cannot copy to non-directory: ${shownPath(path)}`, { code: 'COPY_OVER_FILE' })
  }

  function writeFolder(tree: Tree, { entry, isImplied }: SelectedFile, path: ByteString): void {
    const there = target.look(path)
    if (there !== undefined && there.kind !== 'folder') throw notForFolders(path)
    const { parent, name } = splitLast(path)
    if (there !== undefined && isImplied) {
      // BuildKit takes over the mode alone
      at.chmod(target.folder(parent), name, entry.file.mode)
      return
    }
    const folder = target.touch(parent)
    if (there === undefined) at.makeFolder(folder, name, 0o700)
    setMetadata(tree, entry, folder, name)
    target.setTime(path, mtimeNsOf(entry.file))
  }

  /** Where the source itself goes; what is missing on the way is made. */
  function placeOf(destination: string, name: ByteString, isFolder: boolean): ByteString {
    const path = target.follow(bytesOf(destination))
    if (meansFolder(destination)) makeFolders(path)
    const there = target.look(path)
    if (isFolder) {
      if (there !== undefined && there.kind !== 'folder') throw notForFolders(path)
      makeFolders(path)
      return path
    }
    const place = there?.kind === 'folder' ? joinPath(path, name) : path
    makeFolders(splitLast(place).parent)
    return place
  }

  return {
    newestNs: () => newest,
    writeText(name, content, destination, mtimeNs) {
      const path = placeOf(destination, bytesOf(basename(name)), false)
      const { parent, name: last } = splitLast(path)
      let to: number | undefined
      replacing(path, (folder) => (to = at.createFile(folder, last, 0o600)) !== undefined)
      if (to === undefined) return
      try {
        at.write(to, Buffer.from(content))
      } finally {
        at.close(to)
      }
      const { uid, gid } = owner ?? ROOT
      const folder = target.folder(parent)
      at.chown(folder, last, uid, gid)
      at.chmod(folder, last, mode === undefined ? TEXT_MODE : applyMode(mode, TEXT_MODE, false))
      at.setTimes(folder, last, mtimeNs)
    },
    async write(tree, { name, files }, destination) {
      const [source] = files
      if (source === undefined) return
      const isFolder = source.entry.file.kind === 'folder'
      const place = placeOf(destination, name, isFolder)
      const links = new Map<string, ByteString>()
      for (const file of isFolder ? files.slice(1) : files) {
        await takeTurn()
        const path = file.path === '' ? place : joinPath(place, file.path)
        if (path === '') throw notAFolder('')
        if (file.entry.file.kind === 'folder') writeFolder(tree, file, path)
        else await writeFile(tree, file.entry, path, links)
      }
    },
  }
}
