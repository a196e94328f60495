/**
 * Layers on their way into the store that several pulls share: each is downloaded and unpacked once at a time, whoever
 * asks, and all hear how far it is. It goes on as long as one of them wants it, and is in the store as soon as the first
 * of them commits; others may stand on it then as before, wherever its folder lies.
 */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { EngineBase } from '../context.ts'
import type { BlobKeeper } from './blob-keeper.ts'
import { discardLayer, stageLayer, type StagedLayer } from '../layers/store.ts'
import { manifestError, type Descriptor } from '../registry/manifest.ts'
import type { BlobSources, SharedDownload, SharedDownloads } from '../registry/shared-downloads.ts'
import { CanceledError, MycomposeError } from '../../errors.ts'

export interface LayerWish {
  readonly blob: Descriptor
  readonly diffId: string
  readonly chainId: string
  /** As docker shows it: 12 digits of the blob's digest. */
  readonly shortId: string
}

/** One pull's eyes on a layer. */
export interface LayerListener {
  /** Bytes of the blob so far. */
  downloading(bytes: number): void
  downloaded(): void
  /** Bytes of the blob that have been taken so far. */
  unpacking(bytes: number): void
}

export interface SharedLayer {
  /** Begins it unless somebody has. Resolves when its download is over, in whatever way. Layers below are to be begun first. */
  begin(sources: BlobSources): Promise<void>
  /** Complete, and as its configuration says. It is not the caller's to remove. */
  readonly staged: Promise<StagedLayer>
  /** To be called once; of a layer that nobody else wants nothing is left afterwards, unless it is in the store. */
  release(): Promise<void>
}

export interface SharedLayers {
  /** Those that are missing, lowest first, on top of `parents`, which are in the store. All of them are held (holdLayers). */
  take(
    layers: readonly (LayerWish & { readonly listener: LayerListener })[],
    parents: readonly string[],
  ): readonly SharedLayer[]
}

export interface SharedLayersParts {
  readonly base: EngineBase
  readonly downloads: SharedDownloads
  readonly blobs: BlobKeeper
}

const MAX_JUDGED_BYTES = 256 * 2 ** 20

interface Job {
  readonly layer: LayerWish
  readonly below: Job | undefined
  /** All that it stands on, lowest first. */
  readonly lower: readonly (string | Promise<StagedLayer>)[]
  readonly listeners: Set<LayerListener>
  readonly abort: AbortController
  readonly downloaded: PromiseWithResolvers<void>
  /** It has a thread. */
  readonly started: PromiseWithResolvers<void>
  readonly staged: PromiseWithResolvers<StagedLayer>
  /** Never rejects; undefined until it is begun. */
  run: Promise<void> | undefined
  result: StagedLayer | undefined
  /** Of its folder, which may be moved into the store meanwhile. */
  fd: number | undefined
  users: number
}

/**
 * A layer that cannot be unpacked: bytes that were changed on the way, which their digest tells, or an image that is
 * wrong in itself. Nothing of either is kept. Larger ones are not fetched to their end for this.
 */
async function causeOf(
  { blobs }: SharedLayersParts,
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

/** The folder and a descriptor of it, which leads to the files also when others have moved the folder. */
async function unpack({ base }: SharedLayersParts, job: Job, download: SharedDownload): Promise<StagedLayer> {
  const { layer, listeners, lower, abort, started } = job
  let taken = 0
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of download.bytes()) {
      taken += chunk.length
      for (const listener of listeners) listener.unpacking(taken)
      yield chunk
    }
  }
  const tar = Readable.from(counted(), { objectMode: false })
  const staged = await stageLayer(base, tar, { lower, signal: abort.signal, onStart: () => started.resolve() })
  try {
    await download.finished
    if (staged.diffId !== layer.diffId)
      throw manifestError(`layer ${layer.shortId} unpacks to ${staged.diffId}, its configuration says ${layer.diffId}`)
    job.fd = base.host.at.openRoot(join(staged.folder, 'diff'))
  } catch (error) {
    await discardLayer(base, staged)
    throw error
  }
  const { mediaType, digest, size } = layer.blob
  return { ...staged, blob: { mediaType, digest, size }, path: `/proc/self/fd/${job.fd}` }
}

function createJob(layer: LayerWish, below: Job | undefined, parents: readonly string[]): Job {
  const job: Job = {
    layer,
    below,
    lower: below === undefined ? parents : [...below.lower, below.staged.promise],
    listeners: new Set(),
    abort: new AbortController(),
    downloaded: Promise.withResolvers(),
    started: Promise.withResolvers(),
    staged: Promise.withResolvers(),
    run: undefined,
    result: undefined,
    fd: undefined,
    users: 0,
  }
  // whoever waits hears of them
  for (const { promise } of [job.started, job.staged]) promise.catch(() => {})
  if (below !== undefined) below.users += 1
  return job
}

export function createSharedLayers(parts: SharedLayersParts): SharedLayers {
  const { base, downloads } = parts
  const all = new Map<string, Job>()
  const keyOf = ({ chainId, blob }: LayerWish): string => `${chainId} ${blob.digest}`

  function forget(job: Job): void {
    if (all.get(keyOf(job.layer)) === job) all.delete(keyOf(job.layer))
  }

  async function run(job: Job, sources: BlobSources): Promise<void> {
    const { layer, listeners, downloaded, started, staged } = job
    const download = downloads.start(sources, layer.blob, (bytes) => {
      for (const listener of listeners) listener.downloading(bytes)
    })
    download.finished
      .then(
        () => {
          for (const listener of listeners) listener.downloaded()
        },
        () => {}, // whoever unpacks it hears of it
      )
      .finally(downloaded.resolve)
    try {
      await job.below?.started.promise // threads are given from the lowest layer up
      job.result = await unpack(parts, job, download)
      staged.resolve(job.result)
    } catch (error) {
      forget(job)
      const cause = await causeOf(parts, layer, download, error)
      started.reject(cause)
      staged.reject(cause)
    } finally {
      await download.release()
    }
  }

  async function release(job: Job): Promise<void> {
    job.users -= 1
    if (job.users > 0) return
    forget(job)
    job.abort.abort()
    await job.run
    const canceled = new CanceledError('the pull was canceled')
    job.started.reject(canceled)
    job.staged.reject(canceled)
    job.downloaded.resolve()
    if (job.fd !== undefined) base.host.at.close(job.fd)
    if (job.result !== undefined) await discardLayer(base, job.result) // it is elsewhere when it went into the store
    if (job.below !== undefined) await release(job.below)
  }

  /** Undefined as well for one that waits to be begun by somebody else, on layers that he takes from another place. */
  function findJob(layer: LayerWish, below: Job | undefined): Job | undefined {
    const job = all.get(keyOf(layer))
    if (job === undefined) return undefined
    const isBegun = job.run !== undefined || job.below?.run !== undefined
    return isBegun || job.below === below ? job : undefined
  }

  return {
    take(layers, parents) {
      let below: Job | undefined
      return layers.map(({ listener, ...layer }): SharedLayer => {
        const job = findJob(layer, below) ?? createJob(layer, below, parents)
        all.set(keyOf(layer), job)
        job.users += 1
        job.listeners.add(listener)
        below = job
        return {
          begin(sources) {
            job.run ??= run(job, sources)
            return job.downloaded.promise
          },
          staged: job.staged.promise,
          release() {
            job.listeners.delete(listener)
            return release(job)
          },
        }
      })
    },
  }
}
