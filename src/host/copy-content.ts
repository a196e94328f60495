/**
 * The content of one open file into another, an empty one: blocks are shared where the file system can (btrfs, xfs),
 * else copied inside the kernel, else by us; holes stay holes. Sync.
 * Source: man 2 ioctl_ficlone, copy_file_range, sendfile, lseek (SEEK_DATA, SEEK_HOLE).
 */
import * as fs from 'node:fs'
import { CanceledError } from '../errors.ts'
import type { Libc } from './libc.ts'

const FICLONE = 0x40049409
const SEEK_SET = 0
const SEEK_DATA = 3
const SEEK_HOLE = 4
/** Other file systems, old kernels, /proc: then plain reads and writes do it. */
const CANNOT = new Set(['EXDEV', 'EINVAL', 'ENOSYS', 'EOPNOTSUPP', 'ENOTSUP', 'EPERM', 'EBADF'])
const BUFFER_BYTES = 256 * 1024

const LONG_PIECE_BYTES = 16 * 2 ** 20

/** copy_file_range(2) within one kind of file system, sendfile(2) between any two (into an overlay). */
type CopyWay = 'pipe' | 'range'

interface Piece {
  readonly start: number
  readonly end: number
}

/** Throws KernelError (ENOSPC, EIO). */
export type CopyContent = (from: number, to: number, sizeBytes: number) => void

function copyByHand(from: number, to: number, start: number, end: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(BUFFER_BYTES, end - start))
  for (let at = start; at < end;) {
    const count = fs.readSync(from, buffer, 0, Math.min(buffer.length, end - at), at)
    if (count === 0) return // it became shorter
    for (let done = 0; done < count;) done += fs.writeSync(to, buffer, done, count - done, at + done)
    at += count
  }
}

/** The same on worker threads, for files that take longer than others may wait. */
export type CopyLongContent = (from: number, to: number, sizeBytes: number, signal?: AbortSignal) => Promise<void>

export interface ContentCopier {
  readonly copyContent: CopyContent
  readonly copyLongContent: CopyLongContent
}

export function createCopyContent(libc: Libc): ContentCopier {
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, int argument)')
  const lseek = libc.func('int64_t lseek(int fd, int64_t offset, int whence)')
  const sendFile = libc.func('int64_t sendfile(int to, int from, void *offset, size_t length)')
  const copyRange = libc.func(
    'int64_t copy_file_range(int from, void *fromOffset, int to, void *toOffset, size_t length, uint flags)',
  )

  function copyPiece(from: number, to: number, start: number, end: number): void {
    lseek(from, start, SEEK_SET)
    lseek(to, start, SEEK_SET)
    for (let at = start; at < end;) {
      const count = Number(copyRange(from, null, to, null, end - at, 0))
      if (count < 0 && !CANNOT.has(libc.errno())) throw libc.error('cannot copy a file')
      // 0: the end, or a file system (old overlay, /proc) that says nothing better
      if (count <= 0) return copyByHand(from, to, at, end)
      at += count
    }
  }

  /** The next piece that is no hole; undefined: nothing but a hole until the end. */
  function nextPiece(from: number, at: number, sizeBytes: number): Piece | undefined {
    const data = Number(lseek(from, at, SEEK_DATA))
    if (data < 0 && libc.errno() === 'ENXIO') return undefined
    const start = data < 0 ? at : data
    const hole = data < 0 ? -1 : Number(lseek(from, start, SEEK_HOLE))
    return { start, end: hole < 0 ? sizeBytes : Math.min(hole, sizeBytes) }
  }

  /** How many bytes were copied; 0 where the kernel cannot, whose errno stays with the other thread. */
  function copyAside(way: CopyWay, from: number, to: number, start: number, length: number): Promise<number> {
    lseek(from, start, SEEK_SET)
    lseek(to, start, SEEK_SET)
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, count: number | bigint): void => {
        if (error === null) resolve(Math.max(0, Number(count)))
        else reject(error)
      }
      if (way === 'range') copyRange.async(from, null, to, null, length, 0, done)
      else sendFile.async(to, from, null, length, done)
    })
  }

  return {
    copyContent(from, to, sizeBytes) {
      if (ioctl(to, FICLONE, from) === 0) return
      for (let at = 0; at < sizeBytes;) {
        const piece = nextPiece(from, at, sizeBytes)
        if (piece === undefined) break
        copyPiece(from, to, piece.start, piece.end)
        at = piece.end
      }
      fs.ftruncateSync(to, sizeBytes)
    },
    async copyLongContent(from, to, sizeBytes, signal) {
      if (ioctl(to, FICLONE, from) === 0) return
      let ways: readonly CopyWay[] = ['range', 'pipe']
      for (let at = 0; at < sizeBytes;) {
        const piece = nextPiece(from, at, sizeBytes)
        if (piece === undefined) break
        for (at = piece.start; at < piece.end;) {
          if (signal?.aborted === true) throw new CanceledError('copying a file was canceled')
          const length = Math.min(LONG_PIECE_BYTES, piece.end - at)
          const [way] = ways
          const count = way === undefined ? length : await copyAside(way, from, to, at, length)
          // by hand it either works, or says what is wrong
          if (way === undefined) copyByHand(from, to, at, at + length)
          if (count === 0) ways = ways.slice(1)
          at += count
        }
      }
      fs.ftruncateSync(to, sizeBytes)
    },
  }
}
