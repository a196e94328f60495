/**
 * PURE: how far a followed log was read, so that it can be taken up again after the connection broke (the engine was
 * killed or replaced): by the time of the last line of each stream, and how many lines bore that time, as the lines of
 * one read of conmon share it.
 */
import { lineEnd, stampAt, withoutStamps } from './stamped-lines.ts'

type StreamName = 'stdout' | 'stderr'

interface Reached {
  stamp: string
  /** Lines with that stamp that were passed on. */
  count: number
  /** Of those, how many come again. */
  repeated: number
}

export interface Resumer {
  /** Whole lines with stamps, in; what is new of them, out. */
  pass(stream: StreamName, lines: Buffer): Buffer | undefined
  /** From now on the log comes again from `since()` on. */
  restart(): void
  /** Unix seconds; undefined: nothing was read yet. */
  since(): string | undefined
}

export function createResumer(keepStamps: boolean): Resumer {
  const reached = new Map<StreamName, Reached>()

  /** True when the line was passed on before. */
  function isRepeated(at: Reached, stamp: string | undefined): boolean {
    if (stamp === undefined) return false
    if (stamp < at.stamp) return true
    if (stamp > at.stamp) {
      at.stamp = stamp
      at.count = 1
      at.repeated = 0
      return false
    }
    if (at.repeated > 0) {
      at.repeated -= 1
      return true
    }
    at.count += 1
    return false
  }

  return {
    pass(stream, lines) {
      const at = reached.get(stream) ?? { stamp: '', count: 0, repeated: 0 }
      reached.set(stream, at)
      let from = 0
      // repeated lines stand at the beginning
      for (let start = 0; start < lines.length;) {
        const end = lineEnd(lines, start)
        if (isRepeated(at, stampAt(lines, start))) from = end
        start = end
      }
      const fresh = lines.subarray(from)
      if (fresh.length === 0) return undefined
      return keepStamps ? fresh : withoutStamps(fresh)
    },
    restart() {
      for (const at of reached.values()) at.repeated = at.count
    },
    since() {
      const stamps = [...reached.values()].map(({ stamp }) => stamp).filter((stamp) => stamp !== '')
      const first = stamps.toSorted()[0]
      return first === undefined ? undefined : (Date.parse(first) / 1000).toFixed(3)
    },
  }
}
