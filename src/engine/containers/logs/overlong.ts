/**
 * Files that outgrew their limit while no engine was there to rotate them: of a closed one only the end is kept, as much
 * as rotation would have kept. Killed in between, it leaves the file as it was, and a temporary one that the next cut
 * writes over. Readers keep what they have open.
 */
import { pipeline } from 'node:stream/promises'
import type { Files } from '../../../host/host.ts'
import type { LogRetention } from './log-config.ts'
import { listLog, type LogFile } from './store.ts'

const BLOCK_BYTES = 64 * 1024
const NEWLINE = 0x0a

/** Of the first line that begins at `offset` or after it. */
async function nextLine(files: Files, path: string, offset: number): Promise<number> {
  await using file = await files.open(path)
  const block = Buffer.alloc(BLOCK_BYTES)
  const { bytesRead } = await file.read(block, 0, BLOCK_BYTES, offset - 1)
  const end = block.subarray(0, bytesRead).indexOf(NEWLINE)
  return end < 0 ? offset : offset + end
}

async function keepEnd(files: Files, { path, sizeBytes, modifiedMs }: LogFile, keepBytes: number): Promise<void> {
  const temporary = `${path}.cut`
  try {
    const start = await nextLine(files, path, sizeBytes - keepBytes)
    await using source = await files.open(path)
    await using target = await files.open(temporary, 'w', 0o600)
    await pipeline(source.createReadStream({ autoClose: false, start }), async (chunks) => {
      for await (const chunk of chunks) await target.writeFile(chunk as Buffer)
    })
  } catch (error) {
    await files.rm(temporary, { force: true })
    throw error
  }
  // readers skip files by the time of their last line
  await files.utimes(temporary, modifiedMs / 1000, modifiedMs / 1000)
  await files.rename(temporary, path)
}

/** Not for logs that are sent somewhere: what is cut away would never be, and places in a file would shift. */
export async function cutOverlong(files: Files, logPath: string, { maxBytes, maxFiles }: LogRetention): Promise<void> {
  if (maxBytes === undefined || maxFiles < 2) return // the one that is written is all that is kept
  const closed = (await listLog(files, logPath)).filter(({ isCurrent }) => !isCurrent)
  const overlong = closed.findLast(({ sizeBytes, isCompressed }) => !isCompressed && sizeBytes > maxBytes * maxFiles)
  if (overlong === undefined) return
  // first those before it, compressed ones too: where the beginning is cut off the log would have a hole
  for (const { number, path } of closed) if (number < overlong.number) await files.rm(path, { force: true })
  await keepEnd(files, overlong, maxBytes * (maxFiles - 1))
}
