/**
 * PURE: output whose lines begin with the time they were written, as the API gives it with `timestamps`:
 * "2026-11-21T12:00:00.123456789Z text". Of fixed width and in UTC, so that times compare as text.
 */

const STAMP_BYTES = 30
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/
const LINE_FEED = 10
const SPACE = 0x20

/** After the line that begins at `start`. */
export function lineEnd(data: Buffer, start: number): number {
  const found = data.indexOf(LINE_FEED, start)
  return found < 0 ? data.length : found + 1
}

/** Undefined where no stamp is: the line goes on with the one before. */
export function stampAt(data: Buffer, start: number): string | undefined {
  if (data[start + STAMP_BYTES] !== SPACE) return undefined
  const text = data.toString('latin1', start, start + STAMP_BYTES)
  return STAMP.test(text) ? text : undefined
}

/** Where the text of the line begins. */
export function textStart(data: Buffer, start: number): number {
  return stampAt(data, start) === undefined ? start : start + STAMP_BYTES + 1
}

/** The lines without their stamps. */
export function withoutStamps(data: Buffer): Buffer {
  const bare = Buffer.allocUnsafe(data.length)
  let length = 0
  for (let start = 0; start < data.length;) {
    const end = lineEnd(data, start)
    length += data.copy(bare, length, textStart(data, start), end)
    start = end
  }
  return bare.subarray(0, length)
}
