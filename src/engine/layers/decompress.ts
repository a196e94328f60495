/**
 * The plain bytes of a stream that may be gzip or zstd, told apart by their first bytes and never by a name. In the
 * engine's own process: no tool of a container's image is ever asked (CVE-2019-14271). Source: RFC 1952, RFC 8878.
 */
import { Readable, pipeline, type Transform } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { tarError } from './tar-entry.ts'
import { InvalidRequestError, UnsupportedError, errnoOf } from '../../errors.ts'

const CHUNK_BYTES = 256 * 1024
/** A frame that wants a larger window than this (128 MiB) would have us hold it in memory. */
const ZSTD_MAX_WINDOW_LOG = 27

type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz'

/** By the magic bytes. */
export function detectCompression(head: Buffer): Compression {
  const hex = head.subarray(0, 6).toString('hex')
  if (hex.startsWith('1f8b08')) return 'gzip'
  if (hex.startsWith('28b52ffd') || /^5.2a4d18/.test(hex)) return 'zstd'
  if (hex.startsWith('425a68')) return 'bzip2'
  return hex.startsWith('fd377a585a00') ? 'xz' : 'none'
}

function decompressor(compression: 'gzip' | 'zstd'): Transform {
  if (compression === 'gzip') return createGunzip({ chunkSize: CHUNK_BYTES })
  return createZstdDecompress({
    chunkSize: CHUNK_BYTES,
    params: { [constants.ZSTD_d_windowLogMax]: ZSTD_MAX_WINDOW_LOG },
  })
}

/** What is wrong with a stream of bytes, said plainly: damaged data, a transfer that broke off; all else as it is. */
export function toStreamError(cause: unknown): unknown {
  const code = errnoOf(cause) ?? ''
  if (/^Z_|^ZSTD_/.test(code)) {
    const message = cause instanceof Error ? cause.message : code
    return tarError(`its compressed data is damaged (${message})`, 'transfer or write the file again')
  }
  if (code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || code === 'ABORT_ERR')
    return new InvalidRequestError('the transfer of the tar broke off', { code: 'TRANSFER_BROKEN', cause })
  return cause
}

async function* withClearErrors(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* source
  } catch (cause) {
    throw toStreamError(cause)
  }
}

async function* rejoin(
  head: Buffer,
  rest: AsyncIterator<Buffer>,
  onPacked: (count: number) => void,
): AsyncGenerator<Buffer> {
  try {
    onPacked(head.length)
    if (head.length > 0) yield head
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
      onPacked(next.value.length)
      yield next.value
    }
  } finally {
    await rest.return?.()
  }
}

/** The plain bytes of what Node cannot decompress: see decompress-tool.ts. */
export type ToolDecompressor = (program: 'bzip2' | 'xz', packed: Readable) => AsyncIterable<Buffer>

/**
 * Leaving the loop over the result early destroys `source`. `onPacked` hears of the bytes as they come. Throws
 * UnsupportedError for bzip2 and xz when there is no `byTool`.
 */
export async function decompress(
  source: Readable,
  onPacked: (count: number) => void = () => {},
  byTool?: ToolDecompressor,
): Promise<AsyncIterable<Buffer>> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let head: Buffer = Buffer.alloc(0)
  try {
    while (head.length < 6) {
      const next = await chunks.next()
      if (next.done === true) break
      head = Buffer.concat([head, next.value])
    }
  } catch (cause) {
    throw toStreamError(cause)
  }
  const compression = detectCompression(head)
  const joined = rejoin(head, chunks, onPacked)
  if (compression === 'none') return withClearErrors(joined)
  if (compression === 'bzip2' || compression === 'xz') {
    if (byTool !== undefined) return byTool(compression, Readable.from(joined, { objectMode: false }))
    source.destroy()
    throw new UnsupportedError(`the tar is compressed with ${compression}, which is not supported`, {
      hint: `decompress it first: ${compression} -dc FILE | mycompose image import -`,
    })
  }
  const plain = decompressor(compression)
  pipeline(Readable.from(joined, { objectMode: false }), plain, () => {}) // errors come out of the loop over `plain`
  return withClearErrors(plain)
}
