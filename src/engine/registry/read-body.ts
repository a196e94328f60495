/** Answers that are read whole, never more than a limit of bytes: their length is the other side's word. */
import type { Readable } from 'node:stream'
import { MycomposeError } from '../../errors.ts'

/** Destroys `body` and throws REGISTRY_ANSWER when it is longer than `limit` bytes. */
export async function readLimited(body: Readable, limit: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > limit) throw new MycomposeError(`${what} is longer than ${limit} bytes`, { code: 'REGISTRY_ANSWER' }) // ends the stream
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Reads the rest away (a little of it), so that the connection can be used again. */
export async function discardBody(body: Readable): Promise<void> {
  await readLimited(body, 65_536, 'an answer').catch(() => body.destroy())
}
