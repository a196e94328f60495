/**
 * A folder tree as a tar stream: sorted, hard links kept, extended attributes in PAX records; on wish overlay's
 * whiteouts in their OCI form and times no later than a given one (reproducible layers). Reads by descriptors and never
 * through a link, as the tree may be a running container's.
 */
import { setImmediate } from 'node:timers/promises'
import type { At, ByteString, FileFacts } from '../../host/at.ts'
import { MAX_TURN_MS } from './feed.ts'
import type { TarEntry, TarEntryKind } from './tar-entry.ts'
import { TAR_END, formatTarHeader, paddingBytes } from './tar-writer.ts'
import { OPAQUE_XATTR, isCarriedXattr } from './xattr-rules.ts'
import { errnoOf } from '../../errors.ts'

export interface PackOptions {
  /** 0:0 devices and opaque folders become .wh. entries; else they are packed as they are. */
  readonly whiteouts: boolean
  /** Later times are written as this one. */
  readonly latestMtimeNs?: bigint
  /** Of paths in the tar: true leaves it out with all below it. */
  readonly isLeftOut?: (path: ByteString) => boolean
}

export interface PackRoot {
  /** In the folder given; "." is the folder itself. */
  readonly name: ByteString
  /** What it is called in the tar. */
  readonly path: ByteString
}

export interface Packer {
  /** The chunks of a whole tar. `folder` must stay open until the end. */
  pack(folder: number, roots: readonly PackRoot[]): AsyncGenerator<Buffer>
}

/** A name in an open folder, and what it is called in the tar. */
interface Place {
  readonly folder: number
  readonly name: ByteString
  readonly path: ByteString
}

const READ_BYTES = 512 * 1024
const BATCH_BYTES = 256 * 1024
const NO_XATTRS: ReadonlyMap<ByteString, Buffer> = new Map()

export function createPacker(at: At, { whiteouts, latestMtimeNs, isLeftOut = () => false }: PackOptions): Packer {
  function xattrsOf(folder: number, name: ByteString, fd: number | undefined): ReadonlyMap<ByteString, Buffer> {
    const all = fd === undefined ? at.xattrNames(folder, name) : at.xattrNamesOpen(fd)
    const names = all.filter(isCarriedXattr)
    if (names.length === 0) return NO_XATTRS
    const found = new Map<ByteString, Buffer>()
    for (const attribute of names) {
      const value = at.xattr(folder, name, attribute)
      if (value !== undefined) found.set(attribute, value)
    }
    return found
  }

  /** `fd`: the file or folder, where it is open. */
  function toEntry({ folder, name, path }: Place, kind: TarEntryKind, facts: FileFacts, fd?: number): TarEntry {
    const late = latestMtimeNs !== undefined && facts.mtimeNs > latestMtimeNs
    return {
      kind,
      path: kind === 'folder' && !path.endsWith('/') ? `${path}/` : path,
      mode: facts.mode,
      uid: facts.uid,
      gid: facts.gid,
      sizeBytes: kind === 'file' ? facts.sizeBytes : 0,
      mtimeNs: late ? latestMtimeNs : facts.mtimeNs,
      target: kind === 'symlink' ? at.readlink(folder, name) : '',
      major: facts.major,
      minor: facts.minor,
      xattrs: xattrsOf(folder, name, fd),
    }
  }

  function marker(path: ByteString): Buffer {
    return formatTarHeader({
      kind: 'file',
      path,
      mode: 0,
      uid: 0,
      gid: 0,
      sizeBytes: 0,
      mtimeNs: 0n,
      target: '',
      major: 0,
      minor: 0,
      xattrs: NO_XATTRS,
    })
  }

  /** Exactly as many bytes as the header says, though the file may grow or shrink while we read. */
  function* fileData(fd: number, sizeBytes: number): Generator<Buffer> {
    let left = sizeBytes
    while (left > 0) {
      const buffer = Buffer.allocUnsafe(Math.min(left, READ_BYTES))
      const count = at.read(fd, buffer)
      if (count === 0) buffer.fill(0)
      const chunk = count === 0 ? buffer : buffer.subarray(0, count)
      left -= chunk.length
      yield chunk
    }
    yield paddingBytes(sizeBytes)
  }

  function* fileEntry(folder: number, name: ByteString, path: ByteString, facts: FileFacts): Generator<Buffer> {
    let fd: number
    try {
      fd = at.openFile(folder, name)
    } catch (cause) {
      if (['ENOENT', 'ELOOP', 'EINVAL'].includes(errnoOf(cause) ?? '')) return // gone or swapped since it was listed
      throw cause
    }
    try {
      yield formatTarHeader(toEntry({ folder, name, path }, 'file', facts, fd))
      yield* fileData(fd, facts.sizeBytes)
    } finally {
      at.close(fd)
    }
  }

  function* folderEntry(
    folder: number,
    name: ByteString,
    path: ByteString,
    facts: FileFacts,
    seen: Map<string, ByteString>,
  ): Generator<Buffer> {
    let inside: number
    try {
      inside = at.openFolder(folder, name, 'no-links')
    } catch (cause) {
      if (['ENOENT', 'ELOOP', 'ENOTDIR'].includes(errnoOf(cause) ?? '')) return
      throw cause
    }
    try {
      yield formatTarHeader(toEntry({ folder, name, path }, 'folder', facts, inside))
      if (whiteouts && at.xattr(inside, '.', OPAQUE_XATTR)?.toString() === 'y') yield marker(`${path}/.wh..wh..opq`)
      for (const child of at.names(inside)) yield* walk(inside, child, path === '' ? child : `${path}/${child}`, seen)
    } finally {
      at.close(inside)
    }
  }

  function* walk(folder: number, name: ByteString, path: ByteString, seen: Map<string, ByteString>): Generator<Buffer> {
    const facts = at.stat(folder, name)
    if (facts === undefined || facts.kind === 'socket' || isLeftOut(path)) return
    if (facts.kind === 'folder') {
      yield* folderEntry(folder, name, path, facts, seen)
      return
    }
    if (whiteouts && facts.kind === 'character' && facts.major === 0 && facts.minor === 0) {
      const slash = path.lastIndexOf('/') + 1
      yield marker(`${path.slice(0, slash)}.wh.${path.slice(slash)}`)
      return
    }
    const first = facts.linkCount > 1 ? seen.get(facts.inode) : undefined
    if (first !== undefined) {
      yield formatTarHeader({ ...toEntry({ folder, name, path }, 'hardlink', facts), target: first, xattrs: NO_XATTRS })
      return
    }
    if (facts.linkCount > 1) seen.set(facts.inode, path)
    if (facts.kind === 'file') yield* fileEntry(folder, name, path, facts)
    else yield formatTarHeader(toEntry({ folder, name, path }, facts.kind, facts))
  }

  function* parts(folder: number, roots: readonly PackRoot[]): Generator<Buffer> {
    const seen = new Map<string, ByteString>()
    for (const { name, path } of roots) yield* walk(folder, name, path, seen)
    yield TAR_END
  }

  return {
    async *pack(folder, roots) {
      let batch: Buffer[] = []
      let batchBytes = 0
      let turnStart = performance.now()
      for (const part of parts(folder, roots)) {
        batch.push(part)
        batchBytes += part.length
        if (batchBytes < BATCH_BYTES) continue
        yield Buffer.concat(batch)
        batch = []
        batchBytes = 0
        if (performance.now() - turnStart < MAX_TURN_MS) continue
        await setImmediate()
        turnStart = performance.now()
      }
      if (batchBytes > 0) yield Buffer.concat(batch)
    },
  }
}
