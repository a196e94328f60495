/**
 * Digests of the files of a tree: small ones at once, long ones on threads (or in turns), each once, and not at all when a
 * build before has read the file and it was not touched since. What is read while it changes is for one build alone.
 * Source: man 2 statx; the "racy" files of git's index (Documentation/technical/racy-git.txt).
 */
import { createHash, hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { TreeEntry } from './tree.ts'
import { CanceledError, errnoOf } from '../../../errors.ts'
import type { ByteString } from '../../../host/at.ts'
import type { Host } from '../../../host/host.ts'
import type { ScannedFile } from '../../../host/statx.ts'
import { hexOf } from '../../layers/chain.ts'
import { MAX_TURN_MS } from '../../layers/feed.ts'
import type { Unpacker } from '../../layers/unpack-pool.ts'
import { isCarriedXattr } from '../../layers/xattr-rules.ts'

/** "x" or "-", and a sha256. */
export const DIGEST_BYTES = 33

/** Digests of files by their identity, kept from build to build (context/file-digests.ts). */
export interface DigestMemory {
  get(identity: string): string | undefined
  set(identity: string, digest: string): void
  /** Files that are being read, by their identity: whoever else wants them waits for it. */
  readonly hashing: Map<string, Promise<string>>
}

export interface FileHashes {
  /**
   * Of the content and the extended attributes that travel, DIGEST_BYTES as a byte string; the first is "x" when there are
   * such. For a file that has to be read first and is large undefined: then `longDigest`.
   */
  digest(entry: TreeEntry): string | undefined
  longDigest(entry: TreeEntry, signal?: AbortSignal): Promise<string>
  /** It has extended attributes that travel. */
  hasXattrs(entry: TreeEntry): boolean
}

/** A name in an open folder. */
export interface Place {
  readonly folder: number
  readonly name: ByteString
}

export interface FileSource {
  /** See Tree. */
  readonly openNow: (entry: TreeEntry) => { readonly fd: number; readonly file: ScannedFile } | undefined
  readonly placeOf: (entry: TreeEntry) => Place
  readonly memory: DigestMemory | undefined
  /** Where long files are read; undefined: here, in turns. */
  readonly threads: Pick<Unpacker, 'digest'> | undefined
}

/** errno of what is not there any more, or something else by now. */
export const GONE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EINVAL'])
/** From here on a file is long. */
export const AT_ONCE_BYTES: number = 256 * 1024
const CHUNK_BYTES = 2 ** 20
/** Of folders, devices and the like, and of empty files. */
const NO_CONTENT = '\0'.repeat(32)
/** Clocks of file systems tick this coarsely; one without nanoseconds ticks in (two) seconds. */
const GRAIN_MS = 100
const COARSE_GRAIN_MS = 2_100

/** A digest is trusted later only if the file could not have been changed again within the same tick. */
function isSettled(file: ScannedFile, nowMs: number): boolean {
  const grain = file.ctimeMs % 1000 === 0 ? COARSE_GRAIN_MS : GRAIN_MS
  return nowMs - file.ctimeMs > grain
}

export function createFileHashes({ at, statx, clock }: Host, source: FileSource): FileHashes {
  const { openNow, placeOf, memory, threads } = source
  const hashed = new Map<string, string>()
  const hashing = memory?.hashing ?? new Map<string, Promise<string>>()
  const buffer = Buffer.allocUnsafe(AT_ONCE_BYTES)

  /** "" when it has none that travel, or is gone. `fd`: the file, where it is open. */
  function xattrDigest(entry: TreeEntry, fd?: number): string {
    try {
      return fd !== undefined && !at.xattrNamesOpen(fd).some(isCarriedXattr) ? '' : digestOfXattrs(entry)
    } catch (cause) {
      if (GONE.has(errnoOf(cause) ?? '') || errnoOf(cause) === 'CONTEXT_CHANGED') return ''
      throw cause
    }
  }

  function digestOfXattrs(entry: TreeEntry): string {
    if (entry.file.kind === 'symlink') return ''
    const { folder, name } = placeOf(entry)
    const carried = at.xattrNames(folder, name).filter(isCarriedXattr)
    if (carried.length === 0) return ''
    const values = carried.map((attribute) => [attribute, at.xattr(folder, name, attribute)?.toString('latin1') ?? ''])
    return hash('sha256', JSON.stringify(values), 'binary')
  }

  /** The two parts of a digest as one; kept for other builds when it is certain to be found changed later. */
  function remember(entry: TreeEntry, content: string, isCertain = true, fd?: number): string {
    const xattrs = xattrDigest(entry, fd)
    const digest =
      xattrs === '' ? `-${content}` : `x${hash('sha256', Buffer.from(xattrs + content, 'latin1'), 'binary')}`
    hashed.set(entry.file.identity, digest)
    if (isCertain && isSettled(entry.file, clock.nowMs())) memory?.set(entry.file.identity, digest)
    return digest
  }

  /** Of what could be read; of a file that changes meanwhile that is for this build alone, and the copy will notice. */
  function rememberRead(entry: TreeEntry, fd: number, content: string): string {
    return remember(entry, content, statx(fd, '')?.identity === entry.file.identity, fd)
  }

  function readAtOnce(entry: TreeEntry): string {
    const now = openNow(entry)
    if (now === undefined) return remember(entry, NO_CONTENT, false)
    try {
      // no read to hear of the end: a file that grew has another identity, which is looked at next
      const sizeBytes = Math.min(now.file.sizeBytes, buffer.length)
      let length = 0
      for (let count = -1; count !== 0 && length < sizeBytes; length += count)
        count = at.read(now.fd, buffer.subarray(length, sizeBytes))
      return rememberRead(entry, now.fd, hash('sha256', buffer.subarray(0, length), 'binary'))
    } finally {
      at.close(now.fd)
    }
  }

  function digest(entry: TreeEntry): string | undefined {
    const { identity, kind, sizeBytes } = entry.file
    const known = hashed.get(identity) ?? memory?.get(identity)
    if (known !== undefined) return known
    if (kind !== 'file' || sizeBytes === 0) return remember(entry, NO_CONTENT)
    return sizeBytes < AT_ONCE_BYTES ? readAtOnce(entry) : undefined
  }

  async function readInTurns(fd: number, sizeBytes: number, signal: AbortSignal | undefined): Promise<string> {
    const sha256 = createHash('sha256')
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    let turnStart = performance.now()
    // one that grows all the time would have no end
    for (let left = sizeBytes; left > 0;) {
      const count = at.read(fd, chunk.subarray(0, Math.min(chunk.length, left)))
      if (count === 0) break
      left -= count
      if (signal?.aborted === true) throw new CanceledError('reading the build context was canceled')
      sha256.update(chunk.subarray(0, count))
      if (performance.now() - turnStart < MAX_TURN_MS) continue
      await setImmediate()
      turnStart = performance.now()
    }
    return sha256.digest('binary')
  }

  async function readOnThread(fd: number, sizeBytes: number, signal: AbortSignal | undefined): Promise<string> {
    if (threads === undefined) return await readInTurns(fd, sizeBytes, signal)
    const { digest: hex } = await threads.digest({ kind: 'file', fd, sizeBytes }, signal)
    return Buffer.from(hexOf(hex), 'hex').toString('latin1')
  }

  async function readLong(entry: TreeEntry, signal: AbortSignal | undefined): Promise<string> {
    const now = openNow(entry)
    if (now === undefined) return remember(entry, NO_CONTENT, false)
    try {
      return rememberRead(entry, now.fd, await readOnThread(now.fd, now.file.sizeBytes, signal))
    } finally {
      at.close(now.fd)
    }
  }

  return {
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
      const known = hashed.get(identity) ?? memory?.get(identity)
      return known === undefined ? xattrDigest(entry) !== '' : known.startsWith('x')
    },
  }
}
