/**
 * A layer's bytes on their way into a folder in one pass: decompressed, counted and hashed, taken apart, written. It knows
 * no store and no thread; the engine has it done by threads of its own (unpack-worker.ts), as it keeps a processor busy.
 * Source: OCI image-spec layer.md.
 */
import { Readable } from 'node:stream'
import { join } from 'node:path'
import { sha256, toDigest } from './chain.ts'
import { decompress } from './decompress.ts'
import { feedTar } from './feed.ts'
import { openLayerSink } from './layer-sink.ts'
import { roomOn, withinLimits, type LayerLimits } from './limits.ts'
import { repackedDigest } from './repack.ts'
import type { WhiteoutForm } from './whiteouts.ts'
import type { Host } from '../../host/host.ts'

export interface UnpackTask {
  /** Has an empty diff/, where it goes. */
  readonly folder: string
  readonly whiteouts: WhiteoutForm
  readonly limits: LayerLimits
  /** The diff id is that of the folder packed by ourselves, not of this tar. */
  readonly isOurs: boolean
}

export interface Unpacked {
  readonly diffId: string
  readonly sizeBytes: number
  readonly rootOpaque: boolean
  /** Nothing was said of the root folder: owner and mode are to be those of the layer below. */
  readonly inheritsRoot: boolean
  readonly entries: number
  readonly newestMtimeNs: bigint
}

export interface UnpackOptions {
  /** Folders of the layers below, uppermost first. Asked for when an entry cannot be placed without them. */
  readonly below: () => readonly string[]
  readonly signal?: Pick<AbortSignal, 'aborted'>
  /** Bytes of the plain tar so far. */
  readonly onProgress?: (plainBytes: number) => void
}

/** Reads `source` (plain, gzip, zstd) to its end. Throws TAR_INVALID, DISK_FULL, CanceledError, system errors (ENOSPC). */
export async function unpackLayer(
  { at, files }: Pick<Host, 'at' | 'files'>,
  { folder, whiteouts, limits, isOurs }: UnpackTask,
  source: AsyncIterable<Buffer>,
  { below, signal, onProgress }: UnpackOptions,
): Promise<Unpacked> {
  const diff = join(folder, 'diff')
  using cleanup = new DisposableStack()
  const root = cleanup.adopt(at.openRoot(diff), (fd) => at.close(fd))
  const layer = openLayerSink(at, root, { below, whiteouts })
  cleanup.defer(() => layer.close())
  let packedBytes = 0
  let sizeBytes = 0
  const hash = sha256()
  const plain = await decompress(Readable.from(source, { objectMode: false }), (count) => (packedBytes += count))
  const room = (): Promise<number> => roomOn({ files }, folder, limits.keptFreeBytes)
  const entries = await feedTar(withinLimits(plain, limits, { packedBytes: () => packedBytes, room }), layer.sink, {
    limits,
    ...(signal === undefined ? {} : { signal }),
    onBytes(chunk) {
      if (!isOurs) hash.update(chunk)
      sizeBytes += chunk.length
      onProgress?.(sizeBytes)
    },
  })
  if (isOurs) layer.inheritRoot()
  layer.finish()
  const newestMtimeNs = layer.newestMtimeNs()
  return {
    diffId: isOurs ? await repackedDigest({ host: { at } }, diff, newestMtimeNs) : toDigest(hash),
    sizeBytes,
    rootOpaque: layer.isRootOpaque(),
    inheritsRoot: layer.inheritsRoot(),
    entries,
    newestMtimeNs,
  }
}
