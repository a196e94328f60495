/** Long answers as async iterables: output of containers, lines of JSON (events, progress). */
import type { OutputChunk } from './client.ts'
import { createDemultiplexer } from '../stream.ts'
import { ApiError } from '../../errors.ts'
import type { ProgressMessage } from '../types/index.ts'

/** Frames, or with a terminal the bytes as they are. */
export async function* readOutput(bytes: AsyncIterable<Buffer>, tty: boolean): AsyncGenerator<OutputChunk, void> {
  if (tty) {
    for await (const data of bytes) yield { stream: 'stdout', data }
    return
  }
  const demultiplexer = createDemultiplexer()
  for await (const data of bytes) {
    const chunks: OutputChunk[] = []
    demultiplexer.push(data, (stream, payload) => chunks.push({ stream, data: payload }))
    yield* chunks
  }
}

/** A line of JSON may be this long (an exec'd command with a huge environment in an event, say). */
const MAX_LINE_BYTES = 16 * 1024 * 1024

/** One value a line. */
export async function* readJsonLines<T>(bytes: AsyncIterable<Buffer>): AsyncGenerator<T, void> {
  const decoder = new TextDecoder()
  let pending = ''
  for await (const data of bytes) {
    pending += decoder.decode(data, { stream: true })
    let from = 0
    for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n', from)) {
      const line = pending.slice(from, end).trim()
      from = end + 1
      if (line !== '') yield JSON.parse(line) as T
    }
    pending = pending.slice(from)
    if (pending.length > MAX_LINE_BYTES) throw new Error('the engine sent an endless line of JSON')
  }
  if (pending.trim() !== '') yield JSON.parse(pending) as T
}

/** Progress; a line that tells an error is thrown: after the first byte the engine has no other way to fail. */
export async function* readProgress(bytes: AsyncIterable<Buffer>): AsyncGenerator<ProgressMessage, void> {
  for await (const message of readJsonLines<ProgressMessage>(bytes)) {
    const { error, errorDetail } = message
    if (error !== undefined || errorDetail !== undefined)
      throw new ApiError(errorDetail?.message ?? error ?? 'the engine failed', {
        status: 500,
        ...(errorDetail?.reason === undefined ? {} : { code: errorDetail.reason }),
        ...(errorDetail?.hint === undefined ? {} : { hint: errorDetail.hint }),
      })
    yield message
  }
}
