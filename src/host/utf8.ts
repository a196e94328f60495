/**
 * Bytes -> text, strictly: Node's own decoding puts U+FFFD for what is broken, and a file may hold a real one.
 */
import { isUtf8 } from 'node:buffer'
import { InvalidTextError } from '../errors.ts'

const REPLACEMENT = '\uFFFD'
const REPLACEMENT_BYTES: Buffer = Buffer.from(REPLACEMENT)

/** @throws InvalidTextError with the place of the first byte that is none of UTF-8. */
export function decodeUtf8(bytes: Buffer, path: string): string {
  const text = bytes.toString('utf8')
  if (!text.includes(REPLACEMENT) || isUtf8(bytes)) return text
  let byteOffset = 0
  let from = 0
  for (let at = text.indexOf(REPLACEMENT); at !== -1; at = text.indexOf(REPLACEMENT, from)) {
    byteOffset += Buffer.byteLength(text.slice(from, at))
    const end = byteOffset + REPLACEMENT_BYTES.length
    if (!bytes.subarray(byteOffset, end).equals(REPLACEMENT_BYTES)) throw new InvalidTextError(path, text, at)
    byteOffset = end
    from = at + 1
  }
  return text
}
