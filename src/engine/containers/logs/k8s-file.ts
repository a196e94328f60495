/**
 * PURE: conmon's log lines to the frames of the Docker API. Written for speed: one pass over the bytes, one output buffer
 * a chunk. Source: k8s-line.ts; Engine API ContainerAttach (stream format), ContainerLogs (timestamps, details).
 */
import { AFTER_STAMP_BYTES, stampLength, stampMs, stampText, utcStamp } from './k8s-line.ts'

const NEWLINE = 0x0a
const LETTER_O = 0x6f
const FULL = 0x46
const STDOUT = 1
const STDERR = 2
const HEADER_BYTES = 8
/** Neighbouring lines of one stream share a frame up to this size: a client reads them faster. */
const MAX_FRAME_BYTES = 16 * 1024

export interface FrameOptions {
  readonly stdout: boolean
  readonly stderr: boolean
  readonly timestamps: boolean
  /** A terminal's log: bytes without headers. */
  readonly raw: boolean
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  /** Stands before each line, after the time stamp: "env=prod,service=web ". */
  readonly details?: string | undefined
}

export interface Framer {
  /** `consumed`: whole lines only; `isPast`: a line after `untilMs` was met. `output` is a view of a fresh buffer. */
  push(chunk: Buffer): { readonly output: Buffer; readonly consumed: number; readonly isPast: boolean }
}

function countLines(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) count += 1
  return count
}

/** True when all whole lines of the chunk are older: they need not be looked at one by one. */
function isOlder(chunk: Buffer, sinceMs: number): boolean {
  const end = chunk.lastIndexOf(NEWLINE)
  const start = end <= 0 ? 0 : chunk.lastIndexOf(NEWLINE, end - 1) + 1
  const length = stampLength(chunk, start)
  return end > 0 && length > 0 && start + length < end && stampMs(chunk, start, length) < sinceMs
}

export function createFramer(options: FrameOptions): Framer {
  const { timestamps, raw, untilMs } = options
  let { sinceMs } = options
  const details = Buffer.from(options.details ?? '')
  /** The last entry of the stream had no end of line: this one goes on with it. */
  const isContinued = [false, false, false]

  return {
    push(chunk) {
      if (sinceMs !== undefined && isOlder(chunk, sinceMs))
        return { output: chunk.subarray(0, 0), consumed: chunk.lastIndexOf(NEWLINE) + 1, isPast: false }
      // without details the output is never longer than the input
      const output = Buffer.allocUnsafe(chunk.length + (details.length === 0 ? 0 : countLines(chunk) * details.length))
      let written = 0
      let frameStart = -1
      let frameStream = 0
      let start = 0
      let isPast = false
      const closeFrame = (): void => {
        if (frameStart >= 0 && !raw) output.writeUInt32BE(written - frameStart - HEADER_BYTES, frameStart + 4)
        frameStart = -1
      }
      for (;;) {
        const end = chunk.indexOf(NEWLINE, start)
        if (end < 0) break
        const length = stampLength(chunk, start)
        const text = start + length + AFTER_STAMP_BYTES
        if (length <= 0 || text > end) {
          start = end + 1 // not a line of conmon's: a torn write
          continue
        }
        if (sinceMs !== undefined) {
          // no number (a torn write) is older too
          if (!(stampMs(chunk, start, length) >= sinceMs)) {
            start = end + 1
            continue
          }
          sinceMs = undefined
        }
        if (untilMs !== undefined && stampMs(chunk, start, length) > untilMs) {
          isPast = true
          break
        }
        const stream = chunk[start + length + 4] === LETTER_O ? STDOUT : STDERR
        const isFull = chunk[text - 2] === FULL
        if (stream === STDOUT ? options.stdout : options.stderr) {
          if (frameStart < 0 || stream !== frameStream || written - frameStart > MAX_FRAME_BYTES) {
            closeFrame()
            frameStart = written
            frameStream = stream
            if (!raw) {
              output.writeUInt32BE(stream << 24, written)
              written += HEADER_BYTES
            }
          }
          if (isContinued[stream] !== true) {
            if (timestamps) written += output.write(`${utcStamp(stampText(chunk, start, length))} `, written, 'latin1')
            if (details.length > 0) written += details.copy(output, written)
          }
          written += chunk.copy(output, written, text, isFull ? end + 1 : end)
        }
        isContinued[stream] = !isFull
        start = end + 1
      }
      closeFrame()
      return { output: output.subarray(0, written), consumed: start, isPast }
    },
  }
}
