/** Resource: events, as lines of JSON for as long as the client listens. Source: Docker Engine API, SystemEvents. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiRequest, Answer } from './answer.ts'
import type { ApiContext } from './context.ts'
import type { Routes } from './router.ts'
import type { EventMessage } from '../types/index.ts'
import { checkFilterNames, hasLabel, parseTimeMs } from '../filters.ts'
import type { Filters } from '../../engine/services/index.ts'

/** Filters that name an actor of one type. */
const ACTOR_TYPES = ['container', 'image', 'network', 'volume', 'daemon'] as const
const KNOWN = [...ACTOR_TYPES, 'type', 'event', 'label', 'scope']

function isActor({ ID, Attributes }: EventMessage['Actor'], wanted: string): boolean {
  return ID === wanted || Attributes['name'] === wanted || (wanted.length >= 6 && ID.startsWith(wanted))
}

/** Values of one filter are alternatives, but all labels must be there; filters are joined by "and". */
export function eventMatches(event: EventMessage, filters: Filters): boolean {
  for (const [name, wanted] of Object.entries(filters)) {
    if (wanted.length === 0) continue
    const actorType = ACTOR_TYPES.find((type) => type === name)
    if (actorType !== undefined) {
      const own = event.Type === actorType && wanted.some((one) => isActor(event.Actor, one))
      // "image=x" finds the containers of x too
      const from = actorType === 'image' && event.from !== undefined && wanted.includes(event.from)
      if (!own && !from) return false
    } else if (name === 'type' && !wanted.includes(event.Type)) return false
    else if (name === 'scope' && !wanted.includes(event.scope)) return false
    // "health_status" finds "health_status: healthy"
    else if (name === 'event' && !wanted.some((one) => event.Action === one || event.Action.startsWith(`${one}:`)))
      return false
    else if (name === 'label' && !wanted.every((one) => hasLabel(event.Actor.Attributes, one))) return false
  }
  return true
}

function streamEvents({ engine }: ApiContext, request: ApiRequest): Answer {
  const { query, signal } = request
  const filters = query.filters()
  checkFilterNames(filters, KNOWN)
  const nowMs = engine.host.clock.nowMs()
  const since = query.text('since')
  const until = query.text('until')
  const sinceNano = since === undefined ? Number.POSITIVE_INFINITY : parseTimeMs(since, nowMs) * 1e6
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : parseTimeMs(until, nowMs)
  return {
    kind: 'stream',
    contentType: 'application/json',
    async write(sink) {
      const tell = (event: EventMessage): void => {
        if (event.time * 1000 <= untilMs && eventMatches(event, filters))
          sink.write(Buffer.from(`${JSON.stringify(event)}\n`))
      }
      const unsubscribe = engine.events.subscribe(tell)
      try {
        // nothing happens between the two: no event is missed or told twice
        for (const event of engine.events.recent()) if (event.timeNano >= sinceNano) tell(event)
        if (signal.aborted || untilMs <= nowMs) return
        // 2^31 ms is as far as a timer reaches; nobody waits 24 days for an end
        await delay(Math.min(untilMs - nowMs, 2 ** 31 - 1), undefined, { signal }).catch(() => {})
      } finally {
        unsubscribe()
      }
    },
  }
}

export function eventRoutes(context: ApiContext): Routes {
  return { 'GET /events': (request) => Promise.resolve().then(() => streamEvents(context, request)) }
}
