/**
 * The store after a crash or a reboot: what tmp/ holds is rubbish, a row without its folder is no layer, a folder
 * without a row was never finished. Write layers and volumes are never touched here: they are the user's.
 */
import { join } from 'node:path'
import type { EngineBase } from '../context.ts'
import { hexOf } from './chain.ts'
import { FLOOR_NAME } from './floor-layer.ts'
import { mountPointsBelow, unmount } from './mount-points.ts'
import { currentBoot, freeLayers, layersOfContainers } from './store.ts'
import { deleteBuildHolds } from '../../state/builds.ts'
import { listImages } from '../../state/images.ts'
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

/** Layers of build steps that were in memory alone when the machine went down: nobody knows what of them is on the disk. */
function dropPending(base: EngineBase): void {
  const { state, log } = base
  const boot = currentBoot(base)
  // what an image stands on was brought to the disk with it, whatever its row says
  const safe = new Set(listImages(state).flatMap(({ chainIds }) => chainIds))
  for (const { chainId, pendingBoot } of listLayers(state)) {
    if (pendingBoot === undefined || pendingBoot === boot || safe.has(chainId)) continue
    log('info', 'a layer of the build cache did not outlive the boot', { chainId })
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
  dropPending(base)
  await removeHalfLayers(base, await layersOfContainers(base))
  const all = listLayers(base.state).map((layer) => layer.chainId)
  await freeLayers(base, all, () => {})
}
