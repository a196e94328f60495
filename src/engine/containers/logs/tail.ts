/** Where the last N entries of a log begin: read backwards, block by block. */
import type { FileHandle } from '../../../host/host.ts'

const BLOCK_BYTES = 256 * 1024
const NEWLINE = 0x0a
const FULL_MARK = Buffer.from(' F ')
/** " F " stands within this many bytes of a line's start. */
const MARK_WITHIN_BYTES = 48

/** True when the line that starts at `start` ends an entry (is not a part of a longer one). */
function endsEntry(block: Buffer, start: number, end: number): boolean {
  return block.subarray(start, Math.min(end, start + MARK_WITHIN_BYTES)).includes(FULL_MARK)
}

/** Byte offset of the first of the last `count` entries among the first `size` bytes. */
export async function tailOffset(file: FileHandle, size: number, count: number): Promise<number> {
  if (count === 0) return size
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
      // a last entry without end of line counts too
      const isLast = position + end === size
      if (isLast || endsEntry(block, start, lineEnd)) {
        found += 1
        if (found > count) return position + end
      }
      end = start
    }
    rest = Buffer.from(block.subarray(0, end))
  }
  return 0
}
