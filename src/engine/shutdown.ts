/**
 * The end of an engine. Containers go on, unless all are asked to stop; what then belongs to nobody (the nft table, empty
 * cgroup parents, the run folder) is removed, so that a stopped engine without containers leaves only its root.
 */
import { HALT_GRACE_SECONDS } from './config.ts'
import type { Engine } from './engine.ts'
import type { EngineContext } from './context.ts'
import { forgetForwarding, restoreForwarding } from '../network/forwarding.ts'

/** What becomes of the containers: they go on; they end as by a user's stop; they end until the next boot. */
export type ContainersFate = 'keep' | 'stop' | 'halt'

/** Before the end, after the server has let go of its clients. Failures are logged, not thrown. */
export async function settleContainers(context: EngineContext, fate: ContainersFate): Promise<void> {
  switch (fate) {
    case 'keep':
      return
    case 'stop':
      return stopAllContainers(context)
    case 'halt':
      return context.containers.halt({ maxGraceSeconds: HALT_GRACE_SECONDS })
    default:
      return fate satisfies never
  }
}

/** Every running container, all at once, each with its own grace. */
async function stopAllContainers({ containers, log }: EngineContext): Promise<void> {
  const running = await containers.list({ all: false, size: false, filters: {} })
  await Promise.all(
    running.map(async ({ Id, Names }) => {
      try {
        await containers.stop(Id, {})
      } catch (error) {
        log('error', 'cannot stop a container at shutdown', { name: Names[0], error })
      }
    }),
  )
}

/** The engine's parent cgroups, in every hierarchy; the kernel refuses those that are not empty. */
async function removeCgroupParents({ config, host }: EngineContext): Promise<void> {
  const top = '/sys/fs/cgroup'
  const hierarchies = [top, ...host.files.readdirSync(top).map((name) => `${top}/${name}`)]
  for (const hierarchy of hierarchies) await host.files.rmdir(`${hierarchy}/${config.cgroupParent}`).catch(() => {})
}

/** Bridges and table: the networks are made again from the state when the next engine starts. */
async function removeNetworkTraces(context: EngineContext): Promise<void> {
  const { config, host, log } = context
  try {
    const links = host.files.readdirSync('/sys/class/net').filter((name) => name.startsWith(config.bridgePrefix))
    await Promise.all(links.map((name) => host.links.removeAsync(name)))
    if ((await host.nft.list(`table inet ${config.nftTable}`)) !== undefined)
      await host.nft.apply(`delete table inet ${config.nftTable}\n`)
    restoreForwarding(context)
    await forgetForwarding(context)
  } catch (error) {
    log('warn', 'cannot remove the network of an engine without containers', { error })
  }
}

/** Only what is empty, and the lock file last: the lock itself is on the inode, see ProcessControl.lock. */
async function removeRunFolder({ config, host }: EngineContext): Promise<void> {
  const { paths } = config
  for (const path of [paths.netns, paths.exits, paths.runtime, paths.buildSteps])
    await host.files.rmdir(path).catch(() => {})
  await host.files.rm(`${paths.run}/empty`, { force: true }) // of the hybrid view
  const left = host.files.readdirSync(paths.run).map((name) => `${paths.run}/${name}`)
  if (left.some((path) => path !== paths.lock)) return
  await host.files.rm(paths.lock, { force: true })
  await host.files.rmdir(paths.run).catch(() => {})
}

/** Closes the engine; what still runs goes on. */
export async function endEngine(engine: Engine): Promise<void> {
  const { context } = engine
  const { config, host } = context
  const isIdle = context.containers.live().length === 0
  await engine.close()
  await host.files.rm(config.paths.socket, { force: true })
  if (isIdle) {
    await removeNetworkTraces(context)
    await removeCgroupParents(context)
  }
  // after all the work: `engine stop` waits for this
  await host.files.rm(config.paths.pidFile, { force: true })
  if (isIdle) await removeRunFolder(context)
}
