/**
 * The engine's container events of one project, given to whoever listens. One stream for any number of listeners;
 * `isLive` tells whether it still runs, so that listeners can fall back to polling.
 */
import type { EventMessage } from '../api/types/index.ts'
import type { ProjectContext } from './context.ts'
import { LABEL } from './labels.ts'

export type EventListener = (event: EventMessage) => void

export interface EventFeed {
  /** Opens the stream with the first listener. Returns how to stop listening. */
  listen(listener: EventListener): () => void
  isLive(): boolean
  close(): void
}

const RETRY_MS = 500

/** Events from now on: what happens while the stream is being opened, or between two streams, is not lost. */
export function createEventFeed(context: ProjectContext, projectName: string): EventFeed {
  const listeners = new Set<EventListener>()
  const closed = new AbortController()
  const signal = AbortSignal.any([closed.signal, context.signal])
  let since = (context.clock.nowMs() / 1000).toFixed(3)
  let isStarted = false
  let isLive = false

  async function readStream(): Promise<void> {
    const stream = context.client.events({
      filters: { type: ['container'], label: [`${LABEL.project}=${projectName}`] },
      since,
      abort: signal,
    })
    for await (const event of stream) {
      // the next stream begins behind this event
      since = nextNano(event.timeNano)
      for (const listener of listeners) listener(event)
    }
  }

  async function pump(): Promise<void> {
    while (!signal.aborted) {
      isLive = true
      await readStream().catch(() => {}) // listeners poll meanwhile: that is what isLive is for
      isLive = false
      await context.clock.sleep(RETRY_MS, signal).catch(() => {})
    }
  }

  return {
    listen(listener) {
      listeners.add(listener)
      if (!isStarted) void pump()
      isStarted = true
      return () => void listeners.delete(listener)
    },
    isLive: () => isLive,
    close: () => closed.abort(),
  }
}

/** Unix seconds with nine digits, one nanosecond on; numbers above 2^53 have lost digits, which repeats an event at worst. */
function nextNano(timeNano: number): string {
  const nano = BigInt(Math.trunc(timeNano)) + 1n
  return `${nano / 1_000_000_000n}.${String(nano % 1_000_000_000n).padStart(9, '0')}`
}
