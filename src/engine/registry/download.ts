/**
 * A blob on its way from the registry: one pass of bytes that goes to whoever unpacks it and into a file, and is checked
 * at its end. What a broken or killed download left in the file is read first, and the rest asked for by range, so no
 * byte is fetched twice. Source: distribution-spec "Pulling blobs", RFC 9110 section 14.
 */
import { join } from 'node:path'
import { digestMismatch, openBlob } from './client.ts'
import { isEndpointFailure, isPassing, toConnectionError } from './errors.ts'
import type { Descriptor } from './manifest.ts'
import type { Transport } from './transport.ts'
import type { EngineBase } from '../context.ts'
import { hexOf, sha256, toDigest } from '../layers/chain.ts'
import { CanceledError, MycomposeError, errnoOf } from '../../errors.ts'
import type { FileHandle } from '../../host/host.ts'

type Base = Pick<EngineBase, 'config' | 'host'>

export interface DownloadOptions {
  readonly transport: Transport
  /** Asked in turn when that one fails: the registry itself after a mirror. */
  readonly fallbacks?: readonly Transport[]
  readonly blob: Pick<Descriptor, 'digest' | 'size'>
  readonly signal?: AbortSignal
  /** Bytes of the blob so far. */
  readonly onProgress?: (bytes: number) => void
}

const READ_BYTES = 256 * 1024
const MAX_BREAKS = 5
const FIRST_PAUSE_MS = 500
/** A connection that broke after fewer new bytes than this has not helped: else a byte at a time would go on for ever. */
const MIN_GAIN_BYTES = 64 * 1024

/** Complete blobs. */
export function blobPath({ config }: Pick<Base, 'config'>, digest: string): string {
  return join(config.paths.blobs, 'sha256', hexOf(digest))
}

/** Begun ones, under the digest they will have. */
export function partialPath({ config }: Pick<Base, 'config'>, digest: string): string {
  return join(config.paths.blobs, 'partial', hexOf(digest))
}

async function* readFile(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ;) {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
  }
}

/** The bytes from `offset` on, whatever it takes: a connection that breaks is made again where it broke. */
async function* fetchRest(base: Base, options: DownloadOptions, offset: number): AsyncGenerator<Buffer> {
  const { blob, signal } = options
  const others = [...(options.fallbacks ?? [])]
  let { transport } = options
  let position = offset
  for (let breaks = 0; position < blob.size;) {
    const before = position
    try {
      const { body, offset: start } = await openBlob(transport, blob.digest, position, signal)
      let skip = position - start // a registry without ranges sends it all again
      for await (const chunk of body as AsyncIterable<Buffer>) {
        if (signal?.aborted === true) throw new CanceledError('the download was canceled')
        const fresh = skip >= chunk.length ? undefined : chunk.subarray(skip)
        skip = Math.max(0, skip - chunk.length)
        if (fresh === undefined) continue
        position += fresh.length
        yield fresh
        if (position > blob.size) return // the caller sees the size
      }
      if (position >= blob.size) return
    } catch (error) {
      if (signal?.aborted === true) throw new CanceledError('the download was canceled', { cause: error })
      if (!isPassing(error)) {
        const told = toConnectionError(error, transport.endpoint.host)
        const next = isEndpointFailure(told) ? others.shift() : undefined
        if (next === undefined) throw told
        transport = next
        breaks = 0
        continue
      }
    }
    if (signal?.aborted === true) throw new CanceledError('the download was canceled')
    breaks = position - before >= MIN_GAIN_BYTES ? 1 : breaks + 1
    if (breaks > MAX_BREAKS)
      throw new MycomposeError(
        `the connection to the registry ${transport.endpoint.host} breaks again and again at byte ${position} of ${blob.size}`,
        { code: 'REGISTRY_UNREACHABLE', hint: 'try again later: what has come so far is kept' },
      )
    await base.host.clock.sleep(FIRST_PAUSE_MS * 2 ** (breaks - 1), signal)
  }
}

/** A download that was complete when its pull ended before the image was: nothing is fetched. */
async function* readComplete(
  base: Base,
  { transport, blob, onProgress }: DownloadOptions,
  file: FileHandle,
): AsyncGenerator<Buffer> {
  const hash = sha256()
  let bytes = 0
  for await (const chunk of readFile(file)) {
    hash.update(chunk)
    bytes += chunk.length
    onProgress?.(bytes)
    yield chunk
  }
  if (toDigest(hash) === blob.digest) return
  await base.host.files.rm(blobPath(base, blob.digest), { force: true })
  throw damagedBefore(transport, blob)
}

/** Bytes from before a crash: not the registry's fault. */
function damagedBefore({ endpoint }: Transport, { digest }: DownloadOptions['blob']): MycomposeError {
  return new MycomposeError(`the blob ${digest.slice(0, 19)} of ${endpoint.host} is damaged on the disk`, {
    code: 'REGISTRY_DIGEST',
    hint: 'part of it was left by an earlier pull; it has been deleted: pull again',
  })
}

async function openIfThere({ host }: Base, path: string): Promise<FileHandle | undefined> {
  try {
    return await host.files.open(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Yields all bytes of the blob; when the last one has been taken, the blob is complete in `blobPath` and on the disk.
 * Ending early keeps what came for the next time; wrong bytes are deleted. One at a time for each digest.
 * Throws REGISTRY_DIGEST, REGISTRY_UNREACHABLE, CanceledError.
 */
export async function* download(base: Base, options: DownloadOptions): AsyncGenerator<Buffer> {
  const { host } = base
  const complete = await openIfThere(base, blobPath(base, options.blob.digest))
  if (complete !== undefined) {
    try {
      yield* readComplete(base, options, complete)
    } finally {
      await complete.close()
    }
    return
  }
  await host.files.mkdir(join(base.config.paths.blobs, 'partial'), { recursive: true, mode: 0o700 })
  await host.files.mkdir(join(base.config.paths.blobs, 'sha256'), { recursive: true, mode: 0o700 })
  const file = await host.files.open(partialPath(base, options.blob.digest), 'a+', 0o600)
  try {
    yield* continueInto(base, options, file)
  } finally {
    await file.close()
  }
}

/** What `file` has, then the rest of the blob, which is appended. */
async function* continueInto(base: Base, options: DownloadOptions, file: FileHandle): AsyncGenerator<Buffer> {
  const { transport, blob, onProgress } = options
  const { files } = base.host
  const partial = partialPath(base, blob.digest)
  const hash = sha256()
  let bytes = 0
  const { size: had } = await file.stat()
  if (had > blob.size) await file.truncate(0)
  else
    for await (const chunk of readFile(file)) {
      hash.update(chunk)
      bytes += chunk.length
      onProgress?.(bytes)
      yield chunk
    }
  const resumedAt = bytes
  for await (const chunk of fetchRest(base, options, bytes)) {
    bytes += chunk.length
    if (bytes > blob.size) break
    hash.update(chunk)
    await file.write(chunk)
    onProgress?.(bytes)
    yield chunk
  }
  const found = bytes === blob.size ? toDigest(hash) : `more than the ${blob.size} bytes it should have`
  if (found !== blob.digest) {
    await files.rm(partial, { force: true })
    if (resumedAt > 0) throw damagedBefore(transport, blob)
    throw digestMismatch(transport.endpoint.host, `the blob ${blob.digest.slice(0, 19)}`, blob.digest, found)
  }
  await file.datasync()
  await files.rename(partial, blobPath(base, blob.digest))
}
