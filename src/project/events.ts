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

/** Events from now on: what happens while the stream is being opened is not lost. */
export function createEventFeed(context: ProjectContext, projectName: string): EventFeed {
  const listeners = new Set<EventListener>()
  const abort = new AbortController()
  const since = (context.clock.nowMs() / 1000).toFixed(3)
  let state: 'idle' | 'live' | 'ended' = 'idle'

  async function pump(): Promise<void> {
    state = 'live'
    try {
      const stream = context.client.events({
        filters: { type: ['container'], label: [`${LABEL.project}=${projectName}`] },
        since,
        abort: abort.signal,
      })
      for await (const event of stream) for (const listener of listeners) listener(event)
    } catch {
      // listeners poll: that is what isLive is for
    } finally {
      state = 'ended'
    }
  }

  return {
    listen(listener) {
      listeners.add(listener)
      if (state === 'idle') void pump()
      return () => void listeners.delete(listener)
    },
    isLive: () => state === 'live',
    close: () => abort.abort(),
  }
}
