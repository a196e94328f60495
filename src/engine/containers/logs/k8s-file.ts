/**
 * PURE: conmon's log lines ("2026-11-21T12:00:00.123456789+00:00 stdout F text") to the frames of the Docker API.
 * Written for speed: one pass over the bytes, one output buffer a chunk (output is never longer than its input).
 * Source: kubernetes/design-proposals cri-logging; Engine API ContainerAttach (stream format).
 */

/** Everything before the text when the time stamp has conmon's usual 35 bytes. */
const USUAL_STAMP_BYTES = 35
const AFTER_STAMP_BYTES = ' stdout F '.length
const SPACE = 0x20
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
}

export interface Framer {
  /** `consumed`: whole lines only; `isPast`: a line after `untilMs` was met. `output` is a view of a fresh buffer. */
  push(chunk: Buffer): { readonly output: Buffer; readonly consumed: number; readonly isPast: boolean }
}

function stampLength(chunk: Buffer, start: number): number {
  if (chunk[start + USUAL_STAMP_BYTES] === SPACE) return USUAL_STAMP_BYTES
  return chunk.indexOf(SPACE, start) - start
}

function stampMs(chunk: Buffer, start: number, length: number): number {
  return Date.parse(chunk.toString('latin1', start, start + length))
}

/** Docker's form, in UTC: 30 bytes and a blank. */
function utcStamp(chunk: Buffer, start: number, length: number): string {
  const text = chunk.toString('latin1', start, start + length)
  if (text.endsWith('+00:00')) return `${text.slice(0, -6)}Z `
  const fraction = /\.\d+/.exec(text)?.[0] ?? ''
  const seconds = new Date(Date.parse(text)).toISOString().slice(0, 19)
  return `${seconds}${fraction}Z `
}

export function createFramer(options: FrameOptions): Framer {
  const { timestamps, raw, untilMs } = options
  let { sinceMs } = options
  /** The last entry of the stream had no end of line: this one goes on with it. */
  const isContinued = [false, false, false]

  return {
    push(chunk) {
      const output = Buffer.allocUnsafe(chunk.length)
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
          if (stampMs(chunk, start, length) < sinceMs) {
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
          if (timestamps && isContinued[stream] !== true)
            written += output.write(utcStamp(chunk, start, length), written, 'latin1')
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
