/** A file's bytes one chunk after the other, as a stream of Node's would give them, without its event machinery. */
import type { Host } from '../../host/host.ts'

const CHUNK_BYTES = 512 * 1024

/** From the byte `start` to its end. `onBytes` hears where the reading stands. */
export async function* fileChunks(
  { files }: Pick<Host, 'files'>,
  path: string,
  onBytes: (position: number) => void = () => {},
  start = 0,
): AsyncGenerator<Buffer> {
  const file = await files.open(path, 'r')
  try {
    for (let position = start; ;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, position)
      if (bytesRead === 0) return
      position += bytesRead
      onBytes(position)
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
