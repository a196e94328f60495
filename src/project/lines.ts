/** Cuts chunks of output at line ends, so that lines of different containers do not mix. Pure. */

const LINE_FEED = 10
/** A line longer than this is passed on in pieces. */
const MAX_HELD_BYTES = 1024 * 1024

export interface LineCutter {
  /** Whole lines, or nothing yet. */
  cut(chunk: Buffer): Buffer | undefined
  /** What is left at the end. */
  rest(): Buffer | undefined
}

export function createLineCutter(): LineCutter {
  let held: Buffer[] = []
  let heldBytes = 0
  function take(last: Buffer): Buffer {
    const whole = held.length === 0 ? last : Buffer.concat([...held, last])
    held = []
    heldBytes = 0
    return whole
  }
  return {
    cut(chunk) {
      const end = chunk.lastIndexOf(LINE_FEED) + 1
      if (end === 0 && heldBytes + chunk.length > MAX_HELD_BYTES) return take(chunk)
      const lines = end === 0 ? undefined : take(chunk.subarray(0, end))
      if (end < chunk.length) {
        held.push(chunk.subarray(end))
        heldBytes += chunk.length - end
      }
      return lines
    },
    rest: () => (heldBytes === 0 ? undefined : take(Buffer.alloc(0))),
  }
}
