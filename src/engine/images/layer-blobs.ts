/**
 * The bytes of an image's layers as registries and archives want them. Of pulled and loaded images they are kept as they
 * came; layers that were made here are packed when they are first asked for, and kept from then on with the image.
 */
import { join } from 'node:path'
import { createGzip } from 'node:zlib'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { EngineBase } from '../context.ts'
import { digestOf, hexOf, sha256, toDigest } from '../layers/chain.ts'
import { repackLayer } from '../layers/repack.ts'
import { layersOf } from '../layers/store.ts'
import { readConfigText, writeBlobs, type Document } from './store.ts'
import { blobPath } from '../registry/download.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from '../registry/media-types.ts'
import { MycomposeError } from '../../errors.ts'
import { findImage, saveImage, type BlobRecord, type Distribution, type ImageRecord } from '../../state/images.ts'
import { findLayer, updateLayer, type LayerRecord } from '../../state/layers.ts'

/** Level 6 halves the size of level 1's surplus at three times the cost: an upload is mostly slower than this. */
const GZIP_LEVEL = 5

async function packBlob(base: EngineBase, layer: LayerRecord, signal: AbortSignal): Promise<BlobRecord> {
  const { host, config } = base
  const temporary = join(config.paths.temporary, `pack-${host.randomHex(8)}`)
  const diffId = sha256()
  const digest = sha256()
  let size = 0
  await using undo = new AsyncDisposableStack()
  undo.defer(() => host.files.rm(temporary, { force: true }))
  const file = await host.files.open(temporary, 'wx', 0o600)
  undo.defer(() => file.close())
  async function* plain(): AsyncGenerator<Buffer> {
    const folder = join(config.paths.layers, hexOf(layer.chainId), 'diff')
    for await (const chunk of repackLayer(base, folder, BigInt(layer.newestMtimeNs ?? 0))) {
      diffId.update(chunk)
      yield chunk
    }
  }
  await pipeline(
    Readable.from(plain(), { objectMode: false }),
    createGzip({ level: GZIP_LEVEL }),
    async function write(source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        digest.update(chunk)
        size += chunk.length
        await file.write(chunk)
      }
    },
    { signal },
  )
  const found = toDigest(diffId)
  if (found !== layer.diffId)
    throw new MycomposeError(`layer ${layer.chainId.slice(0, 19)} on the disk is not what it was made as`, {
      code: 'LAYER_DAMAGED',
      hint: 'something changed its files below the engine: make or pull the image again',
    })
  const record: BlobRecord = { mediaType: `${OCI_LAYER}+gzip`, digest: toDigest(digest), size }
  await file.datasync()
  await host.files.rename(temporary, blobPath(base, record.digest))
  updateLayer(base.state, { ...(findLayer(base.state, layer.chainId) ?? layer), blob: record })
  return record
}

/** What it came in, or it packed again, which gives its diff id for layers that were made here only. */
export async function layerBlob(
  base: EngineBase,
  layer: LayerRecord,
  { signal, onLayer }: { readonly signal: AbortSignal; readonly onLayer: (layer: LayerRecord) => void },
): Promise<BlobRecord> {
  if (layer.blob !== undefined && base.host.files.existsSync(blobPath(base, layer.blob.digest))) return layer.blob
  onLayer(layer)
  return await packBlob(base, layer, signal)
}

/** A manifest for an image that came without one. */
export function makeManifest(imageId: string, configBytes: number, layers: readonly BlobRecord[]): Document {
  const config = { mediaType: OCI_CONFIG, digest: imageId, size: configBytes }
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }))
  return { bytes, mediaType: OCI_MANIFEST, digest: digestOf(bytes) }
}

/** Nothing of it is missing on the disk. */
export function isComplete({ host, config }: EngineBase, { manifest, layers }: Distribution): boolean {
  return [manifest, ...layers].every(({ digest }) => host.files.existsSync(blobPath({ config }, digest)))
}

/** Blobs and manifest of an image, all of them files afterwards. `onLayer` hears of each layer that has to be packed. */
export async function ensureDistribution(
  base: EngineBase,
  image: ImageRecord,
  options: { readonly signal: AbortSignal; readonly onLayer: (layer: LayerRecord) => void },
): Promise<Distribution> {
  return await base.locks.run(`layer:blobs:${image.id}`, async () => {
    const known = findImage(base.state, image.id)?.distribution
    if (known !== undefined && isComplete(base, known)) return known
    const layers: BlobRecord[] = []
    for (const layer of layersOf(base, image.chainIds)) layers.push(await layerBlob(base, layer, options))
    const configBytes = Buffer.byteLength(await readConfigText(base, image.id))
    const manifest = makeManifest(image.id, configBytes, layers)
    await writeBlobs(base, [manifest])
    const { mediaType, digest } = manifest
    const distribution: Distribution = {
      manifest: { mediaType, digest, size: manifest.bytes.length },
      layers,
      repoDigests: known?.repoDigests ?? [],
      indexes: known?.indexes ?? [],
    }
    saveImage(base.state, { ...(findImage(base.state, image.id) ?? image), distribution })
    return distribution
  })
}
