/**
 * Pushing an image: blobs side by side, then the manifest, so a registry never names what it has not got. Pulled images
 * go out in the very bytes they came in. Messages are docker's. Source: Docker Engine API v1.51 ImagePush.
 */
import type { ProgressMessage } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import { ensureDistribution } from './layer-blobs.ts'
import { openTransports } from './pull-plan.ts'
import { familiarRepository, parseReference, toCanonicalTag, toFamiliar, type Reference } from '../../api/reference.ts'
import { findImageByText } from './store.ts'
import { putManifest } from '../registry/client.ts'
import { blobPath } from '../registry/download.ts'
import type { Transport } from '../registry/transport.ts'
import { uploadBlob, type UploadOutcome } from '../registry/upload.ts'
import type { RegistryCredentials } from '../services/index.ts'
import { InvalidRequestError } from '../../errors.ts'
import { findImage, listImages, saveImage, type BlobRecord, type Distribution } from '../../state/images.ts'

export interface PushWish {
  readonly reference: Reference
  readonly credentials: RegistryCredentials | undefined
  readonly signal: AbortSignal
}

export interface PushContext {
  readonly base: EngineBase
  readonly progress: (message: ProgressMessage) => void
}

const PARALLEL_UPLOADS = 5
const PROGRESS_STEP_MS = 100

const short = (digest: string): string => digest.slice(7, 19)

/** Repositories of the same registry that hold the blob, as far as we know. */
function sourcesOf({ state }: EngineBase, { domain, path }: Reference, digest: string): string[] {
  const found = listImages(state)
    .filter(({ distribution }) => distribution?.layers.some((layer) => layer.digest === digest) === true)
    .flatMap(({ distribution }) => distribution?.repoDigests ?? [])
    .map((text) => text.slice(0, text.indexOf('@')))
  const prefix = `${domain}/`
  const paths = found.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
  return [...new Set(paths)].filter((name) => name !== path)
}

function outcomeText(outcome: UploadOutcome): string {
  if (outcome.kind === 'exists') return 'Layer already exists'
  return outcome.kind === 'mounted' ? `Mounted from ${outcome.from}` : 'Pushed'
}

async function pushBlob(
  { base, progress }: PushContext,
  transport: Transport,
  wish: PushWish,
  blob: BlobRecord,
  isShown: boolean,
): Promise<void> {
  const id = short(blob.digest)
  let nextMs = 0
  const outcome = await uploadBlob(base, {
    transport,
    blob,
    mountFrom: sourcesOf(base, wish.reference, blob.digest),
    signal: wish.signal,
    onProgress(current) {
      const now = base.host.clock.nowMs()
      if (!isShown || (now < nextMs && current < blob.size)) return
      nextMs = now + PROGRESS_STEP_MS
      progress({ status: 'Pushing', id, progressDetail: { current, total: blob.size } })
    },
  })
  if (isShown) progress({ status: outcomeText(outcome), id })
}

/** A few at a time; the first failure stops the rest from starting. */
async function inParallel<T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items]
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await work(item)
      } catch (error) {
        queue.length = 0
        throw error
      }
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: limit }, () => worker()))
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

function remember({ state }: EngineBase, imageId: string, distribution: Distribution, repoDigest: string): void {
  const image = findImage(state, imageId)
  if (image === undefined) return // removed while it was pushed
  const repoDigests = [...new Set([...(image.distribution ?? distribution).repoDigests, repoDigest])]
  saveImage(state, { ...image, distribution: { ...distribution, repoDigests } })
}

/** Throws REGISTRY_* errors, NotFoundError when the name has no image. */
export async function pushImage(context: PushContext, wish: PushWish): Promise<void> {
  const { base, progress } = context
  const { reference, signal } = wish
  if (reference.digest !== undefined)
    throw new InvalidRequestError('an image is pushed by a tag, not by a digest', { code: 'PUSH_DIGEST' })
  const name = toFamiliar(toCanonicalTag(reference))
  const { image } = findImageByText(base, name)
  progress({ status: `The push refers to repository [${reference.domain}/${reference.path}]` })
  const { host, config } = base
  const distribution = await ensureDistribution(base, image, {
    signal,
    onLayer: ({ diffId }) => progress({ status: 'Preparing', id: short(diffId) }),
  })
  const [transport] = await openTransports(base, wish, 'pull,push')
  if (transport === undefined) throw new Error('a registry has always one endpoint of its own')
  const { size } = await host.files.stat(blobPath({ config }, image.id))
  const configBlob = { mediaType: '', digest: image.id, size }
  const unique = [...new Map(distribution.layers.map((layer) => [layer.digest, layer])).values()]
  await inParallel([...unique, configBlob], PARALLEL_UPLOADS, (blob) =>
    pushBlob(context, transport, wish, blob, blob !== configBlob),
  )
  const { manifest } = distribution
  const bytes = await host.files.readFile(blobPath({ config }, manifest.digest))
  const tag = reference.tag ?? 'latest'
  await putManifest(transport, tag, { bytes, mediaType: manifest.mediaType })
  remember(base, image.id, distribution, `${reference.domain}/${reference.path}@${manifest.digest}`)
  base.events.publish({
    Type: 'image',
    Action: 'push',
    Actor: { ID: name, Attributes: { name: familiarRepository(name) } },
  })
  progress({ status: `${tag}: digest: ${manifest.digest} size: ${bytes.length}` })
  progress({ aux: { Tag: tag, Digest: manifest.digest, Size: bytes.length } })
}

/** "web" means "web:latest". */
export function pushReference(name: string, tag: string | undefined): Reference {
  return parseReference(tag === undefined || tag === '' ? name : `${name}:${tag}`)
}
