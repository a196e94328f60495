/** A file's bytes one chunk after the other, as a stream of Node's would give them, without its event machinery. */
import type { Host } from '../../host/host.ts'

const CHUNK_BYTES = 512 * 1024

/** To its end. `onBytes` hears how many have been read. */
export async function* fileChunks(
  { files }: Pick<Host, 'files'>,
  path: string,
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer> {
  const file = await files.open(path, 'r')
  try {
    for (let position = 0; ;) {
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
