/**
 * Downloads that several pulls share: one per digest at a time, whoever asks. Each download runs by itself, as fast as the
 * registry sends, into its file; whoever unpacks it follows behind, and no chunk is held in memory for a slow reader.
 * When the last one who asked has gone, it stops; what has come is kept for the next time.
 */
import { blobPath, download, partialPath } from './download.ts'
import type { Descriptor } from './manifest.ts'
import type { Transport } from './transport.ts'
import type { EngineBase } from '../context.ts'
import { errnoOf } from '../../errors.ts'
import type { FileHandle } from '../../host/host.ts'

type Base = Pick<EngineBase, 'config' | 'host'>

export interface SharedDownload {
  /** All bytes from the beginning, as they come. Ends with the error of the download. */
  bytes(): AsyncGenerator<Buffer>
  /** Complete, checked and on the disk. */
  readonly finished: Promise<void>
  /** Its bytes are of no use to anybody: what is left of a begun download goes with the last one who asked. */
  spoil(): void
  /** To be called once, also after an error. */
  release(): Promise<void>
}

/** Where a blob may come from: a mirror, say, and the registry itself. */
export interface BlobSources {
  readonly transport: Transport
  readonly fallbacks: readonly Transport[]
}

export interface SharedDownloads {
  start(sources: BlobSources, blob: Descriptor, onProgress: (bytes: number) => void): SharedDownload
}

const READ_BYTES = 256 * 1024

interface Running {
  readonly finished: Promise<void>
  readonly abort: AbortController
  readonly listeners: Set<(bytes: number) => void>
  written: number
  users: number
  isSpoilt: boolean
  isOver: boolean
}

async function openEither(base: Base, digest: string): Promise<FileHandle> {
  for (let attempt = 1; ; attempt += 1)
    for (const path of [partialPath(base, digest), blobPath(base, digest)])
      try {
        return await base.host.files.open(path, 'r')
      } catch (error) {
        // between the two looks it may have been renamed
        if (errnoOf(error) !== 'ENOENT' || attempt > 3) throw error
      }
}

/** Resolves when there is more than `position`, or the end. */
function moreThan(running: Running, position: number): Promise<void> {
  if (running.written > position || running.isOver) return Promise.resolve()
  return new Promise((resolve) => {
    const listener = (): void => {
      if (running.written <= position && !running.isOver) return
      running.listeners.delete(listener)
      resolve()
    }
    running.listeners.add(listener)
    running.finished.then(listener, listener)
  })
}

async function* follow(base: Base, running: Running, digest: string): AsyncGenerator<Buffer> {
  await moreThan(running, 0)
  if (running.isOver) await running.finished
  const file = await openEither(base, digest)
  try {
    for (let position = 0; ;) {
      await moreThan(running, position)
      const wanted = Math.min(READ_BYTES, running.written - position)
      if (wanted <= 0) break
      const buffer = Buffer.allocUnsafe(wanted)
      const { bytesRead } = await file.read(buffer, 0, wanted, position)
      if (bytesRead === 0) break
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
  await running.finished
}

export function createSharedDownloads(base: Base): SharedDownloads {
  const all = new Map<string, Running>()

  /** `before`: a download of the same blob that nobody wants any more and that is about to end. */
  function begin(sources: BlobSources, blob: Descriptor, before: Promise<void> | undefined): Running {
    const abort = new AbortController()
    const { promise: finished, resolve, reject } = Promise.withResolvers<undefined>()
    const running: Running = {
      finished,
      abort,
      listeners: new Set(),
      written: 0,
      users: 0,
      isSpoilt: false,
      isOver: false,
    }
    finished.catch(() => {}) // those who wait for it hear of it
    const onProgress = (bytes: number): void => {
      running.written = bytes
      for (const listener of running.listeners) listener(bytes)
    }
    const end = (settle: () => void): void => {
      running.isOver = true
      if (all.get(blob.digest) === running) all.delete(blob.digest)
      settle()
    }
    const drain = async (): Promise<void> => {
      await before?.catch(() => {}) // its own askers heard of it
      for await (const _ of download(base, { ...sources, blob, signal: abort.signal, onProgress }));
    }
    drain().then(
      () => end(() => resolve(undefined)),
      (error: unknown) => end(() => reject(error)),
    )
    all.set(blob.digest, running)
    return running
  }

  async function release(running: Running, digest: string): Promise<void> {
    running.users -= 1
    if (running.users > 0) return
    running.abort.abort()
    if (!running.isSpoilt) return
    await running.finished.catch(() => {})
    if (!all.has(digest)) await base.host.files.rm(partialPath(base, digest), { force: true })
  }

  return {
    start(sources, blob, onProgress) {
      const known = all.get(blob.digest)
      const isUsable = known !== undefined && !known.abort.signal.aborted
      const running = isUsable ? known : begin(sources, blob, known?.finished)
      running.users += 1
      running.listeners.add(onProgress)
      return {
        finished: running.finished,
        bytes: () => follow(base, running, blob.digest),
        spoil() {
          running.isSpoilt = true
        },
        release() {
          running.listeners.delete(onProgress)
          return release(running, blob.digest)
        },
      }
    },
  }
}
