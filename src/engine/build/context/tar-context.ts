/** A tar of the machine (plain, gzip, zstd, bzip2, xz) as a build context: unpacked into tmp/, with the limits against bombs. */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { NotFoundError, errnoOf } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import { unpackArchive } from '../files/archive.ts'
import { openTarget } from '../files/target.ts'
import { fileChunks } from '../../layers/file-chunks.ts'

type Base = Pick<EngineBase, 'host' | 'config'>

/** The folder is the caller's to remove. Throws CONTEXT_MISSING, TAR_INVALID, DISK_FULL, CanceledError. */
export async function unpackContext(base: Base, path: string, signal?: AbortSignal): Promise<string> {
  const { host, config } = base
  await using undo = new AsyncDisposableStack()
  const folder = await host.files.mkdtemp(join(config.paths.temporary, 'context-'))
  undo.defer(() => host.files.rm(folder, { recursive: true, force: true }))
  const target = openTarget(host, folder)
  try {
    const tar = Readable.from(fileChunks(host, path), { objectMode: false })
    await unpackArchive(base, target, '/', tar, { owner: undefined, ...(signal === undefined ? {} : { signal }) })
    target.finish(0n)
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause
    throw new NotFoundError(`the build context ${path} is not there`, { code: 'CONTEXT_MISSING', cause })
  } finally {
    target.close()
  }
  undo.move()
  return folder
}
