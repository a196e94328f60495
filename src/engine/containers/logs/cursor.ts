/**
 * A reader's place in a log of several files: reads at it, and goes on to the next file when nothing more will be
 * written to this one. What it has open stays readable when it is rotated away.
 */
import type { FileHandle, Files } from '../../../host/host.ts'
import { openLog, statIfExists, unpacked, type OpenLogFile } from './store.ts'
import { tailOffset } from './tail.ts'

/** Of the next byte to be read. Holds over rotations, compression and engine restarts. */
export interface LogPosition {
  readonly file: number
  readonly offset: number
}

export interface LogCursor extends AsyncDisposable {
  readonly position: LogPosition
  /** 0 at the end of this file, or when there is no log yet. */
  read(buffer: Buffer): Promise<number>
  advance(bytes: number): void
  /** True when nothing is written to this file any more: read once more to its end, then move on. */
  isClosed(): Promise<boolean>
  /** False when there is no other file (yet). */
  moveOn(): Promise<boolean>
}

export type LogStart =
  | { readonly kind: 'beginning' }
  /** The last entries; files whose last line is older than `sinceMs` are passed over. */
  | { readonly kind: 'tail'; readonly count: number }
  | { readonly kind: 'since'; readonly sinceMs: number }
  | { readonly kind: 'position'; readonly position: LogPosition }

interface Placed {
  readonly queue: OpenLogFile[]
  readonly offset: number
}

async function closeAll(opened: readonly OpenLogFile[]): Promise<void> {
  await Promise.all(opened.map(({ file }) => file.close()))
}

/** From the newest file backwards until there are enough entries. */
async function placeAtTail(files: Files, logPath: string, opened: OpenLogFile[], count: number): Promise<Placed> {
  let missing = count
  let isNewest = true
  for (let index = opened.length - 1; index >= 0; index -= 1) {
    const listed = opened[index]
    if (listed === undefined) continue
    const plain = await unpacked(files, logPath, listed)
    opened[index] = plain
    const { size } = await plain.file.stat()
    const { offset, found } = await tailOffset(plain.file, size, { count: missing, isNewest })
    if (size > 0) isNewest = false
    missing -= found
    if (offset === 0) continue // all of it, and maybe the beginning of its first entry in the file before
    await closeAll(opened.splice(0, index))
    return { queue: opened, offset }
  }
  return { queue: opened, offset: 0 }
}

async function place(files: Files, logPath: string, start: LogStart): Promise<Placed> {
  const from = start.kind === 'position' ? start.position.file : 0
  const opened = await openLog(files, logPath, from)
  if (start.kind === 'tail') return placeAtTail(files, logPath, opened, start.count)
  if (start.kind === 'since') {
    const first = opened.findIndex(({ modifiedMs }) => modifiedMs >= start.sinceMs)
    await closeAll(opened.splice(0, first < 0 ? Math.max(0, opened.length - 1) : first))
  }
  const isThere = start.kind === 'position' && opened[0]?.number === from
  return { queue: opened, offset: isThere ? start.position.offset : 0 }
}

export async function openCursor(files: Files, logPath: string, start: LogStart): Promise<LogCursor> {
  const placed = await place(files, logPath, start)
  const { queue } = placed
  let { offset } = placed
  let current = queue.shift()
  /** Of the file that is read, or was last. */
  let number = current?.number ?? 0

  async function fill(): Promise<boolean> {
    if (queue.length === 0) {
      const [first, ...rest] = await openLog(files, logPath, number + 1)
      await closeAll(rest)
      if (first !== undefined) queue.push(first)
    }
    const next = queue.shift()
    if (next === undefined) return false
    await current?.file.close()
    current = next
    ;({ number } = next)
    offset = 0
    return true
  }

  async function handle(): Promise<FileHandle | undefined> {
    if (current === undefined && !(await fill())) return undefined
    if (current?.isCompressed === true) current = await unpacked(files, logPath, current)
    return current?.file
  }

  return {
    get position() {
      return { file: number, offset }
    },
    async read(buffer) {
      const file = await handle()
      if (file === undefined) return 0
      return (await file.read(buffer, 0, buffer.length, offset)).bytesRead
    },
    advance(bytes) {
      offset += bytes
    },
    async isClosed() {
      if (current === undefined) return false
      if (queue.length > 0) return true
      const now = await statIfExists(files, logPath)
      return now !== undefined && now.inode !== current.inode
    },
    moveOn: fill,
    async [Symbol.asyncDispose]() {
      await closeAll([...(current === undefined ? [] : [current]), ...queue])
    },
  }
}
