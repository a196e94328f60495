/** `cache_to`: the cache of a build written as an image, to a registry or into an OCI layout. */
import { join } from 'node:path'
import type { EngineBase } from '../../context.ts'
import { digestOf, hexOf } from '../../layers/chain.ts'
import { encodeConfig } from '../../images/image-config.ts'
import { layerBlob, makeManifest } from '../../images/layer-blobs.ts'
import { openTransports } from '../../images/pull-plan.ts'
import { writeBlobs, type Document } from '../../images/store.ts'
import { putManifest } from '../../registry/client.ts'
import { blobPath } from '../../registry/download.ts'
import { OCI_INDEX } from '../../registry/media-types.ts'
import { uploadBlob } from '../../registry/upload.ts'
import type { RegistryCredentials } from '../../services/index.ts'
import type { BlobRecord } from '../../../state/images.ts'
import type { Platform } from '../plan/stage-state.ts'
import type { CollectedCache } from './collect.ts'
import { cacheConfig } from './document.ts'
import type { CachePlace } from './places.ts'

export interface SendRequest {
  readonly place: CachePlace
  readonly cache: CollectedCache
  readonly platform: Platform
  readonly credentialsFor: (domain: string) => RegistryCredentials | undefined
  readonly signal: AbortSignal
}

interface Packed {
  readonly manifest: Document
  /** The configuration too. */
  readonly blobs: readonly BlobRecord[]
}

/** All of it as files in the store's blobs. */
async function pack(base: EngineBase, { cache, platform, signal }: SendRequest): Promise<Packed> {
  const { architecture, os } = platform
  const layers: BlobRecord[] = []
  for (const layer of cache.layers) layers.push(await layerBlob(base, layer, { signal, onLayer: () => {} }))
  const bytes = Buffer.from(
    encodeConfig(
      cacheConfig(
        { architecture, os },
        cache.layers.map(({ diffId }) => diffId),
        cache.records,
      ),
    ),
  )
  const config = { digest: digestOf(bytes), bytes }
  const manifest = makeManifest(config.digest, bytes.length, layers)
  await writeBlobs(base, [config, manifest])
  const unique = new Map(layers.map((layer) => [layer.digest, layer]))
  return { manifest, blobs: [...unique.values(), { mediaType: '', digest: config.digest, size: bytes.length }] }
}

async function sendToRegistry(base: EngineBase, request: SendRequest, { manifest, blobs }: Packed): Promise<void> {
  const { place, credentialsFor, signal } = request
  if (place.kind !== 'registry') return
  const { reference } = place
  const credentials = credentialsFor(reference.domain)
  const [transport] = await openTransports(base, { reference, credentials, signal }, 'pull,push')
  if (transport === undefined) throw new Error('a registry has always one endpoint of its own')
  for (const blob of blobs) await uploadBlob(base, { transport, blob, mountFrom: [], signal, onProgress: () => {} })
  await putManifest(transport, reference.tag ?? 'latest', manifest)
}

/** Files that are there already stay; the index comes last. */
async function writeLayout(base: EngineBase, folder: string, tag: string, { manifest, blobs }: Packed): Promise<void> {
  const { files } = base.host
  const inside = join(folder, 'blobs', 'sha256')
  await files.mkdir(inside, { recursive: true, mode: 0o755 })
  for (const { digest } of blobs) {
    const target = join(inside, hexOf(digest))
    if (!files.existsSync(target)) await files.writeAtomic(target, await files.readFile(blobPath(base, digest)))
  }
  await files.writeAtomic(join(inside, hexOf(manifest.digest)), manifest.bytes)
  const { mediaType, digest, bytes } = manifest
  const annotations = { 'org.opencontainers.image.ref.name': tag }
  const index = {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [{ mediaType, digest, size: bytes.length, annotations }],
  }
  await files.writeAtomic(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  await files.writeAtomic(join(folder, 'index.json'), JSON.stringify(index))
}

/** Nothing to do for an inline one. Throws REGISTRY_* errors, KernelError, CanceledError. */
export async function sendCache(base: EngineBase, request: SendRequest): Promise<void> {
  const { place } = request
  if (place.kind === 'inline') return
  const packed = await pack(base, request)
  if (place.kind === 'registry') await sendToRegistry(base, request, packed)
  else await writeLayout(base, place.folder, place.tag, packed)
}
