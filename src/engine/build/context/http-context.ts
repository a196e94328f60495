/** An address as a build context: a tar becomes its files, anything else is a Dockerfile that stands alone. */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { download, type DownloadOptions } from './download.ts'
import { unpackContext } from './tar-context.ts'
import type { EngineBase } from '../../context.ts'
import { isArchive } from '../files/archive.ts'
import { fileChunks } from '../../layers/file-chunks.ts'

type Base = Pick<EngineBase, 'host' | 'config' | 'locks'>

/** The folder is the caller's to remove. Throws HTTP_SOURCE, TAR_INVALID, DISK_FULL, CanceledError. */
export async function fetchContext(base: Base, url: string, options: DownloadOptions): Promise<string> {
  const { host, config } = base
  await using undo = new AsyncDisposableStack()
  const folder = await host.files.mkdtemp(join(config.paths.temporary, 'context-'))
  undo.defer(() => host.files.rm(folder, { recursive: true, force: true }))
  const { path } = await download(base, url, folder, options)
  if (await isArchive(base, Readable.from(fileChunks(host, path), { objectMode: false })))
    return await unpackContext(base, path, options.signal)
  await host.files.rename(path, join(folder, 'Dockerfile'))
  undo.move()
  return folder
}
