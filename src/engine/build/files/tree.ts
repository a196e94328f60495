/**
 * A folder that is read in place: a build context, a checkout, the mounted state of a stage. Everything goes by descriptors
 * from its root; no link is ever followed by the kernel, so nothing outside can be read, whatever is swapped meanwhile.
 * What .dockerignore leaves out is not there. What was looked at once is remembered until `close`, and whoever copies compares:
 * a file that changed since then is no reason to fail, but must never come under the key that its checksum made.
 * Source: man 2 openat2, statx; CVE-2018-15664.
 */
import { createHash, hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Ignore } from '../ignore/ignore.ts'
import { followLinks, shownPath, splitLast, textOf } from './paths.ts'
import { CanceledError, MycomposeError, errnoOf } from '../../../errors.ts'
import type { ByteString } from '../../../host/at.ts'
import type { Host } from '../../../host/host.ts'
import type { ScannedFile } from '../../../host/statx.ts'
import { joinPath } from '../../layers/entry-path.ts'
import { MAX_TURN_MS } from '../../layers/feed.ts'
import { openFolders } from '../../layers/folders.ts'
import { isCarriedXattr } from '../../layers/xattr-rules.ts'

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

/** Digests of files by their identity, kept from build to build (context/file-digests.ts). */
export const DIGEST_BYTES = 33

export interface DigestMemory {
  get(identity: string): string | undefined
  set(identity: string, digest: string): void
  /** Files that are being read, by their identity: whoever else wants them waits for it. */
  readonly hashing: Map<string, Promise<string>>
}

export interface TreeOptions {
  /** Whose everything is said to be; absent: as it lies there. A build context is root's. */
  readonly owner?: Owner
  readonly ignore?: Ignore
  readonly digests?: DigestMemory
}

export interface Tree {
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
  /**
   * Of the content and the extended attributes that travel, DIGEST_BYTES as a byte string; the first is "x" when there are
   * such. For a file that has to be read first and is large undefined: then `longDigest`.
   */
  digest(entry: TreeEntry): string | undefined
  longDigest(entry: TreeEntry, signal?: AbortSignal): Promise<string>
  /** It has extended attributes that travel. */
  hasXattrs(entry: TreeEntry): boolean
  close(): void
}

const AT_ONCE_BYTES = 256 * 1024
const CHUNK_BYTES = 2 ** 20
/** Of folders, devices and the like, and of empty files. */
const NO_CONTENT = '\0'.repeat(32)
/** Not there any more, or something else. */
const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EINVAL'])
/** Clocks of file systems tick this coarsely; one without nanoseconds ticks in (two) seconds. */
const GRAIN_MS = 100
const COARSE_GRAIN_MS = 2_100

export function changedError(path: ByteString): MycomposeError {
  return new MycomposeError(`${shownPath(path)} was changed while the build read it`, {
    code: 'CONTEXT_CHANGED',
    hint: 'build again when nothing writes there, or leave it out by .dockerignore',
  })
}

/** A digest is trusted later only if the file could not have been changed again within the same tick. */
function isSettled(file: ScannedFile, nowMs: number): boolean {
  const grain = file.ctimeMs % 1000 === 0 ? COARSE_GRAIN_MS : GRAIN_MS
  return nowMs - file.ctimeMs > grain
}

/** `path`: absolute, of the host. Close it, whatever happens. Throws KernelError (ENOENT, ENOTDIR). */
export function openTree({ at, statx, clock }: Host, path: string, options: TreeOptions = {}): Tree {
  const { owner, ignore, digests } = options
  const root = at.openRoot(path)
  const folders = openFolders(at, root, { resolution: 'no-links', whiteouts: false, implied: () => undefined })
  const listed = new Map<ByteString, readonly TreeEntry[]>()
  const found = new Map<ByteString, TreeEntry | undefined>()
  /** The folders of what was found by itself. */
  const foundIn = new Set<ByteString>()
  /** What links say, by their paths. */
  const targets = new Map<ByteString, ByteString>()
  const hashed = new Map<string, string>()
  const hashing = digests?.hashing ?? new Map<string, Promise<string>>()
  const buffer = Buffer.allocUnsafe(AT_ONCE_BYTES)

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
    let fd: number
    try {
      fd = at.openFile(folder, entry.name)
    } catch (cause) {
      if (GONE.has(errnoOf(cause) ?? '')) return undefined
      throw cause
    }
    const file = statx(fd, '')
    if (file === undefined) throw changedError(entry.path)
    return { fd, file }
  }

  function open(entry: TreeEntry): number {
    const now = openNow(entry)
    if (now?.file.identity === entry.file.identity) return now.fd
    if (now !== undefined) at.close(now.fd)
    throw changedError(entry.path)
  }

  /** "" when it has none that travel, or is gone. */
  function xattrDigest(entry: TreeEntry): string {
    try {
      return digestOfXattrs(entry)
    } catch (cause) {
      if (GONE.has(errnoOf(cause) ?? '') || errnoOf(cause) === 'CONTEXT_CHANGED') return ''
      throw cause
    }
  }

  function digestOfXattrs(entry: TreeEntry): string {
    if (entry.file.kind === 'symlink') return ''
    const [folder, name] = entry.path === '' ? [root, '.'] : [folderOf(entry), entry.name]
    const carried = at.xattrNames(folder, name).filter(isCarriedXattr)
    if (carried.length === 0) return ''
    const values = carried.map((attribute) => [attribute, at.xattr(folder, name, attribute)?.toString('latin1') ?? ''])
    return hash('sha256', JSON.stringify(values), 'binary')
  }

  /** The two parts of a digest as one; kept for other builds when it is certain to be found changed later. */
  function remember(entry: TreeEntry, content: string, isCertain = true): string {
    const xattrs = xattrDigest(entry)
    const digest =
      xattrs === '' ? `-${content}` : `x${hash('sha256', Buffer.from(xattrs + content, 'latin1'), 'binary')}`
    hashed.set(entry.file.identity, digest)
    if (isCertain && isSettled(entry.file, clock.nowMs())) digests?.set(entry.file.identity, digest)
    return digest
  }

  /** Of what could be read; of a file that changes meanwhile that is for this build alone, and the copy will notice. */
  function rememberRead(entry: TreeEntry, fd: number, content: string): string {
    return remember(entry, content, statx(fd, '')?.identity === entry.file.identity)
  }

  function readAtOnce(entry: TreeEntry): string {
    const now = openNow(entry)
    if (now === undefined) return remember(entry, NO_CONTENT, false)
    try {
      let length = 0
      for (let count = -1; count !== 0 && length < buffer.length; length += count)
        count = at.read(now.fd, buffer.subarray(length))
      return rememberRead(entry, now.fd, hash('sha256', buffer.subarray(0, length), 'binary'))
    } finally {
      at.close(now.fd)
    }
  }

  function digest(entry: TreeEntry): string | undefined {
    const { identity, kind, sizeBytes } = entry.file
    const known = hashed.get(identity) ?? digests?.get(identity)
    if (known !== undefined) return known
    if (kind !== 'file' || sizeBytes === 0) return remember(entry, NO_CONTENT)
    return sizeBytes < AT_ONCE_BYTES ? readAtOnce(entry) : undefined
  }

  async function readLong(entry: TreeEntry, signal: AbortSignal | undefined): Promise<string> {
    const now = openNow(entry)
    if (now === undefined) return remember(entry, NO_CONTENT, false)
    const { fd } = now
    try {
      const sha256 = createHash('sha256')
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
      let turnStart = performance.now()
      // one that grows all the time would have no end
      for (let left = now.file.sizeBytes; left > 0;) {
        const count = at.read(fd, chunk.subarray(0, Math.min(chunk.length, left)))
        if (count === 0) break
        left -= count
        if (signal?.aborted === true) throw new CanceledError('reading the build context was canceled')
        sha256.update(chunk.subarray(0, count))
        if (performance.now() - turnStart < MAX_TURN_MS) continue
        await setImmediate()
        turnStart = performance.now()
      }
      return rememberRead(entry, fd, sha256.digest('binary'))
    } finally {
      at.close(fd)
    }
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
    digest,
    async longDigest(entry, signal) {
      const { identity } = entry.file
      for (let running = hashing.get(identity); running !== undefined; running = hashing.get(identity))
        try {
          return await running
        } catch (error) {
          // the build that read it was canceled, and this one was not
          if (!(error instanceof CanceledError) || signal?.aborted === true) throw error
        }
      const begun = readLong(entry, signal).finally(() => hashing.delete(identity))
      hashing.set(identity, begun)
      return await begun
    },
    hasXattrs(entry) {
      const { identity } = entry.file
      const known = hashed.get(identity) ?? digests?.get(identity)
      return known === undefined ? xattrDigest(entry) !== '' : known.startsWith('x')
    },
    close() {
      folders.close()
      at.close(root)
    },
  }
}
