/** `events`: what the engine tells of a project's containers, as values. Source: docker compose events. */
import type { EventMessage } from '../api/types/index.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { LABEL, projectFilter } from './labels.ts'
import { toMoment } from './moment.ts'
import { observeContainers } from './observe.ts'
import { checkServices } from './select.ts'
import { present } from './translate/present.ts'

export interface EventsOptions {
  readonly services: readonly string[]
  /** RFC 3339, unix seconds, or a duration back from now. */
  readonly since?: string
  readonly until?: string
}

export interface ContainerEvent {
  readonly timeMs: number
  readonly service: string
  readonly containerId: string
  /** "start", "die", "exec_create: ls" */
  readonly action: string
  /** Sorted by name; without the labels by which projects are found. */
  readonly attributes: Readonly<Record<string, string>>
}

/** Until `until`, or until the context's signal fires. One-offs are left out. Throws NotFoundError NO_SUCH_SERVICE. */
export async function* events(
  context: ProjectContext,
  target: ProjectTarget,
  { services, since, until }: EventsOptions,
): AsyncGenerator<ContainerEvent, void> {
  if (services.length > 0) checkServices(target, await observeContainers(context.client, target.name), services)
  const stream = context.client.events({
    filters: { type: ['container'], ...projectFilter(target.name) },
    abort: context.signal,
    ...present<{ since?: string; until?: string }>({
      since: since === undefined ? undefined : toMoment(context, '--since', since),
      until: until === undefined ? undefined : toMoment(context, '--until', until),
    }),
  })
  for await (const message of stream) {
    const { Attributes } = message.Actor
    const service = Attributes[LABEL.service] ?? ''
    if (Attributes[LABEL.oneOff] === 'True' || (services.length > 0 && !services.includes(service))) continue
    yield toEvent(message, service)
  }
}

function toEvent({ Action, Actor, time, timeNano }: EventMessage, service: string): ContainerEvent {
  const attributes = Object.entries(Actor.Attributes)
    .filter(([name]) => !name.startsWith('com.docker.compose.'))
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
  return {
    timeMs: timeNano > 0 ? timeNano / 1e6 : time * 1000,
    service,
    containerId: Actor.ID,
    action: Action,
    attributes: Object.fromEntries(attributes),
  }
}
