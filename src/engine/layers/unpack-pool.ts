/**
 * The engine's unpacking threads: a few, started when there is something to unpack or to hash and ended when there has been
 * nothing for a while. First come, first served, so that no layer has a thread while one below it waits for one.
 */
import { extname, join } from 'node:path'
import type { Readable } from 'node:stream'
import type { DigestTask, Digested, FromThread, ToThread } from './unpack-messages.ts'
import { canceled, runDigest, runTask, type UnpackOptions, type Worker } from './unpack-task.ts'
import type { UnpackTask, Unpacked } from './unpack.ts'
import type { Thread, Threads } from '../../host/threads.ts'

export interface Unpacker {
  /**
   * Unpacks `source` into the task's folder, which is the caller's to remove when this throws; `source` has ended or is
   * destroyed afterwards. Tasks get threads in the order of the calls: a layer is to be given after those below it.
   * Throws TAR_INVALID, DISK_FULL, CanceledError, system errors (ENOSPC), what `source` and `below` throw.
   */
  unpack(task: UnpackTask, source: Readable, options: UnpackOptions): Promise<Unpacked>
  /** What it reads stays the caller's, and is let go of when this settles. Throws CanceledError, KernelError. */
  digest(task: DigestTask, signal?: AbortSignal): Promise<Digested>
  /** Ends the threads. */
  close(): Promise<void>
}

/** Beside this file: in a checkout the source, in a bundle a bundle of its own. */
const SCRIPT = join(import.meta.dirname, `unpack-worker${extname(import.meta.filename)}`)
/** One more than a machine of two has, as a thread may wait for its bytes or for the layers below. */
const [MIN_THREADS, MAX_THREADS] = [3, 6] as const
const IDLE_MS = 3_000

/** A worker that is there for whoever asked first. */
interface Waiting {
  readonly resolve: (worker: Worker) => void
  readonly reject: (error: Error) => void
}

/** Resolves when there is something to take, or the end: who sends nothing needs no thread. */
function hasBytes(source: Readable): Promise<void> {
  const events = ['readable', 'end', 'error', 'close'] as const
  if (source.readableLength > 0 || source.readableEnded || source.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of events) source.off(event, settle)
      resolve()
    }
    for (const event of events) source.on(event, settle)
  })
}

/** Rejects when the signal fires; `work` goes on unheard. */
async function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return await work
  if (signal.aborted) throw canceled()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(canceled())
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Starts nothing yet. */
export function createUnpacker(threads: Threads): Unpacker {
  const limit = Math.min(Math.max(threads.parallelism, MIN_THREADS), MAX_THREADS)
  const workers = new Set<Worker>()
  /** With what will end them. */
  const idle = new Map<Worker, NodeJS.Timeout>()
  const queue: Waiting[] = []
  let nextId = 1

  function forget(worker: Worker): void {
    workers.delete(worker)
    idle.delete(worker)
  }

  function startWorker(): Worker {
    const thread: Thread<ToThread> = threads.start<FromThread, ToThread>(SCRIPT, {
      message: (message) => worker.listener?.(message),
      end(error) {
        forget(worker)
        worker.onEnd?.(error)
      },
    })
    const worker: Worker = { thread, listener: undefined, onEnd: undefined }
    workers.add(worker)
    return worker
  }

  /** Undefined when all are busy. */
  function takeNow(): Worker | undefined {
    const worker = idle.keys().next().value ?? (workers.size < limit ? startWorker() : undefined)
    if (worker === undefined) return undefined
    clearTimeout(idle.get(worker))
    idle.delete(worker)
    worker.thread.keepsAlive(true)
    return worker
  }

  async function take(signal: AbortSignal | undefined): Promise<Worker> {
    const worker = takeNow()
    if (worker !== undefined) return worker
    const { promise, resolve, reject } = Promise.withResolvers<Worker>()
    const waiting = { resolve, reject }
    const onAbort = (): void => reject(canceled())
    queue.push(waiting)
    signal?.addEventListener('abort', onAbort)
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (queue.includes(waiting)) queue.splice(queue.indexOf(waiting), 1)
    }
  }

  function giveBack(worker: Worker): void {
    if (workers.has(worker)) {
      worker.thread.keepsAlive(false)
      const endIt = setTimeout(() => {
        forget(worker)
        void worker.thread.end()
      }, IDLE_MS)
      idle.set(worker, endIt.unref())
    }
    if (queue.length === 0) return
    const next = takeNow() // another one when that one died
    if (next !== undefined) queue.shift()?.resolve(next)
  }

  return {
    async unpack(task, source, options) {
      options.below.catch(() => {}) // it is heard of below, if it comes to that
      const { signal, onStart } = options
      try {
        await untilAborted(hasBytes(source), signal)
        const worker = await take(signal)
        try {
          onStart?.()
          return await runTask(worker, nextId++, task, source, options)
        } finally {
          giveBack(worker)
        }
      } finally {
        source.destroy()
      }
    },
    async digest(task, signal) {
      const worker = await take(signal)
      try {
        return await runDigest(worker, nextId++, task, signal)
      } finally {
        giveBack(worker)
      }
    },
    async close() {
      await Promise.all([...workers].map(({ thread }) => thread.end()))
    },
  }
}
