/** `logs`: the output of a project's containers as a stream of events; following, new replicas and restarts join in. */
import type { LogRequest } from '../api/client/client.ts'
import type { EventMessage } from '../api/types/index.ts'
import { createChannel, type Channel } from './channel.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { copyLog, createFollower } from './follow.ts'
import { LABEL } from './labels.ts'
import { toMoment } from './moment.ts'
import { shortName } from './names.ts'
import type { ObservedContainer } from './observe.ts'
import { selectContainers } from './select.ts'
import { createTimeOrder } from './time-order.ts'
import { present } from './translate/present.ts'

/** How long a project may stand still, all containers ended, before following ends. */
const RESTART_GRACE_MS = 1500
/** How long, following in order of time, a line may wait for older ones of other containers. */
const MERGE_GRACE_MS = 200

export interface LogSource {
  readonly service: string
  /** Container name without the project: "web-1". What the prefix is made of. */
  readonly shortName: string
  readonly containerName: string
  readonly containerId: string
  readonly number: number
}

export type LogEvent =
  /** `data` is whole lines, each ending in "\n" (only the last of a source may lack it): several per event. */
  | {
      readonly kind: 'output'
      readonly source: LogSource
      readonly stream: 'stdout' | 'stderr'
      readonly data: Buffer
    }
  /** A source joins: told before its first output, so that prefixes can be aligned. */
  | { readonly kind: 'joined'; readonly source: LogSource }
  | {
      readonly kind: 'exited'
      readonly source: LogSource
      readonly exitCode: number
      /** Its restart policy starts it again. */
      readonly restarting: boolean
    }

export interface LogsOptions {
  readonly services?: readonly string[]
  readonly follow?: boolean
  /** Lines per container, or "all". */
  readonly tail?: string
  /** RFC 3339, unix seconds, or a duration back from now ("10m"). */
  readonly since?: string
  readonly until?: string
  readonly timestamps?: boolean
  readonly index?: number
  /** In order of time; else as they come. */
  readonly merge?: boolean
}

/** Throws NotFoundError NO_SUCH_SERVICE. Ends when all logs have ended, or when context.signal fires (without error). */
export async function* logs(
  context: ProjectContext,
  target: ProjectTarget,
  options: LogsOptions,
): AsyncGenerator<LogEvent> {
  const { containers } = await selectContainers(context, target, options.services)
  const wanted = containers.filter(({ service, number }) => isWanted(target, options, { service, number }))
  const request = toLogRequest(context, options)
  yield* options.follow === true
    ? followAll(context, target, { options, request, containers: wanted })
    : readAll(context, target, { options, request, containers: wanted })
}

interface Output extends Channel<LogEvent> {
  done?(source: LogSource): void
}

function createOutput({ clock }: ProjectContext, { merge, timestamps }: LogsOptions, graceMs: number): Output {
  if (merge !== true) return createChannel<LogEvent>()
  return createTimeOrder({ nowMs: () => clock.nowMs(), graceMs, keepStamps: timestamps === true })
}

export function toLogSource(
  projectName: string,
  container: Pick<ObservedContainer, 'id' | 'name' | 'service' | 'number'>,
): LogSource {
  const { id, name, service, number } = container
  return { service, number, containerId: id, containerName: name, shortName: shortName(projectName, name) }
}

interface ReadInput {
  readonly options: LogsOptions
  readonly request: LogRequest
  readonly containers: readonly ObservedContainer[]
}

/** What is there now, of all containers side by side. */
async function* readAll(context: ProjectContext, { name }: ProjectTarget, input: ReadInput): AsyncGenerator<LogEvent> {
  const channel = createOutput(context, input.options, Number.POSITIVE_INFINITY)
  const abort = new AbortController()
  const signal = AbortSignal.any([context.signal, abort.signal])
  const sources = input.containers.map((container) => toLogSource(name, container))
  // known to a merge before the first of them has anything to say
  for (const source of sources) void channel.push({ kind: 'joined', source })
  const copies = sources.map(async (source) => {
    await copyLog(context, source, { request: input.request, signal, push: channel.push })
    channel.done?.(source)
  })
  void Promise.all(copies).then(
    () => channel.close(),
    (error: unknown) => channel.close(context.signal.aborted ? undefined : error),
  )
  try {
    yield* channel.values
  } finally {
    abort.abort()
  }
}

/** Ends when all containers have ended and none is about to start again. */
async function* followAll(
  context: ProjectContext,
  target: ProjectTarget,
  { options, request, containers }: ReadInput,
): AsyncGenerator<LogEvent> {
  const active = new Set<string>()
  const follower = createFollower(context, target.name, {
    request,
    output: createOutput(context, options, MERGE_GRACE_MS),
    adopt(event) {
      const source = adoptable(target, options, event)
      if (source !== undefined) active.add(source.containerId)
      return source
    },
    onExit({ source, restarting }) {
      if (!restarting) active.delete(source.containerId)
      if (active.size === 0) void endUnlessRestarted()
    },
    onRestart: ({ containerId }) => void active.add(containerId),
  })
  // a restart by hand is an exit first
  async function endUnlessRestarted(): Promise<void> {
    await context.clock.sleep(RESTART_GRACE_MS, context.signal).catch(() => {})
    if (active.size === 0) follower.end()
  }
  for (const container of containers) {
    active.add(container.id)
    follower.add(toLogSource(target.name, container))
  }
  const onAbort = (): void => follower.end()
  context.signal.addEventListener('abort', onAbort, { once: true })
  if (active.size === 0) follower.end()
  try {
    yield* follower.events
  } finally {
    context.signal.removeEventListener('abort', onAbort)
    follower.end()
  }
}

function adoptable(target: ProjectTarget, options: LogsOptions, event: EventMessage): LogSource | undefined {
  const { ID: id, Attributes: attributes } = event.Actor
  const service = attributes[LABEL.service]
  const number = Number(attributes[LABEL.containerNumber] ?? 0)
  if (service === undefined || attributes[LABEL.oneOff] === 'True') return undefined
  if ((options.services ?? []).length > 0 && options.services?.includes(service) !== true) return undefined
  if (!isWanted(target, options, { service, number })) return undefined
  return toLogSource(target.name, { id, name: attributes['name'] ?? id.slice(0, 12), service, number })
}

/** `attach: false` is followed only when named. */
function isWanted(
  { project }: ProjectTarget,
  { services = [], index }: LogsOptions,
  { service, number }: { readonly service: string; readonly number: number },
): boolean {
  if (index !== undefined && number !== index) return false
  return services.length > 0 || project?.services[service]?.attach !== false
}

function toLogRequest(context: ProjectContext, { tail, since, until, timestamps, merge }: LogsOptions): LogRequest {
  return present<LogRequest>({
    tail,
    timestamps: timestamps === true || merge === true ? true : undefined,
    since: since === undefined ? undefined : toMoment(context, '--since', since),
    until: until === undefined ? undefined : toMoment(context, '--until', until),
  })
}
