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
import { createResumer, type Resumer } from './resume.ts'
import { present } from './translate/present.ts'

const RETURN_ATTEMPTS = 50
const RETURN_PAUSE_MS = 200

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
    const resumer = createResumer(request.timestamps === true)
    let from: LogRequest = { ...request, follow: true, timestamps: true }
    for (;;) {
      let failure: unknown
      try {
        await copyLog(context, entry.source, { request: from, signal, push, resumer })
      } catch (error) {
        failure = error
      }
      if (signal.aborted || failure instanceof NotFoundError) break
      // it may also end in good order: with an engine that is stopped
      const isBack = await engineIsBack(context, entry.source, signal)
      if (isBack === 'never left' && failure === undefined) break
      if (isBack === 'no') return signal.aborted ? undefined : end(engineGone(failure))
      if (!isUnreachable(failure)) {
        if (!signal.aborted) tellBreak(entry, failure)
        break
      }
      if (isBack === 'never left') await context.clock.sleep(RETURN_PAUSE_MS, signal).catch(() => {})
      resumer.restart()
      from = { ...from, tail: 'all', ...present({ since: resumer.since() ?? from.since }) }
    }
    entry.isOpen = false
    if (!ended.signal.aborted) await reportExit(entry)
  }

  function end(error?: unknown): void {
    stopListening()
    feed.close()
    ended.abort()
    channel.close(error)
  }

  function tellBreak({ source }: Followed, failure: unknown): void {
    const text = failure instanceof Error ? failure.message : String(failure)
    context.sink.notice({ level: 'warning', text: `log of ${source.containerName} broke off: ${text}` })
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
    end,
  }
}

/** Nobody can say whether the container goes on, nor how it ended. */
function engineGone(cause: unknown): MycomposeError {
  return new MycomposeError('the engine has gone away and was not started again; its containers go on', {
    code: 'ENGINE_UNREACHABLE',
    hint: 'the next command starts it: `mycompose ps` shows them, `mycompose logs -f` follows them again',
    cause,
  })
}

const isUnreachable = (failure: unknown): boolean =>
  failure === undefined || (failure instanceof MycomposeError && failure.code === 'ENGINE_UNREACHABLE')

/** An engine that was killed or replaced is started by the next command, whoever gives it: worth some seconds. */
async function engineIsBack(
  context: ProjectContext,
  { containerId }: LogSource,
  signal: AbortSignal,
): Promise<'never left' | 'yes' | 'no'> {
  for (let attempt = 0; attempt < RETURN_ATTEMPTS && !signal.aborted; attempt += 1) {
    try {
      await context.client.containers.inspect(containerId)
      return attempt === 0 ? 'never left' : 'yes'
    } catch (error) {
      if (!isUnreachable(error)) return 'never left' // removed, say
    }
    await context.clock.sleep(RETURN_PAUSE_MS, signal).catch(() => {})
  }
  return 'no'
}

interface CopyOptions {
  /** The lines have stamps, which it looks at (and takes off): what is broken off can be taken up again. */
  readonly resumer?: Resumer
  readonly request: LogRequest
  readonly signal: AbortSignal
  readonly push: (event: LogEvent) => Promise<void>
}

/** Whole lines of both streams until the log ends. */
export async function copyLog(context: ProjectContext, source: LogSource, options: CopyOptions): Promise<void> {
  const { request, signal, push, resumer } = options
  const cutters = { stdout: createLineCutter(), stderr: createLineCutter() }
  const log = context.client.containers.logs(source.containerId, { stdout: true, stderr: true, ...request }, signal)
  async function pass(stream: 'stdout' | 'stderr', lines: Buffer | undefined): Promise<void> {
    const data = lines === undefined || resumer === undefined ? lines : resumer.pass(stream, lines)
    if (data !== undefined) await push({ kind: 'output', source, stream, data })
  }
  let isBroken = true
  try {
    for await (const { stream, data } of log) await pass(stream, cutters[stream].cut(data))
    isBroken = false
  } finally {
    // half a line comes again, whole, when the log is taken up again
    if (!isBroken || resumer === undefined)
      for (const stream of ['stdout', 'stderr'] as const) await pass(stream, cutters[stream].rest())
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
