/** The engine's event bus: listeners of GET /events and of the engine's own parts, and the last ones for `since`. */
import type { EngineEvents } from './context.ts'
import type { EventMessage } from '../api/types/index.ts'
import type { Clock } from '../host/host.ts'

/** As many as dockerd keeps. */
const KEPT = 256

/** Fields of API versions below 1.52, which clients still read: status, id, from. */
function legacyFields({ Type, Action, Actor }: Pick<EventMessage, 'Type' | 'Action' | 'Actor'>): Partial<EventMessage> {
  if (Type === 'container') {
    const from = Actor.Attributes['image']
    return { status: Action, id: Actor.ID, ...(from === undefined ? {} : { from }) }
  }
  return Type === 'image' ? { status: Action, id: Actor.ID } : {}
}

/** `onError`: a listener threw; the others still hear the event. */
export function createEvents(clock: Clock, onError: (error: unknown) => void): EngineEvents {
  const listeners = new Set<(event: EventMessage) => void>()
  const kept: EventMessage[] = []
  return {
    publish(event) {
      const now = clock.nowRfc3339()
      const time = Date.parse(`${now.slice(0, 19)}Z`) / 1000
      // beyond 2^53: the last digits are lost in JSON numbers, as in every client written in JavaScript
      const timeNano = time * 1e9 + Number(now.slice(20, 29))
      const message: EventMessage = { ...legacyFields(event), ...event, scope: 'local', time, timeNano }
      kept.push(message)
      if (kept.length > KEPT) kept.shift()
      for (const listener of listeners) {
        try {
          listener(message)
        } catch (error) {
          onError(error)
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    recent: () => [...kept],
  }
}
