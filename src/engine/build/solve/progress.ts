/** What a build tells while it goes on: steps, their times and output, as BuildMessages. Output is bounded, its end kept. */
import { TextDecoder } from 'node:util'
import type { BuildMessage } from '../../../api/types/build.ts'
import { CanceledError } from '../../../errors.ts'

/** As BuildKit clips it. */
const MAX_OUTPUT_BYTES = 2 * 2 ** 20
const MAX_TAIL_BYTES = 32 * 1024
const MAX_TAIL_LINES = 40

export interface StepInfo {
  readonly id: string
  readonly name: string
  readonly stage?: string
  /** Ids of steps that it needs. */
  readonly inputs: readonly string[]
}

export type Ending =
  | { readonly kind: 'done'; readonly cached: boolean }
  | { readonly kind: 'canceled' }
  | { readonly kind: 'failed'; readonly message: string }

export function endingOf(error: unknown): Ending {
  if (error instanceof CanceledError) return { kind: 'canceled' }
  return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
}

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr'
  readonly data: Uint8Array
}

export interface Progress {
  /** It exists: told before it starts. */
  announce(step: StepInfo): void
  started(id: string): void
  ended(id: string, ending: Ending): void
  output(id: string, chunk: OutputChunk): void
  /** Bytes or files of a part of a step. */
  amount(id: string, part: string, current: number, total: number | undefined, unit: 'bytes' | 'files'): void
  warn(message: Extract<BuildMessage, { readonly kind: 'warning' }>): void
  /** Warnings so far. */
  warningCount(): number
  /** The last lines that a step printed. */
  tail(id: string): readonly string[]
}

interface Channel {
  readonly decoders: Readonly<Record<OutputChunk['stream'], TextDecoder>>
  bytes: number
  tail: string
}

export function createProgress(
  emit: (message: BuildMessage) => void,
  clock: { readonly nowMs: () => number },
): Progress {
  const channels = new Map<string, Channel>()
  const begun = new Set<string>()
  let warnings = 0

  function begin(id: string): void {
    if (begun.has(id)) return
    begun.add(id)
    emit({ kind: 'started', id, timeMs: clock.nowMs() })
  }

  function channelOf(id: string): Channel {
    const channel = channels.get(id) ?? {
      decoders: { stdout: new TextDecoder(), stderr: new TextDecoder() },
      bytes: 0,
      tail: '',
    }
    channels.set(id, channel)
    return channel
  }

  return {
    announce: (step) => emit({ kind: 'step', ...step }),
    started: begin,
    ended(id, ending) {
      begin(id) // what fails while it is looked up in the cache
      const end = { kind: 'ended', id, timeMs: clock.nowMs() } as const
      if (ending.kind === 'done') emit({ ...end, cached: ending.cached })
      else if (ending.kind === 'canceled') emit({ ...end, cached: false, canceled: true })
      else emit({ ...end, cached: false, error: ending.message })
    },
    output(id, { stream, data }) {
      const channel = channelOf(id)
      const text = channel.decoders[stream].decode(data, { stream: true })
      channel.tail = (channel.tail + text).slice(-MAX_TAIL_BYTES)
      const wasClipped = channel.bytes > MAX_OUTPUT_BYTES
      channel.bytes += data.length
      if (wasClipped) return
      if (channel.bytes > MAX_OUTPUT_BYTES)
        emit({ kind: 'output', id, stream, data: '\n[output clipped, log limit 2MiB reached]\n' })
      else if (text !== '') emit({ kind: 'output', id, stream, data: text })
    },
    amount(id, part, current, total, unit) {
      emit({ kind: 'progress', id, part, current, ...(total === undefined ? {} : { total }), unit })
    },
    warn(message) {
      warnings += 1
      emit(message)
    },
    warningCount: () => warnings,
    tail(id) {
      const lines = (channels.get(id)?.tail ?? '').split('\n')
      if (lines.at(-1) === '') lines.pop()
      return lines.slice(-MAX_TAIL_LINES)
    },
  }
}
