/**
 * A last line without its end: the disk was full, or conmon was killed while it wrote. It is ended before the next run
 * writes to the same file, so that the first line of that run is not swallowed by it.
 */
import type { Files } from '../../../host/host.ts'
import { statIfExists } from './store.ts'

const NEWLINE = 0x0a
const LINE_END = '\n'

/** Meaningful while nobody writes. */
export async function endsTorn(files: Files, logPath: string): Promise<boolean> {
  const sizeBytes = (await statIfExists(files, logPath))?.sizeBytes ?? 0
  if (sizeBytes === 0) return false
  const last = Buffer.alloc(1)
  await using file = await files.open(logPath)
  await file.read(last, 0, 1, sizeBytes - 1)
  return last[0] !== NEWLINE
}

/** Before a start. Throws when the disk is still full. */
export async function endTornLine(files: Files, logPath: string): Promise<void> {
  if (await endsTorn(files, logPath)) await files.appendFile(logPath, LINE_END)
}
