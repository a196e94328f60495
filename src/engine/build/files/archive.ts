/**
 * Tars that ADD unpacks and tars that are contexts: told by their content, read by the store's own reader and scoped writer
 * with the limits against bombs that layers have. Paths in them are followed through the links of the tree that they are
 * unpacked into and end at its root. Source: BuildKit's unpack, moby's go-archive; CVE-2019-14271, CVE-2025-47290.
 */
import { Readable } from 'node:stream'
import { bytesOf, cleanPath, followLinks } from './paths.ts'
import type { Target } from './target.ts'
import type { Owner, Tree, TreeEntry } from './tree.ts'
import { MycomposeError, UnsupportedError } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import { decompress } from '../../layers/decompress.ts'
import { createToolDecompressor } from '../../layers/decompress-tool.ts'
import { joinPath, parseEntryPath } from '../../layers/entry-path.ts'
import { feedTar } from '../../layers/feed.ts'
import { readLayerLimits, roomOn, withinLimits } from '../../layers/limits.ts'
import { BLOCK, type TarEntry } from '../../layers/tar-entry.ts'
import { parseHeader } from '../../layers/tar-header.ts'
import { openTarget as openTarTarget } from '../../layers/target.ts'
import type { At, ByteString } from '../../../host/at.ts'

type Base = Pick<EngineBase, 'host' | 'config'>

const CHUNK_BYTES = 256 * 1024
const MADE_MODE = 0o755

function* chunksOf(at: At, fd: number): Generator<Buffer> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const count = at.read(fd, chunk)
    if (count === 0) return
    yield chunk.subarray(0, count)
  }
}

async function firstBlock({ host }: Pick<EngineBase, 'host'>, source: Readable): Promise<Buffer> {
  let head = Buffer.alloc(0)
  for await (const chunk of await decompress(source, () => {}, createToolDecompressor(host.exec))) {
    head = Buffer.concat([head, chunk])
    if (head.length >= BLOCK) break
  }
  return head
}

/** A plain or compressed tar with at least one entry. */
export async function isArchive(base: Pick<EngineBase, 'host'>, source: Readable): Promise<boolean> {
  try {
    const head = await firstBlock(base, source)
    return head.length >= BLOCK && parseHeader(head.subarray(0, BLOCK)) !== undefined
  } catch (error) {
    if (error instanceof MycomposeError && !(error instanceof UnsupportedError)) return false
    throw error
  } finally {
    source.destroy()
  }
}

/** The content of a regular file of the tree; closes it when it was read or destroyed. */
export function readEntry({ host }: Pick<EngineBase, 'host'>, tree: Tree, entry: TreeEntry): Readable {
  const fd = tree.open(entry)
  const stream = Readable.from(chunksOf(host.at, fd), { objectMode: false })
  stream.once('close', () => host.at.close(fd))
  return stream
}

/** Notes which folders an entry writes into, so that they get their times back, and which have to be made. */
function noteFolders(target: Target, place: ByteString, { path, kind, mtimeNs }: TarEntry, owner: Owner): void {
  const { parent, name } = parseEntryPath(path)
  if (name === '') return
  // as after chroot(2): the destination is "/" for the links that lie in it
  const real = followLinks(parent, (prefix) => target.linkAt(joinPath(place, prefix)))
  const folder = cleanPath(joinPath(place, real))
  target.makeFolders(folder, MADE_MODE, owner)
  target.touch(folder)
  const whole = joinPath(folder, name)
  if (kind === 'folder') target.setTime(whole, mtimeNs)
  else if (target.look(whole)?.kind === 'folder') target.forget()
}

export interface UnpackOptions {
  /** Whose everything becomes; absent: as the tar says. */
  readonly owner: Owner | undefined
  readonly signal?: AbortSignal
}

/**
 * Unpacks a tar (plain, gzip, zstd, bzip2, xz) into the folder `destination`, which is made. Throws TAR_INVALID, DISK_FULL,
 * UnsupportedError, CanceledError, KernelError; what was unpacked until then stays.
 */
export async function unpackArchive(
  base: Base,
  target: Target,
  destination: string,
  source: Readable,
  { owner, signal }: UnpackOptions,
): Promise<void> {
  const { host, config } = base
  const limits = await readLayerLimits(host, config.paths.root)
  const place = target.follow(bytesOf(destination))
  const made = owner ?? { uid: 0, gid: 0 }
  target.makeFolders(place, MADE_MODE, made)
  target.touch(place)
  const folder = host.at.openFolder(target.root, place, 'no-links')
  const writer = openTarTarget(host.at, folder, { resolution: 'within', ...(owner === undefined ? {} : { owner }) })
  let packedBytes = 0
  try {
    const plain = await decompress(source, (count) => (packedBytes += count), createToolDecompressor(host.exec))
    const room = (): Promise<number> => roomOn(host, config.paths.temporary, limits.keptFreeBytes)
    const checked = withinLimits(plain, limits, { packedBytes: () => packedBytes, room })
    const sink = {
      ...writer.sink,
      entry(entry: TarEntry): void {
        noteFolders(target, place, entry, made)
        writer.sink.entry(entry)
      },
    }
    await feedTar(checked, sink, { limits, ...(signal === undefined ? {} : { signal }) })
    writer.finish()
  } finally {
    writer.close()
    source.destroy()
    host.at.close(folder)
  }
}
