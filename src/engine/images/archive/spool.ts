/**
 * A tar of images taken apart into files with names of our own: what members are called, and what links among them say,
 * is kept in a table and never becomes a path. Each member's digest is counted on the way, so a blob that is not what
 * its name says is found before anything is made of it. Memory does not grow with the archive.
 */
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { archiveError } from './documents.ts'
import type { EngineBase } from '../../context.ts'
import { sha256, toDigest } from '../../layers/chain.ts'
import { decompress } from '../../layers/decompress.ts'
import { feedTar } from '../../layers/feed.ts'
import { printable, type TarEntry } from '../../layers/tar-entry.ts'
import type { TarSink } from '../../layers/tar-reader.ts'
import type { At } from '../../../host/at.ts'

/** A file of the archive. */
export interface Member {
  /** Where it lies now. */
  readonly path: string
  readonly sizeBytes: number
  readonly digest: string
}

export interface Members {
  /** By its name in the archive, links followed. */
  find(name: string): Member | undefined
}

/** 500 layers of 100 images, each with the three files that old archives have for one. */
const MAX_MEMBERS = 150_000
const MAX_LINKS = 10

/** "./a//b" is "a/b". Throws ARCHIVE_INVALID for what leads out. */
export function memberName(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (path.startsWith('/') || parts.includes('..'))
    throw archiveError(`the name ${printable(path)} leads out of the archive`)
  return parts.join('/')
}

/** The target of a link in the folder of the link; undefined when it leads out. */
function linkTarget(name: string, target: string): string | undefined {
  if (target.startsWith('/')) return undefined
  const parts = name.split('/').slice(0, -1)
  for (const part of target.split('/'))
    if (part === '..') {
      if (parts.pop() === undefined) return undefined
    } else if (part !== '' && part !== '.') parts.push(part)
  return parts.join('/')
}

interface Table {
  readonly files: Map<string, Member>
  /** Link -> what it stands for. */
  readonly links: Map<string, string>
}

function findMember({ files, links }: Table, name: string): Member | undefined {
  let wanted = name
  for (let count = 0; count <= MAX_LINKS; count += 1) {
    const target = links.get(wanted)
    if (target === undefined) return files.get(wanted)
    wanted = target
  }
  throw archiveError(`too many links on the way to ${printable(name)}`)
}

interface OpenMember {
  readonly name: string
  readonly fd: number
  readonly path: string
  readonly hash: ReturnType<typeof sha256>
  readonly sizeBytes: number
  written: number
}

function createSpoolSink(at: At, folderFd: number, folder: string, table: Table): TarSink & { close(): void } {
  let open: OpenMember | undefined
  let count = 0

  function begin(name: string, sizeBytes: number): void {
    const own = String(count)
    const fd = at.createFile(folderFd, own, 0o600)
    if (fd === undefined) throw new Error(`a spool file ${own} is there already`)
    open = { name, fd, path: join(folder, own), hash: sha256(), sizeBytes, written: 0 }
  }

  return {
    entry({ kind, path, target, sizeBytes }: TarEntry) {
      if (kind === 'folder') return
      count += 1
      if (count > MAX_MEMBERS) throw archiveError(`more than ${MAX_MEMBERS} files`)
      const name = memberName(path)
      if (table.files.has(name) || table.links.has(name)) throw archiveError(`${printable(name)} is in it twice`)
      if (kind === 'file') begin(name, sizeBytes)
      else if (kind === 'symlink' || kind === 'hardlink') {
        const wanted = kind === 'symlink' ? linkTarget(name, target) : memberName(target)
        if (wanted === undefined)
          throw archiveError(`the link ${printable(name)} leads out of it, to ${printable(target)}`)
        table.links.set(name, wanted)
      } else throw archiveError(`${printable(name)} is a device or a pipe`)
    },
    data(chunk, fileOffset) {
      if (open === undefined) return
      if (fileOffset !== open.written) throw archiveError(`${printable(open.name)} is sparse`)
      open.written += chunk.length
      open.hash.update(chunk)
      at.write(open.fd, chunk)
    },
    endEntry() {
      if (open === undefined) return
      const { name, fd, path, hash, sizeBytes, written } = open
      if (written !== sizeBytes) throw archiveError(`${printable(name)} is sparse`)
      open = undefined
      at.close(fd)
      const digest = toDigest(hash)
      const said = /^blobs\/sha256\/(.*)$/s.exec(name)?.[1]
      if (said !== undefined && `sha256:${said}` !== digest)
        throw archiveError(`the blob ${printable(said)} has the digest ${digest}`)
      table.files.set(name, { path, sizeBytes, digest })
    },
    close() {
      if (open !== undefined) at.close(open.fd)
      open = undefined
    },
  }
}

/**
 * Takes the tar (plain, gzip, zstd) apart into the folder, which is the caller's to remove.
 * Throws TAR_INVALID, ARCHIVE_INVALID, CanceledError, KernelError (ENOSPC).
 */
export async function spoolArchive(
  { host }: Pick<EngineBase, 'host'>,
  source: Readable,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<Members> {
  const table: Table = { files: new Map(), links: new Map() }
  const folderFd = host.at.openRoot(folder)
  const sink = createSpoolSink(host.at, folderFd, folder, table)
  try {
    await feedTar(await decompress(source), sink, { signal })
  } finally {
    sink.close()
    host.at.close(folderFd)
  }
  return { find: (name) => findMember(table, memberName(name)) }
}
