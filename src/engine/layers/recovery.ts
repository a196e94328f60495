/**
 * The store after a crash or a reboot: what tmp/ holds is rubbish, a row without its folder is no layer, a folder
 * without a row was never finished. Write layers and volumes are never touched here: they are the user's.
 */
import { join } from 'node:path'
import type { EngineBase } from '../context.ts'
import { hexOf } from './chain.ts'
import { FLOOR_NAME } from './floor-layer.ts'
import { mountPointsBelow, unmount } from './mount-points.ts'
import { freeLayers, layersOfContainers } from './store.ts'
import { deleteBuildHolds } from '../../state/builds.ts'
import { deleteLayer, listLayers } from '../../state/layers.ts'

async function clearTemporary(base: EngineBase): Promise<void> {
  const { host, config } = base
  for (const point of mountPointsBelow(host, config.paths.temporary).toReversed()) await unmount(base, point)
  for (const name of await host.files.readdir(config.paths.temporary))
    await host.files.rm(join(config.paths.temporary, name), { recursive: true, force: true })
}

/** Root file systems of containers that no row knows. Those that a row knows are the containers' own affair. */
async function unmountStrangers(base: EngineBase): Promise<void> {
  const { host, config, state, log } = base
  const known = state.prepare('SELECT 1 FROM containers WHERE id = ?')
  for (const point of mountPointsBelow(host, config.paths.containers).toReversed()) {
    const id = point.slice(config.paths.containers.length + 1).split('/')[0] ?? ''
    if (known.get(id) !== undefined) continue
    log('warn', 'unmounting the root file system of an unknown container', { target: point })
    await unmount(base, point)
  }
}

async function dropRowsWithoutFolder({ host, config, state, log }: EngineBase): Promise<void> {
  for (const { chainId } of listLayers(state)) {
    const folder = join(config.paths.layers, hexOf(chainId), 'diff')
    if (host.files.existsSync(folder)) continue
    log('error', 'a layer is gone from the disk; images on it must be made again', { chainId, folder })
    deleteLayer(state, chainId)
  }
}

async function removeHalfLayers({ host, config, state, log }: EngineBase, used: ReadonlySet<string>): Promise<void> {
  const known = new Set(listLayers(state).map((layer) => hexOf(layer.chainId)))
  for (const hex of await host.files.readdir(config.paths.layers)) {
    // a state.db that was moved away must not cost containers the layers they stand on
    if (known.has(hex) || used.has(`sha256:${hex}`)) continue
    log('info', 'removing an unfinished layer', { hex })
    await host.files.rm(join(config.paths.layers, hex), { recursive: true, force: true })
  }
  const links = new Set([FLOOR_NAME, ...listLayers(state).map((layer) => layer.shortName)])
  for (const name of await host.files.readdir(config.paths.layerLinks))
    if (!links.has(name)) await host.files.rm(join(config.paths.layerLinks, name), { force: true })
}

/** Called once at engine start, before anything uses the store. */
export async function recoverLayers(base: EngineBase): Promise<void> {
  deleteBuildHolds(base.state)
  await clearTemporary(base)
  await unmountStrangers(base)
  await dropRowsWithoutFolder(base)
  await removeHalfLayers(base, await layersOfContainers(base))
  const all = listLayers(base.state).map((layer) => layer.chainId)
  await freeLayers(base, all, () => {})
}
