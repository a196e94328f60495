/**
 * A blob on its way to the registry: not at all when it is there, mounted when another repository of the same registry has
 * it, else sent in one stream that goes on where it broke. Source: distribution-spec "Pushing blobs".
 */
import { Readable } from 'node:stream'
import { askUpload, finishUpload, hasBlob, sendChunk, startUpload, type Upload } from './client.ts'
import { blobPath } from './download.ts'
import type { Descriptor } from './manifest.ts'
import type { Transport } from './transport.ts'
import type { EngineBase } from '../context.ts'
import { fileChunks } from '../layers/file-chunks.ts'
import { MycomposeError } from '../../errors.ts'

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

const MAX_BREAKS = 5
const FIRST_PAUSE_MS = 500

/** Undefined when it did not arrive whole: where the registry stands now, only it can say. */
async function sendRest(
  base: Base,
  { transport, blob, onProgress }: UploadOptions,
  upload: NonNullable<Upload>,
  start: number,
): Promise<Upload> {
  const chunks = (): AsyncGenerator<Buffer> => fileChunks(base.host, blobPath(base, blob.digest), onProgress, start)
  const body = (): Readable => Readable.from(chunks(), { objectMode: false })
  try {
    return await sendChunk(transport, upload, { start, length: blob.size - start, body })
  } catch (error) {
    if (error instanceof MycomposeError && error.code === 'REGISTRY_UNREACHABLE') return undefined
    throw error // another try would not help
  }
}

/** The answer may be lost on its way: the registry, asked again, has forgotten the upload and has the blob. */
async function finish(transport: Transport, upload: NonNullable<Upload>, digest: string): Promise<void> {
  try {
    await finishUpload(transport, upload, digest)
  } catch (error) {
    const isForgotten = error instanceof MycomposeError && error.code === 'REGISTRY_NOT_FOUND'
    if (!isForgotten || !(await hasBlob(transport, digest))) throw error
  }
}

async function send(base: Base, options: UploadOptions, begun: NonNullable<Upload>): Promise<void> {
  const { transport, blob, signal } = options
  let upload = begun
  let start = 0
  for (let breaks = 1; start < blob.size; breaks += 1) {
    const sent = await sendRest(base, options, upload, start)
    if (sent !== undefined) {
      await finish(transport, sent, blob.digest)
      return
    }
    if (breaks === MAX_BREAKS)
      throw new MycomposeError(`uploads to the registry ${transport.endpoint.host} break again and again`, {
        code: 'REGISTRY_UNREACHABLE',
        hint: 'try again later: blobs that have arrived are not sent again',
      })
    await base.host.clock.sleep(FIRST_PAUSE_MS * 2 ** (breaks - 1), signal)
    // distribution 2 takes a broken part and forgets the upload then: it begins again
    const asked = await askUpload(transport, upload)
    upload = asked ?? (await startUpload(transport)) ?? upload
    start = asked?.offset ?? 0
  }
  await finish(transport, upload, blob.digest)
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
