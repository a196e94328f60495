/**
 * Pulling an image: layers that are missing are downloaded and unpacked side by side, each while it still arrives, and
 * each once for all who pull it (shared-layers.ts); then layers, documents and names become visible at once. Killed in
 * between, the engine keeps what was downloaded. Messages are docker's. Source: Docker Engine API v1.51 ImageCreate, OCI
 * image-spec.
 */
import type { ProgressMessage } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import { planPull, type PullPlan, type PullWish } from './pull-plan.ts'
import { familiarRepository, toCanonicalTag, toFamiliar, type Reference } from '../../api/reference.ts'
import type { LayerListener, LayerWish, SharedLayer, SharedLayers } from './shared-layers.ts'
import { commitPulled, isNamed } from './store.ts'
import { chainIdOf } from '../layers/chain.ts'
import { holdLayers } from '../layers/holds.ts'
import { freeLayers, type StagedLayer } from '../layers/store.ts'
import { CanceledError, MycomposeError } from '../../errors.ts'
import { findImage } from '../../state/images.ts'
import { findLayer } from '../../state/layers.ts'
import { findTag } from '../../state/tags.ts'

export interface PullContext {
  readonly base: EngineBase
  readonly layers: SharedLayers
  readonly progress: (message: ProgressMessage) => void
}

const PARALLEL_DOWNLOADS = 3
const PROGRESS_STEP_MS = 100

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

function toListener(context: PullContext, layer: LayerWish): LayerListener {
  return {
    downloading: throttled(context, layer, 'Downloading'),
    downloaded: () => context.progress({ status: 'Download complete', id: layer.shortId }),
    unpacking: throttled(context, layer, 'Extracting'),
  }
}

/** In their order, a few downloads at a time; `isOver`: nobody waits for them any more. */
function beginAll(layers: readonly SharedLayer[], plan: PullPlan, isOver: () => boolean): void {
  const queue = [...layers]
  const worker = async (): Promise<void> => {
    for (let layer = queue.shift(); layer !== undefined && !isOver(); layer = queue.shift()) await layer.begin(plan)
  }
  for (let number = 0; number < PARALLEL_DOWNLOADS; number += 1) void worker()
}

/** Rejects with the first failure, or as soon as the signal fires. */
async function untilStaged(layers: readonly SharedLayer[], signal: AbortSignal): Promise<StagedLayer[]> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(new CanceledError('the pull was canceled', { cause: signal.reason }))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, Promise.all(layers.map(({ staged }) => staged))])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function bringLayers(context: PullContext, plan: PullPlan, wish: PullWish): Promise<void> {
  const { base, progress } = context
  const layers = layersOfPlan(plan)
  const chainIds = layers.map(({ chainId }) => chainId)
  // also those that another pull brings: its image may be removed before this one is complete
  using hold = holdLayers(base)
  hold.add(chainIds)
  const present = presentCount(base, layers)
  for (const [index, { shortId }] of layers.entries())
    progress({ status: index < present ? 'Already exists' : 'Pulling fs layer', id: shortId })
  const parents = chainIds.slice(0, present)
  const missing = layers.slice(present).map((layer) => ({ ...layer, listener: toListener(context, layer) }))
  const shared = context.layers.take(missing, parents)
  let isOver = false
  for (const [index, { staged }] of shared.entries())
    staged.then(
      () => isOver || progress({ status: 'Pull complete', id: missing[index]?.shortId ?? '' }),
      () => {}, // heard of below
    )
  try {
    beginAll(shared, plan, () => isOver)
    const staged = await untilStaged(shared, wish.signal)
    await commitPulled(base, { ...plan, parents, staged, reference: wish.reference })
  } catch (error) {
    await freeLayers(base, chainIds, () => hold[Symbol.dispose]())
    throw error
  } finally {
    isOver = true
    await Promise.all(shared.map((layer) => layer.release()))
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
