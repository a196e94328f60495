/** The folders that an overlay of recorded layers stands on. */
import { join } from 'node:path'
import type { EngineBase } from '../context.ts'
import { lowerFolders } from './overlay.ts'
import { layersOf } from './store.ts'

export async function emptyFolder({ host, config }: Pick<EngineBase, 'host' | 'config'>): Promise<string> {
  const empty = join(config.paths.root, 'empty')
  await host.files.mkdir(empty, { recursive: true, mode: 0o755 })
  return empty
}

/** Lowest first. A stack without layers stands on an empty folder: overlay wants at least one below. Throws LAYER_MISSING. */
export async function lowerOf(
  base: Pick<EngineBase, 'host' | 'config' | 'state'>,
  chainIds: readonly string[],
): Promise<string[]> {
  const folders = lowerFolders(base.config.paths.layerLinks, layersOf(base, chainIds))
  return folders.length > 0 ? folders : [await emptyFolder(base)]
}
