/**
 * The script of an unpacking thread: takes one task after the other from the engine (unpack-pool.ts), and the bytes of a
 * layer in messages; what is to be hashed it reads itself. An entry that needs the layers below stops the whole thread until they are there: they were begun
 * before this one, so they do not wait for it.
 */
import type { MessagePort } from 'node:worker_threads'
import { sha256, toDigest } from './chain.ts'
import { repackedDigest } from './repack.ts'
import { SIGNALS, toWire, type DigestTask, type Digested, type FromThread, type ToThread } from './unpack-messages.ts'
import { unpackLayer } from './unpack.ts'
import { CanceledError } from '../../errors.ts'
import { createAt } from '../../host/at.ts'
import { createFiles } from '../../host/files.ts'
import { loadLibc } from '../../host/libc.ts'
import { parentThread, takeMessage } from '../../host/threads.ts'

type Begin = ToThread & { readonly kind: 'begin' }
type Digest = ToThread & { readonly kind: 'digest' }

const READ_BYTES = 2 ** 20

/** The bytes of the task under way, as they arrive. */
interface Incoming {
  readonly id: number
  push(bytes: Buffer): void
  end(error?: Error): void
}

const host = { at: createAt(loadLibc()), files: createFiles() }
const engine = parentThread<ToThread, FromThread>()
let incoming: Incoming | undefined

function openIncoming(id: number, onTaken: (bytes: number) => void): Incoming & { chunks(): AsyncGenerator<Buffer> } {
  const waiting: Buffer[] = []
  let over: { readonly error?: Error | undefined } | undefined
  let wake = (): void => {}
  return {
    id,
    push(bytes) {
      waiting.push(bytes)
      wake()
    },
    end(error) {
      over ??= { error }
      wake()
    },
    async *chunks() {
      for (;;) {
        if (over?.error !== undefined) throw over.error
        const next = waiting.shift()
        if (next !== undefined) {
          onTaken(next.length)
          yield next
        } else if (over !== undefined) return
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}

const canceled = (): CanceledError => new CanceledError('unpacking was canceled')

/** Waits, and nothing else happens in this thread meanwhile. */
function waitForBelow(signals: Begin['signals'], port: MessagePort): readonly string[] {
  Atomics.wait(signals, SIGNALS.belowIsKnown, 0)
  if (Atomics.load(signals, SIGNALS.isCanceled) === 1) throw canceled()
  return takeMessage(port) as readonly string[]
}

async function run({ id, task, signals, below: port }: Begin): Promise<void> {
  let plainBytes = 0
  const own = openIncoming(id, (bytes) => engine.post({ kind: 'taken', id, bytes, plainBytes }))
  incoming = own
  let below: readonly string[] | undefined
  try {
    const unpacked = await unpackLayer(host, task, own.chunks(), {
      below: () => (below ??= waitForBelow(signals, port)),
      signal: {
        get aborted() {
          return Atomics.load(signals, SIGNALS.isCanceled) === 1
        },
      },
      onProgress: (bytes) => (plainBytes = bytes),
    })
    engine.post({ kind: 'done', id, unpacked })
  } catch (error) {
    engine.post({ kind: 'failed', id, error: toWire(error) })
  } finally {
    if (incoming === own) incoming = undefined
    port.close()
  }
}

function digestFile({ fd, sizeBytes }: DigestTask & { readonly kind: 'file' }, check: () => void): Digested {
  const hash = sha256()
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, sizeBytes))
  let done = 0
  // one that grows all the time would have no end
  while (done < sizeBytes) {
    check()
    const count = host.at.read(fd, buffer.subarray(0, Math.min(buffer.length, sizeBytes - done)))
    if (count === 0) break
    hash.update(buffer.subarray(0, count))
    done += count
  }
  return { digest: toDigest(hash), sizeBytes: done }
}

async function digest({ id, task, signals }: Digest): Promise<void> {
  const check = (): void => {
    if (Atomics.load(signals, SIGNALS.isCanceled) === 1) throw new CanceledError('hashing was canceled')
  }
  async function digestFolder({ path, newestMtimeNs }: DigestTask & { readonly kind: 'folder' }): Promise<Digested> {
    let sizeBytes = 0
    const diffId = await repackedDigest({ host }, path, newestMtimeNs, (count) => {
      check()
      sizeBytes += count
    })
    return { digest: diffId, sizeBytes }
  }
  try {
    const digested = task.kind === 'file' ? digestFile(task, check) : await digestFolder(task)
    engine.post({ kind: 'digested', id, digested })
  } catch (error) {
    engine.post({ kind: 'failed', id, error: toWire(error) })
  }
}

engine.onMessage((message) => {
  // what a task that has failed did not take, and its cancellation
  const isStale = message.kind !== 'begin' && message.kind !== 'digest' && incoming?.id !== message.id
  if (isStale) return
  switch (message.kind) {
    // their failures are their answers
    case 'begin':
      void run(message)
      break
    case 'digest':
      void digest(message)
      break
    case 'chunk':
      incoming?.push(Buffer.from(message.bytes.buffer))
      break
    case 'end':
      incoming?.end()
      break
    case 'cancel':
      incoming?.end(canceled())
      break
    default:
      message satisfies never
  }
})
