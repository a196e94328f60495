/**
 * One task of a thread, seen from the engine. A layer to unpack: its bytes go to the thread in copies, a bounded number at
 * a time, and the thread does the rest, so the main thread stays free for others. Something to hash: it reads by itself.
 * What a tar makes a thread die of, the engine survives.
 */
import type { Readable } from 'node:stream'
import { toStreamError } from './decompress.ts'
import { tarError } from './tar-entry.ts'
import { SIGNALS, fromWire, type DigestTask, type Digested, type FromThread, type ToThread } from './unpack-messages.ts'
import type { UnpackTask, Unpacked } from './unpack.ts'
import { CanceledError, errnoOf } from '../../errors.ts'
import type { Thread } from '../../host/threads.ts'

export interface UnpackOptions {
  /** Folders of the layers below, uppermost first, as soon as they are complete. Its failure is that of this layer. */
  readonly below: Promise<readonly string[]>
  readonly signal?: AbortSignal | undefined
  /** It has got a thread. */
  readonly onStart?: (() => void) | undefined
  /** Bytes of the plain tar so far. */
  readonly onProgress?: ((plainBytes: number) => void) | undefined
}

/** On their way to a thread. */
const MAX_UNTAKEN_BYTES = 2 ** 20
const CHUNK_BYTES = 256 * 1024

export interface Worker {
  readonly thread: Thread<ToThread>
  /** Of the task that it works on. */
  listener: ((message: FromThread) => void) | undefined
  onEnd: ((error: Error | undefined) => void) | undefined
}

export const canceled = (): CanceledError => new CanceledError('unpacking was canceled')

/** Sends all of `source`, never more than the thread has room for. `answered`: nobody listens any more. */
function createPump(thread: Thread<ToThread>, id: number, answered: () => boolean) {
  let untaken = 0
  let wake = (): void => {}
  const isFull = (): boolean => untaken >= MAX_UNTAKEN_BYTES && !answered()
  return {
    taken(bytes: number) {
      untaken -= bytes
      wake()
    },
    stop: () => wake(),
    async send(source: Readable): Promise<void> {
      for await (const chunk of source as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
          while (isFull()) await new Promise<void>((resolve) => (wake = resolve))
          if (answered()) return
          // a copy: the rest of the memory behind a chunk is others'
          const bytes = new Uint8Array(chunk.subarray(at, at + CHUNK_BYTES))
          untaken += bytes.length
          thread.post({ kind: 'chunk', id, bytes }, [bytes.buffer])
        }
      }
      if (!answered()) thread.post({ kind: 'end', id })
    },
  }
}

function toEndError(error: Error | undefined): Error {
  if (error === undefined) return new CanceledError('unpacking was canceled: the engine ends')
  return errnoOf(error) === 'ERR_WORKER_OUT_OF_MEMORY' ? tarError('unpacking it takes too much memory') : error
}

/** Settles when the thread has let go of the task, whatever happens. */
export async function runTask(
  worker: Worker,
  id: number,
  task: UnpackTask,
  source: Readable,
  { below, signal, onProgress }: UnpackOptions,
): Promise<Unpacked> {
  const { thread } = worker
  const signals = new Int32Array(new SharedArrayBuffer(8))
  const { port1, port2 } = new MessageChannel()
  const { promise, resolve, reject } = Promise.withResolvers<Unpacked>()
  let isAnswered = false
  /** Why it was canceled: says more than the thread can. */
  let reason: unknown

  function release(place: number): void {
    Atomics.store(signals, place, 1)
    Atomics.store(signals, SIGNALS.belowIsKnown, 1)
    Atomics.notify(signals, SIGNALS.belowIsKnown)
  }
  function cancel(why: unknown): void {
    if (isAnswered) return
    reason ??= why
    release(SIGNALS.isCanceled)
    thread.post({ kind: 'cancel', id })
  }
  const onAbort = (): void => cancel(canceled())
  const pump = createPump(thread, id, () => isAnswered)
  worker.listener = (message) => {
    if (message.kind === 'taken') {
      pump.taken(message.bytes)
      onProgress?.(message.plainBytes)
    } else if (message.kind === 'done') resolve(message.unpacked)
    else if (message.kind === 'failed') reject(fromWire(message.error))
  }
  worker.onEnd = (error) => reject(toEndError(error))
  signal?.addEventListener('abort', onAbort)
  thread.post({ kind: 'begin', id, task, signals, below: port2 }, [port2])
  below.then(
    (folders) => {
      port1.postMessage(folders)
      release(SIGNALS.belowIsKnown)
    },
    (error: unknown) => cancel(error),
  )
  pump.send(source).catch((error: unknown) => cancel(toStreamError(error)))
  if (signal?.aborted === true) onAbort()
  try {
    return await promise
  } catch (error) {
    throw reason ?? error
  } finally {
    isAnswered = true
    worker.listener = undefined
    worker.onEnd = undefined
    signal?.removeEventListener('abort', onAbort)
    pump.stop()
    port1.close()
  }
}

/** Settles when the thread has let go of what it reads. Throws CanceledError, KernelError. */
export async function runDigest(
  worker: Worker,
  id: number,
  task: DigestTask,
  signal: AbortSignal | undefined,
): Promise<Digested> {
  const signals = new Int32Array(new SharedArrayBuffer(8))
  const { promise, resolve, reject } = Promise.withResolvers<Digested>()
  const onAbort = (): void => void Atomics.store(signals, SIGNALS.isCanceled, 1)
  worker.listener = (message) => {
    if (message.kind === 'digested') resolve(message.digested)
    else if (message.kind === 'failed') reject(fromWire(message.error))
  }
  worker.onEnd = (error) => reject(toEndError(error))
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted === true) onAbort()
  worker.thread.post({ kind: 'digest', id, task, signals })
  try {
    return await promise
  } finally {
    worker.listener = undefined
    worker.onEnd = undefined
    signal?.removeEventListener('abort', onAbort)
  }
}
