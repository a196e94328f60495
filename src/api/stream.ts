/**
 * The multiplexed stream of logs, attach and exec: frames of an 8-byte header [stream, 0, 0, 0, length BE32] and the
 * payload. Source: Docker Engine API, "Stream format" of ContainerAttach. PURE.
 */
import { InvalidRequestError } from '../errors.ts'

export type StreamName = 'stdout' | 'stderr'

const HEADER_BYTES = 8
const STDERR = 2
/** The 3 of dockerd: an error of the engine itself, told in the stream. */
const SYSTEM_ERROR = 3

/** The header of a frame of `length` bytes. */
export function frameHeader(stream: StreamName, length: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header[0] = stream === 'stderr' ? STDERR : 1
  header.writeUInt32BE(length, 4)
  return header
}

export interface Demultiplexer {
  /**
   * Takes bytes from the connection, whatever their borders, and emits payloads. Neighbouring frames of one stream come
   * as one buffer, so a million lines cost a few thousand calls. Emitted buffers are views of `bytes`, which are
   * overwritten: they belong to the receiver.
   */
  push(bytes: Buffer, emit: (stream: StreamName, data: Buffer) => void): void
}

/** Throws InvalidRequestError when the bytes are no frames (a terminal's raw stream, for one). */
export function createDemultiplexer(): Demultiplexer {
  const header = Buffer.alloc(HEADER_BYTES)
  let headerBytes = 0
  let left = 0
  let stream: StreamName = 'stdout'

  function readHeader(bytes: Buffer, at: number): void {
    const kind = bytes[at] ?? 0
    if (kind > SYSTEM_ERROR || bytes[at + 1] !== 0 || bytes[at + 2] !== 0 || bytes[at + 3] !== 0)
      throw new InvalidRequestError('malformed output stream: not a frame header')
    stream = kind >= STDERR ? 'stderr' : 'stdout'
    left = bytes.readUInt32BE(at + 4)
  }

  /** Moves past a header, which may stand on the border of two buffers. Returns the next position. */
  function takeHeader(bytes: Buffer, at: number): number {
    if (headerBytes === 0 && bytes.length - at >= HEADER_BYTES) {
      readHeader(bytes, at)
      return at + HEADER_BYTES
    }
    const taken = bytes.copy(header, headerBytes, at, Math.min(bytes.length, at + HEADER_BYTES - headerBytes))
    headerBytes += taken
    if (headerBytes === HEADER_BYTES) {
      readHeader(header, 0)
      headerBytes = 0
    }
    return at + taken
  }

  return {
    push(bytes, emit) {
      let at = 0
      // payloads are moved together towards `runStart`, over the headers between them
      let runStart = 0
      let runEnd = 0
      let runStream = stream
      while (at < bytes.length) {
        if (left === 0) {
          at = takeHeader(bytes, at)
          continue
        }
        if (stream !== runStream || runEnd === runStart) {
          if (runEnd > runStart) emit(runStream, bytes.subarray(runStart, runEnd))
          runStart = at
          runEnd = at
          runStream = stream
        }
        const end = Math.min(bytes.length, at + left)
        if (runEnd !== at) bytes.copyWithin(runEnd, at, end)
        runEnd += end - at
        left -= end - at
        at = end
      }
      if (runEnd > runStart) emit(runStream, bytes.subarray(runStart, runEnd))
    },
  }
}
