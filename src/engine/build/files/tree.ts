/**
 * A folder that is read in place: a build context, a checkout, the mounted state of a stage. Everything goes by descriptors
 * from its root; no link is ever followed by the kernel, so nothing outside can be read, whatever is swapped meanwhile.
 * What .dockerignore leaves out is not there. What was looked at once is remembered until `close`, and whoever copies compares:
 * a file that changed since then is no reason to fail, but must never come under the key that its checksum made.
 * Source: man 2 openat2, statx; CVE-2018-15664.
 */
import { GONE, createFileHashes, type DigestMemory, type FileHashes, type Place } from './file-hashes.ts'
import type { Ignore } from '../ignore/ignore.ts'
import { followLinks, shownPath, splitLast, textOf } from './paths.ts'
import { MycomposeError, errnoOf } from '../../../errors.ts'
import type { ByteString } from '../../../host/at.ts'
import type { Host } from '../../../host/host.ts'
import type { ScannedFile } from '../../../host/statx.ts'
import { joinPath } from '../../layers/entry-path.ts'
import { openFolders } from '../../layers/folders.ts'
import type { Unpacker } from '../../layers/unpack-pool.ts'

export interface TreeEntry {
  readonly name: ByteString
  /** From the root, without links on the way; "" is the root. */
  readonly path: ByteString
  readonly file: ScannedFile
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface TreeOptions {
  /** Whose everything is said to be; absent: as it lies there. A build context is root's. */
  readonly owner?: Owner
  readonly ignore?: Ignore
  readonly digests?: DigestMemory
  /** For long files; absent: they are read here, in turns. */
  readonly threads?: Pick<Unpacker, 'digest'>
}

export interface Tree extends FileHashes {
  /** A descriptor; stays the tree's. */
  readonly root: number
  readonly owner: Owner | undefined
  /** What is at a path on which no links lie; undefined: nothing, or left out. */
  entry(path: ByteString): TreeEntry | undefined
  /** Something is there, but .dockerignore hides it. */
  isLeftOut(path: ByteString): boolean
  /** Sorted by bytes; none for what is no folder. */
  children(path: ByteString): readonly TreeEntry[]
  /** As it was when it was asked first; "" when it was no link any more. */
  readlink(entry: TreeEntry): ByteString
  /** Where a path leads, links followed within the root, the last one too. */
  follow(path: ByteString): ByteString
  /** It is still what it was when it was looked at; of a folder also: nothing came and nothing went. */
  isUnchanged(entry: TreeEntry): boolean
  /** Nothing is left out. */
  readonly isWhole: boolean
  /** The folder that holds the entry, open until the next call but 30. */
  folderOf(entry: TreeEntry): number
  /** A regular file, to read. Throws CONTEXT_CHANGED when it is another one by now. */
  open(entry: TreeEntry): number
  /** What is there now; undefined: nothing, or no regular file any more. */
  openNow(entry: TreeEntry): { readonly fd: number; readonly file: ScannedFile } | undefined
  close(): void
}

export function changedError(path: ByteString): MycomposeError {
  return new MycomposeError(`${shownPath(path)} was changed while the build read it`, {
    code: 'CONTEXT_CHANGED',
    hint: 'build again when nothing writes there, or leave it out by .dockerignore',
  })
}

/** `path`: absolute, of the host. Close it, whatever happens. Throws KernelError (ENOENT, ENOTDIR). */
export function openTree(host: Host, path: string, options: TreeOptions = {}): Tree {
  const { at, statx } = host
  const { owner, ignore, digests, threads } = options
  const root = at.openRoot(path)
  const folders = openFolders(at, root, { resolution: 'no-links', whiteouts: false, implied: () => undefined })
  const listed = new Map<ByteString, readonly TreeEntry[]>()
  const found = new Map<ByteString, TreeEntry | undefined>()
  /** The folders of what was found by itself. */
  const foundIn = new Set<ByteString>()
  /** What links say, by their paths. */
  const targets = new Map<ByteString, ByteString>()

  function isVisible(path: ByteString, file: ScannedFile): boolean {
    if (ignore === undefined) return true
    const [text, isFolder] = [textOf(path), file.kind === 'folder']
    if (!ignore.isIgnored(text, isFolder)) return true
    return isFolder && ignore.mayIncludeBelow(text) && children(path).length > 0
  }

  function look(path: ByteString): TreeEntry | undefined {
    if (path === '') {
      const file = statx(root, '')
      return file === undefined ? undefined : { name: '', path, file }
    }
    const { parent, name } = splitLast(path)
    const folder = folders.peek(parent)
    const file = folder === undefined ? undefined : statx(folder, name)
    return file === undefined || !isVisible(path, file) ? undefined : { name, path, file }
  }

  function entry(path: ByteString): TreeEntry | undefined {
    const { parent, name } = splitLast(path)
    const list = path === '' ? undefined : listed.get(parent)
    if (list !== undefined) return list.find((child) => child.name === name)
    if (!found.has(path)) {
      found.set(path, look(path))
      foundIn.add(parent)
    }
    return found.get(path)
  }

  function list(path: ByteString): readonly TreeEntry[] {
    const folder = folders.peek(path)
    if (folder === undefined) return []
    const entries: TreeEntry[] = []
    const mayBeFound = foundIn.has(path)
    for (const name of at.names(folder)) {
      const file = statx(folder, name)
      if (file === undefined) continue // gone since it was listed
      const child = { name, path: joinPath(path, name), file }
      entries.push((mayBeFound ? found.get(child.path) : undefined) ?? child)
    }
    // only now: to know whether an ignored folder shows may open many others, and close this one
    return ignore === undefined ? entries : entries.filter((child) => isVisible(child.path, child.file))
  }

  function children(path: ByteString): readonly TreeEntry[] {
    const known = listed.get(path)
    if (known !== undefined) return known
    const entries = list(path)
    listed.set(path, entries)
    return entries
  }

  function folderOf(entry: TreeEntry): number {
    const folder = folders.peek(entry.path === '' ? '' : splitLast(entry.path).parent)
    if (folder === undefined) throw changedError(entry.path)
    return folder
  }

  function openNow(entry: TreeEntry): { readonly fd: number; readonly file: ScannedFile } | undefined {
    const folder = folders.peek(splitLast(entry.path).parent)
    if (folder === undefined) return undefined
    try {
      return at.openScanned(folder, entry.name)
    } catch (cause) {
      if (GONE.has(errnoOf(cause) ?? '')) return undefined
      throw cause
    }
  }

  function open(entry: TreeEntry): number {
    const now = openNow(entry)
    if (now?.file.identity === entry.file.identity) return now.fd
    if (now !== undefined) at.close(now.fd)
    throw changedError(entry.path)
  }

  function readlinkNow(entry: TreeEntry): ByteString {
    const folder = folders.peek(splitLast(entry.path).parent)
    try {
      return folder === undefined ? '' : at.readlink(folder, entry.name)
    } catch (cause) {
      if (GONE.has(errnoOf(cause) ?? '')) return ''
      throw cause
    }
  }

  function readlink(entry: TreeEntry): ByteString {
    const known = targets.get(entry.path)
    if (known !== undefined) return known
    const target = readlinkNow(entry)
    targets.set(entry.path, target)
    return target
  }

  const placeOf = (entry: TreeEntry): Place =>
    entry.path === '' ? { folder: root, name: '.' } : { folder: folderOf(entry), name: entry.name }
  const hashes = createFileHashes(host, { openNow, placeOf, memory: digests, threads })

  return {
    root,
    owner,
    entry,
    isLeftOut(path) {
      const { parent, name } = splitLast(path)
      const folder = ignore === undefined ? undefined : folders.peek(parent)
      return folder !== undefined && statx(folder, name) !== undefined && entry(path) === undefined
    },
    children,
    readlink,
    follow: (path) =>
      followLinks(path, (prefix) => {
        const link = entry(prefix)
        return link?.file.kind === 'symlink' ? readlink(link) : undefined
      }),
    isUnchanged({ path, name, file }) {
      const folder = path === '' ? root : folders.peek(splitLast(path).parent)
      return folder !== undefined && statx(folder, name)?.identity === file.identity
    },
    isWhole: ignore === undefined,
    folderOf,
    open,
    openNow,
    ...hashes,
    close() {
      folders.close()
      at.close(root)
    },
  }
}
