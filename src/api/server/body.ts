/** Request bodies: JSON with a cap, everything else as a stream. */
import { Readable } from 'node:stream'
import type { ApiRequest } from './answer.ts'
import { ApiError, InvalidRequestError } from '../../errors.ts'

export const MAX_JSON_BYTES: number = 4 * 1024 * 1024

/** All bytes, at most `limit`. Throws ApiError 413. */
export async function readBytes(body: AsyncIterable<Buffer>, limit: number = MAX_JSON_BYTES): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit)
      throw new ApiError(`request body is larger than ${limit} bytes`, { status: 413, code: 'BODY_TOO_LARGE' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * The JSON object of the body; {} for none. The shape is the services' to check: they take untrusted values.
 * Throws InvalidRequestError.
 */
export async function readJson<T extends object>(request: ApiRequest, limit: number = MAX_JSON_BYTES): Promise<T> {
  const text = (await readBytes(request.body, limit)).toString('utf8')
  if (text.trim() === '') return {} as T
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new InvalidRequestError(`invalid JSON in the request body: ${(cause as Error).message}`, { cause })
  }
  if (value === null) return {} as T
  if (typeof value !== 'object' || Array.isArray(value))
    throw new InvalidRequestError('invalid JSON in the request body: not an object')
  return value as T
}

export function bodyStream(request: ApiRequest): Readable {
  return Readable.from(request.body, { objectMode: false })
}
