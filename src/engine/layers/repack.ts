/**
 * A layer's folder as a tar again, always in the same bytes. Layers that are made here take their diff id from it, so they
 * can be pushed and saved later without a second copy on the disk; what came from others is kept as it came.
 */
import { sha256, toDigest } from './chain.ts'
import { createPacker } from './pack.ts'
import { TAR_END } from './tar-writer.ts'
import type { Host } from '../../host/host.ts'

interface Base {
  readonly host: Pick<Host, 'at'>
}

/** Of a layer that says nothing, not even of its root folder: its tar is the end of one. */
export const NOTHING_NS = 0n

/**
 * The plain tar of `folder` (a layer's diff/). `newestMtimeNs` is that of the entries it was made of: folders that none of
 * them described have the time of their making, which says nothing and would make each layer another one.
 */
export async function* repackLayer({ host }: Base, folder: string, newestMtimeNs: bigint): AsyncGenerator<Buffer> {
  const root = host.at.openRoot(folder)
  try {
    if (newestMtimeNs === NOTHING_NS && host.at.names(root).length === 0) yield TAR_END
    else
      yield* createPacker(host.at, { whiteouts: true, latestMtimeNs: newestMtimeNs }).pack(root, [
        { name: '.', path: '.' },
      ])
  } finally {
    host.at.close(root)
  }
}

/** The diff id that the layer has by its content. `onBytes` is told how many of the tar's bytes there were, in parts. */
export async function repackedDigest(
  base: Base,
  folder: string,
  newestMtimeNs: bigint,
  onBytes: (count: number) => void = () => {},
): Promise<string> {
  const hash = sha256()
  for await (const chunk of repackLayer(base, folder, newestMtimeNs)) {
    hash.update(chunk)
    onBytes(chunk.length)
  }
  return toDigest(hash)
}
