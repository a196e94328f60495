/**
 * Pushing an image: blobs side by side, then manifests, then the index of several, so a registry never names what it has
 * not got. Pulled images go out in the very bytes they came in. Messages are docker's. Source: Docker Engine API v1.51 ImagePush.
 */
import type { ProgressMessage } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import { openTransports } from './pull-plan.ts'
import { familiarRepository, parseReference, toCanonicalTag, toFamiliar, type Reference } from '../../api/reference.ts'
import { planPush, type IndexPlan, type Outgoing } from './push-plan.ts'
import { findImageByText, tagsOfRepository, writeBlobs, type Document } from './store.ts'
import { findManifest, putManifest } from '../registry/client.ts'
import { blobPath } from '../registry/download.ts'
import type { Transport } from '../registry/transport.ts'
import type { Platform } from '../registry/manifest.ts'
import { uploadBlob, type UploadOutcome } from '../registry/upload.ts'
import type { RegistryCredentials } from '../services/index.ts'
import { CanceledError, InvalidRequestError, MycomposeError } from '../../errors.ts'
import { findImage, listImages, saveImage, type BlobRecord } from '../../state/images.ts'

export interface PushWish {
  readonly reference: Reference
  readonly credentials: RegistryCredentials | undefined
  readonly signal: AbortSignal
  /** Only the image for this one, by its own manifest. */
  readonly platform: Platform | undefined
  /** All platforms of the name's index, or an error. */
  readonly isWhole: boolean
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

/** What the name means at the registry now, with the images that it brought there. */
function remember({ state }: EngineBase, { images, index }: IndexPlan, name: string): void {
  for (const { image: before, distribution } of images) {
    const image = findImage(state, before.id)
    if (image === undefined) continue // removed while it was pushed
    const known = image.distribution ?? distribution
    const repoDigests = new Set([...known.repoDigests, `${name}@${(index ?? distribution.manifest).digest}`])
    const indexes = new Map(known.indexes.map((blob) => [blob.digest, blob]))
    if (index !== undefined)
      indexes.set(index.digest, { mediaType: index.mediaType, digest: index.digest, size: index.bytes.length })
    const pushed = { ...distribution, repoDigests: [...repoDigests], indexes: [...indexes.values()] }
    saveImage(state, { ...image, distribution: pushed })
  }
}

async function uploadImages(
  context: PushContext,
  transport: Transport,
  wish: PushWish,
  images: readonly Outgoing[],
): Promise<void> {
  const { base } = context
  const shown = new Map(
    images.flatMap(({ distribution: { layers } }) =>
      layers.map((layer): [string, BlobRecord] => [layer.digest, layer]),
    ),
  )
  const configs: BlobRecord[] = []
  for (const { image } of images) {
    const { size } = await base.host.files.stat(blobPath(base, image.id))
    configs.push({ mediaType: '', digest: image.id, size })
  }
  await inParallel([...shown.values(), ...configs], PARALLEL_UPLOADS, (blob) =>
    pushBlob(context, transport, wish, blob, shown.has(blob.digest)),
  )
}

/** A registry that does not say it, as some do of repositories that nobody has pushed to yet, has it not. */
async function isAtRegistry(transport: Transport, digest: string): Promise<boolean> {
  try {
    return (await findManifest(transport, digest)) === digest
  } catch (error) {
    if (error instanceof MycomposeError && !(error instanceof CanceledError)) return false
    throw error
  }
}

/** What is put under the name, after all that it speaks of. */
async function uploadManifests(
  { base }: PushContext,
  transport: Transport,
  { images, index }: IndexPlan,
  tag: string,
): Promise<Document> {
  const manifests: Document[] = []
  for (const { distribution } of images) {
    const { digest, mediaType } = distribution.manifest
    manifests.push({ digest, mediaType, bytes: await base.host.files.readFile(blobPath(base, digest)) })
  }
  const [only] = manifests
  const named = index ?? only
  if (named === undefined) throw new Error('a push has at least one image')
  if (index !== undefined) {
    for (const manifest of manifests) await putManifest(transport, manifest.digest, manifest)
    await writeBlobs(base, [index])
  }
  await putManifest(transport, tag, named)
  return named
}

/** Docker's client tells it in words of its own. */
function tellInstead({ progress }: PushContext, { images, index, instead, missing }: IndexPlan): void {
  if (instead === undefined) return
  if (missing.length > 0) progress({ status: `Not pushed, as they are not here: ${missing.join(', ')}` })
  const [only] = images
  const toDescriptor = ({ mediaType, digest }: BlobRecord, size: number): BlobRecord => ({ mediaType, digest, size })
  if (index === undefined && only !== undefined)
    progress({
      aux: {
        manifestPushedInsteadOfIndex: true,
        originalIndex: toDescriptor({ ...instead, size: 0 }, instead.bytes.length),
        selectedManifest: only.distribution.manifest,
      },
    })
}

/** Throws REGISTRY_* errors, NotFoundError when the name has no image, PLATFORM_MISSING. */
export async function pushImage(context: PushContext, wish: PushWish): Promise<void> {
  const { base, progress } = context
  const { reference, signal, platform, isWhole } = wish
  if (reference.digest !== undefined)
    throw new InvalidRequestError('an image is pushed by a tag, not by a digest', { code: 'PUSH_DIGEST' })
  const name = toFamiliar(toCanonicalTag(reference))
  const found = findImageByText(base, name)
  const repository = `${reference.domain}/${reference.path}`
  progress({ status: `The push refers to repository [${repository}]` })
  const [transport] = await openTransports(base, wish, 'pull,push')
  if (transport === undefined) throw new Error('a registry has always one endpoint of its own')
  const plan = await planPush(base, found, {
    signal,
    platform,
    isWhole,
    onLayer: ({ diffId }) => progress({ status: 'Preparing', id: short(diffId) }),
    isThere: (digest) => isAtRegistry(transport, digest),
  })
  await uploadImages(context, transport, wish, plan.images)
  const tag = reference.tag ?? 'latest'
  const { digest, bytes } = await uploadManifests(context, transport, plan, tag)
  remember(base, plan, repository)
  base.events.publish({
    Type: 'image',
    Action: 'push',
    Actor: { ID: name, Attributes: { name: familiarRepository(name) } },
  })
  progress({ status: `${tag}: digest: ${digest} size: ${bytes.length}` })
  tellInstead(context, plan)
  const { missing } = plan
  const extension = missing.length === 0 ? {} : { Missing: missing }
  progress({ aux: { Tag: tag, Digest: digest, Size: bytes.length, ...extension } })
}

/** Without a tag all names of the repository; when there are none, its "latest", which nobody finds then. */
export function pushReferences(base: EngineBase, name: string, tag: string | undefined): Reference[] {
  if (tag !== undefined && tag !== '') return [parseReference(`${name}:${tag}`)]
  const all = tagsOfRepository(base, name)
  return (all.length === 0 ? [name] : all).map((text) => parseReference(text))
}
