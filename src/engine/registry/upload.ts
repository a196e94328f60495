/**
 * A blob on its way to the registry: not at all when it is there, mounted when another repository of the same registry has
 * it, else sent in one stream that goes on where it broke. Source: distribution-spec "Pushing blobs".
 */
import { Readable } from 'node:stream'
import { askUpload, finishUpload, hasBlob, sendChunk, startUpload } from './client.ts'
import { blobPath } from './download.ts'
import type { Descriptor } from './manifest.ts'
import type { Transport } from './transport.ts'
import type { EngineBase } from '../context.ts'
import { CanceledError, MycomposeError } from '../../errors.ts'

type Base = Pick<EngineBase, 'config' | 'host'>

export interface UploadOptions {
  readonly transport: Transport
  readonly blob: Pick<Descriptor, 'digest' | 'size'>
  /** Repositories of the same registry that may have it. */
  readonly mountFrom: readonly string[]
  readonly signal: AbortSignal
  /** Bytes sent so far. */
  readonly onProgress: (bytes: number) => void
}

export type UploadOutcome =
  | { readonly kind: 'exists' }
  | { readonly kind: 'mounted'; readonly from: string }
  | { readonly kind: 'sent' }

const READ_BYTES = 256 * 1024
const MAX_BREAKS = 5
const FIRST_PAUSE_MS = 500

async function* readFrom(
  base: Base,
  digest: string,
  start: number,
  onBytes: (count: number) => void,
): AsyncGenerator<Buffer> {
  const file = await base.host.files.open(blobPath(base, digest), 'r')
  try {
    for (let position = start; ;) {
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position)
      if (bytesRead === 0) return
      position += bytesRead
      onBytes(position)
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

async function send(base: Base, options: UploadOptions, begun: { readonly location: URL }): Promise<void> {
  const { transport, blob, signal, onProgress } = options
  let upload = begun
  let start = 0
  for (let breaks = 1; start < blob.size; breaks += 1) {
    const from = start
    const body = (): Readable => Readable.from(readFrom(base, blob.digest, from, onProgress), { objectMode: false })
    try {
      upload = await sendChunk(transport, upload, { start, length: blob.size - start, body })
      start = blob.size
    } catch (error) {
      // only a broken way is worth another try; where the registry is now, only it can say
      const isBroken = error instanceof MycomposeError && error.code === 'REGISTRY_UNREACHABLE'
      if (!isBroken || error instanceof CanceledError || breaks === MAX_BREAKS) throw error
      await base.host.clock.sleep(FIRST_PAUSE_MS * 2 ** (breaks - 1), signal)
      const asked = await askUpload(transport, upload)
      upload = asked ?? (await startUpload(transport)) ?? upload
      start = asked?.offset ?? 0
    }
  }
  await finishUpload(transport, upload, blob.digest)
}

/** The blob's file is there. Throws REGISTRY_* errors, CanceledError. */
export async function uploadBlob(base: Base, options: UploadOptions): Promise<UploadOutcome> {
  const { transport, blob, mountFrom } = options
  if (await hasBlob(transport, blob.digest)) return { kind: 'exists' }
  for (const from of mountFrom) {
    const upload = await startUpload(transport, { digest: blob.digest, from })
    if (upload === undefined) return { kind: 'mounted', from }
    await send(base, options, upload) // not mounted: the same answer has opened an upload
    return { kind: 'sent' }
  }
  const upload = await startUpload(transport)
  if (upload !== undefined) await send(base, options, upload)
  return { kind: 'sent' }
}
