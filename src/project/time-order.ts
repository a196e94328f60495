/**
 * Events of several logs in order of time instead of arrival: of the lines that are there, the oldest comes first. While
 * a log that is still open has nothing to show, the others wait for it, but no longer than `graceMs`. Each source has
 * room for a little only: a log that is read faster than it is its turn is slowed down, so memory stays constant.
 */
import type { Channel } from './channel.ts'
import type { LogEvent, LogSource } from './logs.ts'
import { lineEnd, stampAt, withoutStamps } from './stamped-lines.ts'

const ROOM_BYTES = 512 * 1024

type Output = Extract<LogEvent, { kind: 'output' }>

interface Queue {
  readonly events: { readonly event: LogEvent; readonly arrivedMs: number; offset: number }[]
  /** Of the first line that is left; that of an exit is the last line's. */
  stamp: string
  bytes: number
  /** More will come: worth waiting for. */
  isOpen: boolean
  waiting: (() => void)[]
}

export interface TimeOrder extends Channel<LogEvent> {
  /** Nothing more comes of this source, unless it does. */
  done(source: LogSource): void
}

export interface TimeOrderOptions {
  readonly nowMs: () => number
  /** Infinity: whatever it takes. */
  readonly graceMs: number
  /** Lines go out with the times that they come with. */
  readonly keepStamps: boolean
}

/** After the first line, and those after it that are not younger than `limit`. */
function runEnd(data: Buffer, start: number, limit: string): number {
  let end = lineEnd(data, start)
  while (end < data.length) {
    const stamp = stampAt(data, end)
    if (stamp !== undefined && stamp > limit) break
    end = lineEnd(data, end)
  }
  return end
}

export function createTimeOrder({ nowMs, graceMs, keepStamps }: TimeOrderOptions): TimeOrder {
  const queues = new Map<string, Queue>()
  let isClosed = false
  let failure: unknown
  let wake = (): void => {}

  function queueOf({ containerId }: LogSource): Queue {
    const known = queues.get(containerId)
    if (known !== undefined) return known
    const queue: Queue = { events: [], stamp: '', bytes: 0, isOpen: true, waiting: [] }
    queues.set(containerId, queue)
    return queue
  }

  /** Of the line that is first now. */
  function refresh(queue: Queue): void {
    const head = queue.events[0]
    if (head?.event.kind === 'output') queue.stamp = stampAt(head.event.data, head.offset) ?? queue.stamp
  }

  function release(queue: Queue): void {
    for (const resolve of queue.waiting.splice(0)) resolve()
  }

  /** The queue with the oldest line, and how old the lines of the others are. */
  function choose(): { readonly oldest: Queue; readonly limit: string | undefined } | undefined {
    let oldest: Queue | undefined
    let limit: string | undefined
    for (const queue of queues.values()) {
      if (queue.events.length === 0) continue
      if (oldest === undefined || queue.stamp < oldest.stamp) {
        limit = oldest?.stamp
        oldest = queue
      } else if (limit === undefined || queue.stamp < limit) limit = queue.stamp
    }
    return oldest === undefined ? undefined : { oldest, limit }
  }

  /** Milliseconds until the others need not be waited for any more. */
  function patienceMs(oldest: Queue): number {
    if (isClosed) return 0
    const isWaiting = [...queues.values()].some(({ events, isOpen }) => isOpen && events.length === 0)
    return isWaiting ? (oldest.events[0]?.arrivedMs ?? 0) + graceMs - nowMs() : 0
  }

  /** Lines of the first event that are not younger than `limit`; at least one. */
  function take(queue: Queue, limit: string | undefined): LogEvent | undefined {
    const head = queue.events[0]
    if (head === undefined) return undefined
    const { event } = head
    if (event.kind !== 'output') {
      queue.events.shift()
      refresh(queue)
      return event
    }
    const start = head.offset
    const end = limit === undefined ? event.data.length : runEnd(event.data, start, limit)
    queue.bytes -= end - start
    head.offset = end
    if (end === event.data.length) queue.events.shift()
    refresh(queue)
    if (queue.bytes < ROOM_BYTES) release(queue)
    return cut(event, start, end)
  }

  function cut(event: Output, start: number, end: number): Output {
    const data = event.data.subarray(start, end)
    return { ...event, data: keepStamps ? data : withoutStamps(data) }
  }

  async function somethingNew(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      wake = resolve
      if (timeoutMs < Number.POSITIVE_INFINITY) timer = setTimeout(resolve, Math.ceil(timeoutMs))
    })
    clearTimeout(timer)
  }

  async function* consume(): AsyncGenerator<LogEvent> {
    try {
      for (;;) {
        const chosen = choose()
        if (chosen === undefined && isClosed) {
          if (failure !== undefined) throw failure
          return
        }
        const waitMs = chosen === undefined ? Number.POSITIVE_INFINITY : patienceMs(chosen.oldest)
        if (chosen === undefined || waitMs > 0) {
          await somethingNew(waitMs)
          continue
        }
        const event = take(chosen.oldest, chosen.limit)
        if (event !== undefined) yield event
      }
    } finally {
      isClosed = true
      for (const queue of queues.values()) release(queue)
    }
  }

  return {
    async push(event) {
      if (isClosed) return
      const queue = queueOf(event.source)
      queue.isOpen = event.kind !== 'exited'
      queue.events.push({ event, arrivedMs: nowMs(), offset: 0 })
      if (queue.events.length === 1) refresh(queue)
      if (event.kind === 'output') queue.bytes += event.data.length
      wake()
      if (queue.bytes >= ROOM_BYTES) await new Promise<void>((resolve) => queue.waiting.push(resolve))
    },
    done(source) {
      queueOf(source).isOpen = false
      wake()
    },
    close(error) {
      if (isClosed) return
      isClosed = true
      failure = error
      wake()
    },
    values: { [Symbol.asyncIterator]: consume },
  }
}
