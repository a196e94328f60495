/**
 * PURE: one line of conmon's log: "2026-11-21T12:00:00.123456789+00:00 stdout F text". F ends an entry, P is a part of
 * one. Source: kubernetes/design-proposals cri-logging.
 */

/** Everything before the text when the time stamp has conmon's usual 35 bytes. */
const USUAL_STAMP_BYTES = 35
const SPACE = 0x20
const FULL = 0x46
const PARTIAL = 0x50

export const AFTER_STAMP_BYTES: number = ' stdout F '.length
const STREAM_BYTES = ' stdout '.length

/** Of the line at `start`; negative when it has no blank. */
export function stampLength(chunk: Buffer, start: number): number {
  if (chunk[start + USUAL_STAMP_BYTES] === SPACE) return USUAL_STAMP_BYTES
  return chunk.indexOf(SPACE, start) - start
}

/** Undefined: no line of conmon's. */
export function lineTag(chunk: Buffer, start: number, end: number): 'F' | 'P' | undefined {
  const length = stampLength(chunk, start)
  if (length <= 0 || start + length + AFTER_STAMP_BYTES > end) return undefined
  const tag = chunk[start + length + STREAM_BYTES]
  return tag === FULL ? 'F' : tag === PARTIAL ? 'P' : undefined
}

export function stampText(chunk: Buffer, start: number, length: number): string {
  return chunk.toString('latin1', start, start + length)
}

export function stampMs(chunk: Buffer, start: number, length: number): number {
  return Date.parse(stampText(chunk, start, length))
}

/** Docker's form, in UTC, with nanoseconds: "2026-11-21T12:00:00.123456789Z". */
export function utcStamp(stamp: string): string {
  if (stamp.endsWith('+00:00')) return `${stamp.slice(0, -6)}Z`
  const fraction = /\.\d+/.exec(stamp)?.[0] ?? ''
  return `${new Date(Date.parse(stamp)).toISOString().slice(0, 19)}${fraction}Z`
}
