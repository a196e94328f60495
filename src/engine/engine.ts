/**
 * Puts the engine together: folders, state, services in the order in which they need each other; then lets each bring
 * its records in line with the kernel. No socket and no process matters here (main.ts), so a test can open one.
 */
import { recoverSteps } from './build/run/recovery.ts'
import { createBuildService } from './build/service.ts'
import type { EngineConfig } from './config.ts'
import { createContainerService } from './containers/service.ts'
import type { EngineBase, EngineContext } from './context.ts'
import { createEvents } from './events.ts'
import { prepareFolders } from './folders.ts'
import { createImageService } from './images/service.ts'
import { chooseDriver } from './layers/driver.ts'
import { createLayerService } from './layers/service.ts'
import { createUnpacker } from './layers/unpack-pool.ts'
import { createKeyedMutex } from './locks.ts'
import { createPlatform } from './platform.ts'
import type { ContainerService } from './services/index.ts'
import { createVolumeService } from './volumes/service.ts'
import type { Host } from '../host/host.ts'
import { createNetworkService } from '../network/service.ts'
import { openStateDatabase } from '../state/database.ts'

export interface Engine {
  readonly context: EngineContext
  /** Stops watching and closes the state; containers go on. Idempotent. */
  close(): Promise<void>
}

/** Containers stand on the other services, and those ask who uses what: the circle is closed here. */
function createServices(base: EngineBase): EngineContext {
  let containers: ContainerService | undefined
  const usersOf: ContainerService['usersOf'] = (what) => containers?.usersOf(what) ?? []
  const layers = createLayerService(base)
  const images = createImageService(base, { layers, usersOf })
  const volumes = createVolumeService(base, { usersOf })
  const networks = createNetworkService(base, { usersOf })
  const platform = createPlatform(base)
  containers = createContainerService(base, { images, layers, volumes, networks, platform })
  const builds = createBuildService({ ...base, platform, layers, images, networks })
  return { ...base, platform, layers, images, volumes, networks, containers, builds }
}

/**
 * Steps of dead builds go first: they keep layers mounted. Then in the order of the layers; what lives must be known before
 * the networks let go of what nobody uses.
 */
async function recover(context: EngineContext): Promise<void> {
  const { layers, images, volumes, networks, containers, builds } = context
  await recoverSteps(context)
  await layers.recover()
  await images.recover()
  await builds.recover()
  const live = containers.live()
  await volumes.recover(live.map(({ containerId }) => containerId))
  await networks.recover(live)
  await containers.recover()
}

/** Throws ROOT_UNSAFE, STATE_VERSION, STATE_CORRUPT, STORAGE_DRIVER. */
export async function openEngine(
  config: EngineConfig,
  host: Host,
  log: EngineBase['log'] = () => {},
  options: { readonly storageDriver?: string | undefined } = {},
): Promise<Engine> {
  await using undo = new AsyncDisposableStack()
  await prepareFolders(host.files, config)
  // layers and snapshots begin in tmp/ and keep their part of the disk when they are renamed
  for (const path of [config.paths.temporary, config.paths.containers, config.paths.volumes])
    host.at.spreadFolders(path)
  const state = openStateDatabase(config.paths.database)
  undo.defer(() => state.close())
  const events = createEvents(host.clock, (error) => log('error', 'an event listener failed', { error }))
  const storageDriver = await chooseDriver({ config, host, log }, options.storageDriver)
  const unpacker = createUnpacker(host.threads)
  undo.defer(() => unpacker.close())
  const locks = createKeyedMutex()
  const context = createServices({ config, host, state, events, locks, log, storageDriver, unpacker })
  undo.defer(() => context.networks.shutdown())
  undo.defer(() => context.containers.shutdown())
  undo.defer(() => context.builds.shutdown())
  await recover(context)
  const parts = undo.move()
  return { context, close: () => parts.disposeAsync() }
}
