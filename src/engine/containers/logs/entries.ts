/**
 * PURE: conmon's lines to whole entries, for journald and syslog. conmon cuts a line wherever a read ended; here the
 * parts are joined again, up to the size at which docker cuts.
 */
import { AFTER_STAMP_BYTES, stampLength, stampText, utcStamp } from './k8s-line.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d
const LETTER_O = 0x6f
const FULL = 0x46
const MAX_TEXT_BYTES = 16 * 1024

export interface LogEntry {
  /** "2026-11-21T12:00:00.123456789Z" */
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  /** Without the end of line. */
  readonly text: Buffer
  /** A piece of a longer line: which one (from 1), and whether it is the last. */
  readonly piece?: { readonly ordinal: number; readonly isLast: boolean }
}

interface Pending {
  time: string
  parts: Buffer[]
  bytes: number
  pieces: number
}

export interface EntryReader {
  /** `consumed`: whole lines only. */
  push(chunk: Buffer): { readonly entries: readonly LogEntry[]; readonly consumed: number }
  /** True between the parts of a line. */
  readonly isPending: boolean
  /** What is left when nothing more comes. */
  end(): readonly LogEntry[]
}

export function createEntryReader(): EntryReader {
  const pending = new Map<LogEntry['stream'], Pending>()

  function flush(stream: LogEntry['stream'], line: Pending, isLast: boolean): LogEntry {
    const whole = line.parts.length === 1 ? line.parts[0] : Buffer.concat(line.parts)
    const text = whole ?? Buffer.alloc(0)
    const bare = isLast && text.at(-1) === RETURN ? text.subarray(0, -1) : text
    line.parts = []
    line.bytes = 0
    line.pieces += 1
    const piece = line.pieces === 1 && isLast ? undefined : { ordinal: line.pieces, isLast }
    return { time: line.time, stream, text: bare, ...(piece === undefined ? {} : { piece }) }
  }

  return {
    push(chunk) {
      const entries: LogEntry[] = []
      let start = 0
      for (let end = chunk.indexOf(NEWLINE); end >= 0; start = end + 1, end = chunk.indexOf(NEWLINE, start)) {
        const length = stampLength(chunk, start)
        const textAt = start + length + AFTER_STAMP_BYTES
        if (length <= 0 || textAt > end) continue // torn
        const stream = chunk[start + length + 4] === LETTER_O ? 'stdout' : 'stderr'
        const line = pending.get(stream) ?? { time: '', parts: [], bytes: 0, pieces: 0 }
        if (line.time === '') line.time = utcStamp(stampText(chunk, start, length))
        const text = chunk.subarray(textAt, end)
        const isFull = chunk[textAt - 2] === FULL
        if (line.bytes > 0 && line.bytes + text.length > MAX_TEXT_BYTES) entries.push(flush(stream, line, false))
        line.parts.push(isFull ? text : Buffer.from(text)) // the caller's buffer is used again
        line.bytes += text.length
        if (isFull) entries.push(flush(stream, line, true))
        if (isFull) pending.delete(stream)
        else pending.set(stream, line)
      }
      return { entries, consumed: start }
    },
    get isPending() {
      return pending.size > 0
    },
    end() {
      const rest = [...pending].map(([stream, line]) => flush(stream, line, true))
      pending.clear()
      return rest
    },
  }
}
