/**
 * Carries the bytes of a tar into a reader, in small turns: writing files is done by synchronous calls (three times as
 * fast as asynchronous ones for small files), so other requests of the engine get their turn every few milliseconds.
 */
import { setImmediate } from 'node:timers/promises'
import { TarReader, type TarLimits, type TarSink } from './tar-reader.ts'
import { CanceledError } from '../../errors.ts'

/** The engine answers nothing else for about this long at a time. */
export const MAX_TURN_MS = 8
/** One push may not take much longer than a turn. */
const MAX_PUSH_BYTES = 256 * 1024

export interface FeedOptions {
  readonly signal?: Pick<AbortSignal, 'aborted'>
  readonly limits?: Partial<TarLimits>
  /** Sees all bytes first, those after the end mark too (hashes, progress). */
  readonly onBytes?: (chunk: Buffer) => void
}

/** Returns the number of entries. Throws TAR_INVALID, CanceledError, and whatever the sink throws. */
export async function feedTar(
  source: AsyncIterable<Buffer>,
  sink: TarSink,
  { signal, limits = {}, onBytes }: FeedOptions = {},
): Promise<number> {
  const reader = new TarReader(sink, limits)
  let turnStart = performance.now()
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += MAX_PUSH_BYTES) {
      if (signal?.aborted === true) throw new CanceledError('unpacking was canceled')
      const part = chunk.subarray(at, at + MAX_PUSH_BYTES)
      onBytes?.(part)
      reader.push(part)
      if (performance.now() - turnStart < MAX_TURN_MS) continue
      await setImmediate()
      turnStart = performance.now()
    }
  }
  reader.end()
  return reader.entries
}
