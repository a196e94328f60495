/**
 * Frees blobs that no image and no layer speaks of. Whoever brings blobs (pull, load, commit) writes the files before the
 * rows, so nothing is freed while such work is under way; what was asked for meanwhile is freed at its end.
 */
import { join } from 'node:path'
import type { EngineBase } from '../context.ts'
import { errnoOf } from '../../errors.ts'
import { listImages, type ImageRecord } from '../../state/images.ts'
import { listLayers } from '../../state/layers.ts'
import { listTags } from '../../state/tags.ts'

export type BlobWish =
  /** What became of these digests does not matter to their last user any more. */
  | { readonly kind: 'these'; readonly digests: readonly string[] }
  /** All, begun downloads too. */
  | { readonly kind: 'all' }
  /** After a crash: what a pull had brought is there for the next one, for a time. */
  | { readonly kind: 'old' }

export interface BlobUsage {
  readonly count: number
  readonly sizeBytes: number
  /** Of blobs that nothing speaks of, and of begun downloads. */
  readonly reclaimableBytes: number
}

export interface BlobKeeper {
  /** Runs work that brings blobs. */
  using<T>(work: () => Promise<T>): Promise<T>
  /** Bytes freed: 0 when it was put off. */
  free(wish: BlobWish): Promise<number>
  usage(): Promise<BlobUsage>
}

const OLD_BLOB_MS = 24 * 3_600_000
const OLD_PARTIAL_MS = 7 * OLD_BLOB_MS

/** All that an image's row names. */
export function blobsOf({ id, distribution }: ImageRecord): string[] {
  if (distribution === undefined) return [id]
  return [id, ...[distribution.manifest, ...distribution.indexes, ...distribution.layers].map(({ digest }) => digest)]
}

interface BlobFile {
  readonly path: string
  readonly name: string
  readonly sizeBytes: number
  readonly mtimeMs: number
  readonly isPartial: boolean
}

/** Hex digits of every blob that is spoken of. */
function neededBlobs({ state }: EngineBase): Set<string> {
  const digests = [
    ...listImages(state).flatMap((image) => blobsOf(image)),
    ...listTags(state).flatMap(({ index }) => index ?? []),
    ...listLayers(state).flatMap(({ blob }) => (blob === undefined ? [] : [blob.digest])),
  ]
  return new Set(digests.map((digest) => digest.slice('sha256:'.length)))
}

async function listFolder({ host, config }: EngineBase, kind: 'partial' | 'sha256'): Promise<BlobFile[]> {
  const folder = join(config.paths.blobs, kind)
  const found: BlobFile[] = []
  const names = await host.files.readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  })
  for (const name of names) {
    const path = join(folder, name)
    const stat = await host.files.stat(path).catch(() => undefined) // gone since it was listed
    if (stat === undefined) continue
    found.push({ path, name, sizeBytes: stat.size, mtimeMs: stat.mtimeMs, isPartial: kind === 'partial' })
  }
  return found
}

async function strayFiles(base: EngineBase): Promise<BlobFile[]> {
  const needed = neededBlobs(base)
  const complete = (await listFolder(base, 'sha256')).filter(({ name }) => !needed.has(name))
  return [...complete, ...(await listFolder(base, 'partial'))]
}

function isWanted({ name, mtimeMs, isPartial }: BlobFile, wish: BlobWish, nowMs: number): boolean {
  switch (wish.kind) {
    case 'these':
      return !isPartial && wish.digests.includes(`sha256:${name}`)
    case 'all':
      return true
    case 'old':
      return nowMs - mtimeMs > (isPartial ? OLD_PARTIAL_MS : OLD_BLOB_MS)
    default:
      return wish satisfies never
  }
}

export function createBlobKeeper(base: EngineBase): BlobKeeper {
  let users = 0
  let freeing: Promise<unknown> = Promise.resolve()
  const waiting: BlobWish[] = []

  async function freeNow(wishes: readonly BlobWish[]): Promise<number> {
    const nowMs = base.host.clock.nowMs()
    let freed = 0
    for (const file of await strayFiles(base)) {
      if (!wishes.some((wish) => isWanted(file, wish, nowMs))) continue
      await base.host.files.rm(file.path, { force: true })
      freed += file.sizeBytes
    }
    return freed
  }

  /** One at a time; new work waits for it. */
  function start(wishes: readonly BlobWish[]): Promise<number> {
    const run = freeing.then(() => freeNow(wishes))
    freeing = run.catch((error: unknown) => base.log('error', 'cannot free blobs', { error: String(error) }))
    return run
  }

  return {
    async using(work) {
      users += 1
      try {
        await freeing
        return await work()
      } finally {
        users -= 1
        if (users === 0 && waiting.length > 0) start(waiting.splice(0)).catch(() => {}) // it is in the log
      }
    },
    async free(wish) {
      if (users === 0) return await start([wish])
      waiting.push(wish)
      return 0
    },
    async usage() {
      const [complete, partial] = [await listFolder(base, 'sha256'), await listFolder(base, 'partial')]
      const needed = neededBlobs(base)
      const all = [...complete, ...partial]
      const stray = all.filter(({ name, isPartial }) => isPartial || !needed.has(name))
      const sum = (files: readonly BlobFile[]): number => files.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
      return { count: all.length, sizeBytes: sum(all), reclaimableBytes: sum(stray) }
    },
  }
}
