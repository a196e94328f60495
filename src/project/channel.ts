/** Many producers, one consumer, bounded: a slow terminal must slow the streams down, not fill the memory. */

export interface Channel<T> {
  /** Resolves when there is room for more. What comes after `close` is dropped. */
  readonly push: (value: T) => Promise<void>
  /** The consumer gets what is there, then the end. Idempotent. */
  close(error?: unknown): void
  readonly values: AsyncIterable<T>
}

const CAPACITY = 64

export function createChannel<T>(): Channel<T> {
  const queue: T[] = []
  let waitingProducers: (() => void)[] = []
  let wakeConsumer = (): void => {}
  let closed = false
  let failure: unknown

  function releaseProducers(): void {
    const released = waitingProducers
    waitingProducers = []
    for (const release of released) release()
  }

  async function* consume(): AsyncGenerator<T> {
    try {
      for (;;) {
        const value = queue.shift()
        if (value !== undefined) {
          if (queue.length < CAPACITY) releaseProducers()
          yield value
        } else if (closed) {
          if (failure !== undefined) throw failure
          return
        } else {
          await new Promise<void>((resolve) => {
            wakeConsumer = resolve
          })
        }
      }
    } finally {
      // a consumer that leaves early must not leave producers hanging
      closed = true
      queue.length = 0
      releaseProducers()
    }
  }

  return {
    async push(value) {
      if (closed) return
      queue.push(value)
      wakeConsumer()
      if (queue.length < CAPACITY) return
      await new Promise<void>((resolve) => waitingProducers.push(resolve))
    },
    close(error) {
      if (closed) return
      closed = true
      failure = error
      wakeConsumer()
      releaseProducers()
    },
    values: consume(),
  }
}
