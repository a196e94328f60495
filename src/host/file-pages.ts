/**
 * Gives pages of program files (node's own code and constants) back to the page cache. Half of them were used for the
 * start only, and the kernel maps sixteen at each touch; what is needed comes back from the cache by a minor fault.
 * Source: man 2 madvise (MADV_DONTNEED on a private file mapping), man 5 proc_pid_smaps.
 */
import { readFileSync } from 'node:fs'
import type { Libc } from './libc.ts'

const MADV_DONTNEED = 4
const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) +(\/.*)?$/

export interface FileRange {
  readonly start: bigint
  readonly bytes: bigint
}

/**
 * The mappings of `program` that can be dropped: not writable, and no page of them changed since (relocated constants
 * are; without them the program dies). PURE
 */
export function cleanRanges(smaps: string, program: string): FileRange[] {
  const ranges: FileRange[] = []
  let current: FileRange | undefined
  for (const line of smaps.split('\n')) {
    const header = HEADER.exec(line)
    if (header !== null) {
      const [, from = '0', to = '0', permissions = '', , path] = header
      const start = BigInt(`0x${from}`)
      const isOurs = path === program && !permissions.includes('w')
      current = isOurs ? { start, bytes: BigInt(`0x${to}`) - start } : undefined
    } else if (current !== undefined && /^Anonymous: +0 kB$/.test(line)) ranges.push(current)
  }
  return ranges
}

/** Returns what drops them, as often as it is called. */
export function createFilePageRelease(libc: Libc): () => void {
  const madvise = libc.func('int madvise(uintptr_t start, size_t bytes, int advice)')
  let ranges: readonly FileRange[] | undefined
  return () => {
    ranges ??= cleanRanges(readFileSync('/proc/self/smaps', 'utf8'), process.execPath)
    for (const { start, bytes } of ranges) madvise(start, bytes, MADV_DONTNEED)
  }
}
