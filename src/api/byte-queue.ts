/**
 * Bytes between a socket, which pushes, and a reader, which pulls: an AsyncIterable with back-pressure and without the
 * weight of a Readable. One reader at a time.
 */

/** Unread bytes beyond which the source is told to stop. */
const HIGH_WATER_BYTES = 1024 * 1024

export interface ByteQueue extends AsyncIterable<Buffer> {
  push(data: Buffer): void
  end(): void
  /** The reader gets what came before, then the error. */
  fail(error: Error): void
}

export interface ByteQueueSource {
  /** Asked to stop (true) or go on (false). */
  onPressure(stop: boolean): void
  /** The reader left (break, return, throw) before the last byte had come. */
  onAbandon(): void
}

export function createByteQueue(source: ByteQueueSource): ByteQueue {
  let chunks: Buffer[] = []
  let size = 0
  let ended = false
  let stopped = false
  let failure: Error | undefined
  let wake: (() => void) | undefined

  function notify(): void {
    const waiting = wake
    wake = undefined
    waiting?.()
  }

  /** Everything that waits, in one go: the reader is woken once however many pieces came. */
  function takeAll(): Buffer[] {
    const taken = chunks
    chunks = []
    size = 0
    if (stopped) {
      stopped = false
      source.onPressure(false)
    }
    return taken
  }

  async function* read(): AsyncGenerator<Buffer, void> {
    let finished = false
    try {
      for (;;) {
        if (chunks.length > 0) yield* takeAll()
        else if (failure !== undefined) throw failure
        else if (ended) break
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
      finished = true
    } finally {
      // what has ended is no longer the source's to give up: its connection may carry the next call already
      if (!finished && ended && failure === undefined) takeAll()
      else if (!finished) source.onAbandon()
    }
  }

  return {
    push(data) {
      if (ended) return
      chunks.push(data)
      size += data.length
      if (size > HIGH_WATER_BYTES && !stopped) {
        stopped = true
        source.onPressure(true)
      }
      notify()
    },
    end() {
      ended = true
      notify()
    },
    fail(error) {
      if (ended) return
      ended = true
      failure = error
      notify()
    },
    [Symbol.asyncIterator]: read,
  }
}

/** All of it as one buffer. */
export async function collectBytes(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of source) chunks.push(chunk)
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}
