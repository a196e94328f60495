/**
 * Follows the logs of several containers as one stream of events. The engine ends the log of a container once all that
 * it has written before its exit is told: only then the exit is told, however slowly the output is read. A restart (by
 * its policy or by a user) is told by an engine event, and its log is taken up again where it ended.
 */
import type { LogRequest } from '../api/client/client.ts'
import type { EventMessage } from '../api/types/index.ts'
import { MycomposeError, NotFoundError } from '../errors.ts'
import { createChannel, type Channel } from './channel.ts'
import type { ProjectContext } from './context.ts'
import { createEventFeed } from './events.ts'
import { createLineCutter } from './lines.ts'
import type { LogEvent, LogSource } from './logs.ts'

export interface Exit {
  readonly source: LogSource
  readonly exitCode: number
  readonly restarting: boolean
}

export interface FollowOptions {
  readonly request: LogRequest
  /** In which order events come out; absent: as they come in. */
  readonly output?: Channel<LogEvent>
  /** A container that is not followed yet has started: follow it (the source), or not (undefined). */
  readonly adopt?: (event: EventMessage) => LogSource | undefined
  /** Told after the last output before the exit. */
  readonly onExit?: (exit: Exit) => void
  /** A known container runs again. */
  readonly onRestart?: (source: LogSource) => void
}

export interface Follower {
  readonly events: AsyncIterable<LogEvent>
  /** Begins with output since `since` (unix seconds), or what the request says. Twice is once. */
  add(source: LogSource, since?: string): void
  /** Watches for the exit only. */
  watch(source: LogSource): void
  /** How many events the reader has made room for: it grows while a slow one still reads. */
  eventCount(): number
  /** Closes the streams, then the events. */
  end(error?: unknown): void
}

interface Followed {
  readonly source: LogSource
  readonly isSilent: boolean
  /** The log is being read. */
  isOpen: boolean
  /** Where its log goes on after the last start event that came. */
  startedAt: string | undefined
  /** Of the last die event: what a restarted container says first may be older than its start event. */
  diedAt: string | undefined
  /** Of the last die event: one that is removed at once can no longer be asked. */
  diedWith: number
}

export function createFollower(context: ProjectContext, projectName: string, options: FollowOptions): Follower {
  const channel = options.output ?? createChannel<LogEvent>()
  const followed = new Map<string, Followed>()
  let eventCount = 0
  const feed = createEventFeed(context, projectName)
  const ended = new AbortController()
  const stopListening = feed.listen(onEvent)

  async function push(event: LogEvent): Promise<void> {
    await channel.push(event)
    eventCount += 1
  }

  function onEvent(event: EventMessage): void {
    const known = followed.get(event.Actor.ID)
    if (event.Action === 'start') {
      if (known === undefined) {
        const source = options.adopt?.(event)
        if (source !== undefined) add(source)
      } else {
        options.onRestart?.(known.source)
        known.startedAt = known.diedAt ?? sinceOf(event)
        if (!known.isOpen && !known.isSilent) open(known, known.startedAt)
      }
    } else if (event.Action === 'die' && known !== undefined) {
      known.diedAt = sinceOf(event)
      known.diedWith = Number(event.Actor.Attributes['exitCode'] ?? 0)
      if (known.isSilent) void reportExit(known)
    }
  }

  function add(source: LogSource, since?: string): void {
    if (followed.has(source.containerId) || ended.signal.aborted) return
    const entry: Followed = {
      source,
      isSilent: false,
      isOpen: false,
      startedAt: undefined,
      diedAt: undefined,
      diedWith: 0,
    }
    followed.set(source.containerId, entry)
    void push({ kind: 'joined', source })
    open(entry, since)
  }

  function open(entry: Followed, since: string | undefined): void {
    entry.isOpen = true
    entry.startedAt = undefined
    void pump(entry, since === undefined ? options.request : { ...options.request, since, tail: 'all' })
  }

  async function pump(entry: Followed, request: LogRequest): Promise<void> {
    const signal = AbortSignal.any([ended.signal, context.signal])
    try {
      await copyLog(context, entry.source, { request: { ...request, follow: true }, signal, push })
    } catch (error) {
      if (!signal.aborted && !(error instanceof NotFoundError)) {
        const text = error instanceof Error ? error.message : String(error)
        context.sink.notice({ level: 'warning', text: `log of ${entry.source.containerName} broke off: ${text}` })
      }
    }
    entry.isOpen = false
    if (!ended.signal.aborted) await reportExit(entry)
  }

  async function reportExit(entry: Followed): Promise<void> {
    const { source } = entry
    const state = await inspectState(context, entry)
    if (ended.signal.aborted) return
    // started again before we looked: the start event opens its log, unless it came while the log was still open
    if (state.kind === 'running') {
      if (!entry.isOpen && !entry.isSilent && entry.startedAt !== undefined) open(entry, entry.startedAt)
      return
    }
    const exit = { source, exitCode: state.exitCode, restarting: state.kind === 'restarting' }
    if (!entry.isSilent) await push({ kind: 'exited', ...exit })
    options.onExit?.(exit)
  }

  return {
    events: channel.values,
    add,
    watch(source) {
      if (followed.has(source.containerId)) return
      const entry = {
        source,
        isSilent: true,
        isOpen: false,
        startedAt: undefined,
        diedAt: undefined,
        diedWith: 0,
      }
      followed.set(source.containerId, entry)
      // it may have ended before we knew it
      void reportExit(entry)
    },
    eventCount: () => eventCount,
    end(error) {
      stopListening()
      feed.close()
      ended.abort()
      channel.close(error)
    },
  }
}

interface CopyOptions {
  readonly request: LogRequest
  readonly signal: AbortSignal
  readonly push: (event: LogEvent) => Promise<void>
}

/** Whole lines of both streams until the log ends. */
export async function copyLog(context: ProjectContext, source: LogSource, options: CopyOptions): Promise<void> {
  const { request, signal, push } = options
  const cutters = { stdout: createLineCutter(), stderr: createLineCutter() }
  const log = context.client.containers.logs(source.containerId, { stdout: true, stderr: true, ...request }, signal)
  try {
    for await (const { stream, data } of log) {
      const lines = cutters[stream].cut(data)
      if (lines !== undefined) await push({ kind: 'output', source, stream, data: lines })
    }
  } finally {
    for (const stream of ['stdout', 'stderr'] as const) {
      const data = cutters[stream].rest()
      if (data !== undefined) await push({ kind: 'output', source, stream, data })
    }
  }
}

type State = { readonly kind: 'running' } | { readonly kind: 'restarting' | 'ended'; readonly exitCode: number }

async function inspectState(context: ProjectContext, { source, diedWith }: Followed): Promise<State> {
  try {
    const { State: state } = await context.client.containers.inspect(source.containerId)
    if (state.Restarting) return { kind: 'restarting', exitCode: state.ExitCode }
    return state.Running ? { kind: 'running' } : { kind: 'ended', exitCode: state.ExitCode }
  } catch (error) {
    // removed, or the engine is gone: nothing more will come
    if (error instanceof MycomposeError) return { kind: 'ended', exitCode: diedWith }
    throw error
  }
}

function sinceOf(event: EventMessage): string {
  return (event.timeNano / 1e9).toFixed(9)
}
