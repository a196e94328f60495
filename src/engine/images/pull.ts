/**
 * Pulling an image: layers that are missing are downloaded and unpacked side by side, each while it still arrives; then
 * layers, documents and names become visible at once. Killed in between, the engine keeps what was downloaded. Messages are docker's. Source: Docker Engine API v1.51 ImageCreate, OCI image-spec.
 */
import { Readable } from 'node:stream'
import type { ProgressMessage } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import type { BlobKeeper } from './blob-keeper.ts'
import { planPull, type PullPlan, type PullWish } from './pull-plan.ts'
import { familiarRepository, toCanonicalTag, toFamiliar, type Reference } from '../../api/reference.ts'
import { commitPulled, isNamed } from './store.ts'
import { chainIdOf } from '../layers/chain.ts'
import { discardLayer, stageLayer, type StageOptions, type StagedLayer } from '../layers/store.ts'
import { manifestError, type Descriptor } from '../registry/manifest.ts'
import type { SharedDownload, SharedDownloads } from '../registry/shared-downloads.ts'
import { MycomposeError } from '../../errors.ts'
import { findImage } from '../../state/images.ts'
import { findLayer } from '../../state/layers.ts'
import { findTag } from '../../state/tags.ts'

export interface PullContext {
  readonly base: EngineBase
  readonly downloads: SharedDownloads
  readonly blobs: BlobKeeper
  readonly progress: (message: ProgressMessage) => void
}

const PARALLEL_DOWNLOADS = 3
const PROGRESS_STEP_MS = 100
const MAX_JUDGED_BYTES = 256 * 2 ** 20

interface LayerWish {
  readonly blob: Descriptor
  readonly diffId: string
  readonly chainId: string
  /** As docker shows it: 12 digits of the blob's digest. */
  readonly shortId: string
}

function layersOfPlan({ manifest, config }: PullPlan): LayerWish[] {
  let parent: string | undefined
  return manifest.layers.map((blob, index) => {
    const diffId = config.rootfs.diff_ids[index] ?? ''
    parent = chainIdOf(parent, diffId)
    return { blob, diffId, chainId: parent, shortId: blob.digest.slice(7, 19) }
  })
}

/** How many of the lowest layers are in the store. */
function presentCount({ state }: EngineBase, layers: readonly LayerWish[]): number {
  const missing = layers.findIndex(({ chainId }) => findLayer(state, chainId) === undefined)
  return missing === -1 ? layers.length : missing
}

/** At most every 100 ms for each layer, and always the last one. */
function throttled(
  { base, progress }: PullContext,
  { shortId, blob }: LayerWish,
  status: string,
  total = blob.size,
): (bytes: number) => void {
  let nextMs = 0
  return (current) => {
    const now = base.host.clock.nowMs()
    if (now < nextMs && current < total) return
    nextMs = now + PROGRESS_STEP_MS
    progress({ status, id: shortId, progressDetail: { current, total } })
  }
}

/** Starts downloads in the order of the layers, a few at a time; `at(i)` resolves when that one has started. */
function startDownloads(
  context: PullContext,
  plan: PullPlan,
  layers: readonly LayerWish[],
): { readonly at: (index: number) => Promise<SharedDownload>; readonly releaseAll: () => Promise<void> } {
  const started = layers.map(() => Promise.withResolvers<SharedDownload>())
  const running: SharedDownload[] = []
  const queue = { next: 0, isOver: false }
  async function worker(): Promise<void> {
    while (queue.next < layers.length && !queue.isOver) {
      const index = queue.next
      queue.next += 1
      const layer = layers[index]
      if (layer === undefined) return
      const download = context.downloads.start(plan, layer.blob, throttled(context, layer, 'Downloading'))
      running.push(download)
      started[index]?.resolve(download)
      await download.finished.then(
        () => context.progress({ status: 'Download complete', id: layer.shortId }),
        () => {}, // whoever unpacks it hears of it
      )
    }
  }
  for (let number = 0; number < PARALLEL_DOWNLOADS; number += 1) void worker()
  return {
    at: async (index) => (await started[index]?.promise) as SharedDownload,
    async releaseAll() {
      queue.isOver = true
      await Promise.all(running.map((download) => download.release()))
    },
  }
}

async function unpack(
  context: PullContext,
  layer: LayerWish,
  download: SharedDownload,
  options: Pick<StageOptions, 'lower' | 'onStart' | 'signal'>,
): Promise<StagedLayer> {
  const { base, progress } = context
  const tell = throttled(context, layer, 'Extracting')
  let taken = 0
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of download.bytes()) {
      taken += chunk.length
      tell(taken)
      yield chunk
    }
  }
  let staged: StagedLayer | undefined
  try {
    staged = await stageLayer(base, Readable.from(counted(), { objectMode: false }), options)
    await download.finished
    if (staged.diffId !== layer.diffId)
      throw manifestError(`layer ${layer.shortId} unpacks to ${staged.diffId}, its configuration says ${layer.diffId}`)
    progress({ status: 'Pull complete', id: layer.shortId })
    const { mediaType, digest, size } = layer.blob
    return { ...staged, blob: { mediaType, digest, size } }
  } catch (error) {
    if (staged !== undefined) await discardLayer(base, staged)
    throw await causeOf(context, layer, download, error)
  }
}

/**
 * A layer that cannot be unpacked: bytes that were changed on the way, which their digest tells, or an image that is
 * wrong in itself. Nothing of either is kept. Larger ones are not fetched to their end for this.
 */
async function causeOf(
  { blobs }: PullContext,
  { blob }: LayerWish,
  download: SharedDownload,
  error: unknown,
): Promise<unknown> {
  const code = error instanceof MycomposeError ? error.code : ''
  if (code !== 'TAR_INVALID' && code !== 'MANIFEST_INVALID') return error
  const verdict =
    blob.size > MAX_JUDGED_BYTES
      ? undefined
      : await download.finished.then(
          () => undefined,
          (reason: unknown) => reason,
        )
  download.spoil()
  await blobs.free({ kind: 'these', digests: [blob.digest] })
  return verdict ?? error
}

/** All at once, as far as there are downloads and threads; each begins after those below it. Rejects with the first failure. */
async function unpackAll(
  context: PullContext,
  layers: readonly LayerWish[],
  downloads: ReturnType<typeof startDownloads>,
  { parents, signal }: { readonly parents: readonly string[]; readonly signal: AbortSignal },
): Promise<StagedLayer[]> {
  const { base } = context
  const abort = new AbortController()
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {}) // also when nobody waits any more
  const jobs: Promise<StagedLayer>[] = []
  try {
    for (const [index, layer] of layers.entries()) {
      const download = await Promise.race([downloads.at(index), failure.promise])
      const started = Promise.withResolvers<void>()
      const job = unpack(context, layer, download, {
        lower: [...parents, ...jobs],
        signal: AbortSignal.any([signal, abort.signal]),
        onStart: () => started.resolve(),
      })
      job.catch(failure.reject)
      jobs.push(job)
      await Promise.race([started.promise, failure.promise])
    }
    return await Promise.race([Promise.all(jobs), failure.promise])
  } catch (error) {
    abort.abort()
    for (const outcome of await Promise.allSettled(jobs))
      if (outcome.status === 'fulfilled') await discardLayer(base, outcome.value)
    throw error
  }
}

async function bringLayers(context: PullContext, plan: PullPlan, wish: PullWish): Promise<void> {
  const { base, progress } = context
  const layers = layersOfPlan(plan)
  const present = presentCount(base, layers)
  for (const [index, { shortId }] of layers.entries())
    progress({ status: index < present ? 'Already exists' : 'Pulling fs layer', id: shortId })
  const missing = layers.slice(present)
  const parents = layers.slice(0, present).map(({ chainId }) => chainId)
  const downloads = startDownloads(context, plan, missing)
  let staged: StagedLayer[] = []
  try {
    staged = await unpackAll(context, missing, downloads, { parents, signal: wish.signal })
    await commitPulled(base, { ...plan, parents, staged, reference: wish.reference })
  } finally {
    await downloads.releaseAll()
    for (const layer of staged) await discardLayer(base, layer) // nothing is left of those that went into the store
  }
}

/** Of bytes that were changed on the way a tar makes no sense either; larger blobs are not fetched to their digest for that. */
function areWrongBytes(error: unknown): boolean {
  return error instanceof MycomposeError && (error.code === 'REGISTRY_DIGEST' || error.code === 'TAR_INVALID')
}

/** Once more from the next endpoint when a mirror sent wrong bytes: what was unpacked of them is gone. */
async function bringFromAny(context: PullContext, plan: PullPlan, wish: PullWish): Promise<void> {
  try {
    await bringLayers(context, plan, wish)
  } catch (error) {
    const { endpoint } = plan.transport
    const [transport, ...fallbacks] = plan.fallbacks
    if (transport === undefined || !endpoint.isMirror || !areWrongBytes(error)) throw error
    context.base.log('warn', 'a mirror sent wrong bytes', { mirror: endpoint.host, error: String(error) })
    await bringFromAny(context, { ...plan, transport, fallbacks }, wish)
  }
}

/** True when the name means here what it means at the registry, and nothing of it is missing. */
function isCurrent(base: EngineBase, plan: PullPlan, reference: Reference): boolean {
  const { state } = base
  const image = findImage(state, plan.manifest.config.digest)
  if (image === undefined || !isNamed(image, reference, plan.digest)) return false
  const isTagged = reference.digest !== undefined || findTag(state, toCanonicalTag(reference))?.imageId === image.id
  return isTagged && presentCount(base, layersOfPlan(plan)) === plan.manifest.layers.length
}

/** Returns the last line: "Status: Downloaded newer image for web:1". Throws REGISTRY_*, MANIFEST_*, PLATFORM_MISSING, TAR_INVALID. */
export async function pullImage(context: PullContext, wish: PullWish): Promise<string> {
  const { base, progress } = context
  const { reference } = wish
  const name = toFamiliar(toCanonicalTag(reference))
  const shown = reference.digest === undefined ? name : `${familiarRepository(name)}@${reference.digest}`
  progress({ status: `Pulling from ${reference.path}`, id: reference.digest ?? reference.tag ?? 'latest' })
  const plan = await planPull(base, wish)
  const wasCurrent = isCurrent(base, plan, reference)
  if (wasCurrent)
    await commitPulled(base, {
      ...plan,
      parents: layersOfPlan(plan).map(({ chainId }) => chainId),
      staged: [],
      reference,
    })
  else await bringFromAny(context, plan, wish)
  base.events.publish({
    Type: 'image',
    Action: 'pull',
    Actor: { ID: shown, Attributes: { name: familiarRepository(name) } },
  })
  progress({ status: `Digest: ${plan.digest}` })
  return `Status: ${wasCurrent ? 'Image is up to date' : 'Downloaded newer image'} for ${shown}`
}
