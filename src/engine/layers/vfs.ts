/**
 * The LayerService without overlay: containers/<id>/merged is a copy of the image's layers, and the write layer is that
 * copy. Nothing is ever mounted. On disk besides layers.json, as with overlay; `building` is a copy that is not complete.
 */
import { join } from 'node:path'
import type { EngineBase } from '../context.ts'
import type { LayerService } from '../services/index.ts'
import { copyLayers } from './copy-tree.ts'
import { diskUsageBytes } from './disk-usage.ts'
import { lowerFolders } from './overlay.ts'
import { recoverLayers } from './recovery.ts'
import { STORE_LOCK, layersOf } from './store.ts'
import { NotFoundError, UnsupportedError } from '../../errors.ts'

export function createVfsLayerService(base: EngineBase): LayerService {
  const { host, config, locks } = base
  const inside = (id: string, name: string): string => join(config.paths.containers, id, name)
  const lowerOf = (chainIds: readonly string[]): string[] =>
    lowerFolders(config.paths.layerLinks, layersOf(base, chainIds))

  /** Complete under its name, or not there at all. */
  async function copy(chainIds: readonly string[], target: string): Promise<void> {
    const building = `${target}.building`
    await host.files.rm(building, { recursive: true, force: true })
    await host.files.mkdir(building, { recursive: true, mode: 0o755 })
    try {
      await copyLayers(host.at, lowerOf(chainIds), building)
      await host.files.rename(building, target)
    } catch (error) {
      await host.files.rm(building, { recursive: true, force: true })
      throw error
    }
  }

  async function prepare(id: string, chainIds: readonly string[]): Promise<void> {
    const stack = inside(id, 'layers.json')
    await locks.run(STORE_LOCK, async () => {
      if (host.files.existsSync(stack)) return
      layersOf(base, chainIds)
      await host.files.mkdir(join(config.paths.containers, id), { recursive: true, mode: 0o700 })
      // from here on nobody removes the layers: the copying needs no lock
      await host.files.writeAtomic(stack, JSON.stringify(chainIds), { mode: 0o600, durable: false })
    })
    const merged = inside(id, 'merged')
    if (!host.files.existsSync(merged)) await copy(chainIds, merged)
  }

  async function release(id: string): Promise<void> {
    await host.files.rm(inside(id, 'layers.json'), { force: true })
  }

  function noWriteLayer(what: string): UnsupportedError {
    return new UnsupportedError(`${what} needs write layers, which the storage driver vfs does not have`, {
      hint: 'its containers are whole copies: export them instead, or use a root on a file system that overlay can use',
    })
  }

  return {
    writeLayer() {
      throw noWriteLayer('committing a container')
    },
    changes: () => Promise.reject(noWriteLayer('listing the changes of a container')),
    prepare,
    async mount(id) {
      const merged = inside(id, 'merged')
      if (host.files.existsSync(merged)) return merged
      throw new NotFoundError(`container ${id} has no write layer at ${merged}`)
    },
    unmount: async () => {},
    release,
    async remove(id) {
      await release(id)
      await host.files.rm(join(config.paths.containers, id), { recursive: true, force: true })
    },
    sizeBytes: (id) => diskUsageBytes(host.at, inside(id, 'merged')),
    async mountImage(chainIds, target) {
      if (!host.files.existsSync(target)) await copy(chainIds, target)
    },
    async withImageMounted(chainIds, work) {
      const folder = await host.files.mkdtemp(join(config.paths.temporary, 'look-'))
      try {
        const root = join(folder, 'root')
        await copy(chainIds, root)
        return await work(root)
      } finally {
        await host.files.rm(folder, { recursive: true, force: true })
      }
    },
    recover: () => recoverLayers(base),
  }
}
