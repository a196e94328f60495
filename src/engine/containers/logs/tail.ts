/** Where the last N entries of a log's file begin: read backwards, block by block. */
import type { FileHandle } from '../../../host/host.ts'
import { lineTag } from './k8s-line.ts'

const BLOCK_BYTES = 256 * 1024
const NEWLINE = 0x0a

export interface Tail {
  /** Of the first of them. */
  readonly offset: number
  /** How many there are, at most `count`. */
  readonly found: number
}

/**
 * The last `count` entries among the first `size` bytes. `isNewest`: of the newest file, whose last entry counts even
 * when its end is still to come; of an older file, what is after its last whole entry goes on in the next one, and is
 * taken along (even with a count of 0).
 */
export async function tailOffset(
  file: FileHandle,
  size: number,
  { count, isNewest }: { readonly count: number; readonly isNewest: boolean },
): Promise<Tail> {
  if (count === 0 && isNewest) return { offset: size, found: 0 }
  let position = size
  let rest = Buffer.alloc(0) // the beginning of the block after this one, up to its first line end
  let found = 0
  while (position > 0) {
    const length = Math.min(BLOCK_BYTES, position)
    position -= length
    const read = Buffer.alloc(length)
    await file.read(read, 0, length, position)
    const block = Buffer.concat([read, rest])
    let end = block.length
    // from the last line of the block to the first whose start is known to be in it
    while (end > 0) {
      const lineEnd = block[end - 1] === NEWLINE ? end - 1 : end
      const start = lineEnd === 0 ? 0 : block.lastIndexOf(NEWLINE, lineEnd - 1) + 1
      if (start === 0 && position > 0) break
      const isLast = isNewest && position + end === size
      if (isLast || lineTag(block, start, lineEnd) === 'F') {
        // the parts of the entry before this one belong to it: only here is its beginning known
        if (found === count) return { offset: position + end, found }
        found += 1
      }
      end = start
    }
    rest = Buffer.from(block.subarray(0, end))
  }
  return { offset: 0, found }
}
