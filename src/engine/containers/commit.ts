/**
 * A container's state as an image (commit), as a list of changes (diff), and as one tar (export). A running container is
 * frozen while its layer is packed, unless the client says otherwise; should the engine die then, the next one lets it
 * go on. Source: Docker Engine API v1.51 ImageCommit, ContainerChanges, ContainerExport; moby daemon/commit.go.
 */
import { Readable } from 'node:stream'
import type { ContainerConfig } from '../../api/types/index.ts'
import { packRoot } from '../layers/write-layer.ts'
import { applyChanges, type ImageRuntimeConfig } from '../images/changes.ts'
import type { CommitOptions } from '../services/index.ts'
import { lockKey, publish, type ContainersContext } from './context.ts'
import { mergeConfig } from './merge-config.ts'
import { setPaused } from './stop.ts'
import type { Container } from './store.ts'
import { IMAGE_FIELDS } from '../images/image-config.ts'

/** Marks of a project's containers: what is made of the image must not be taken for one. */
const COMPOSE_LABEL = 'com.docker.compose.'

function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}

/** PURE. The container's configuration under the request's, then the instructions. Throws IMAGE_CHANGE. */
export function committedConfig(
  own: ContainerConfig,
  request: ContainerConfig,
  changes: readonly string[],
): ImageRuntimeConfig {
  const labels = Object.entries(own.Labels ?? {}).filter(([name]) => !name.startsWith(COMPOSE_LABEL))
  const base = { ...own, Labels: Object.fromEntries(labels) }
  const merged: ImageRuntimeConfig = applyChanges(mergeConfig(request, base), changes)
  const entries = IMAGE_FIELDS.map((name) => [name, merged[name]] as const)
  return Object.fromEntries(entries.filter(([, value]) => isSaid(value))) as ImageRuntimeConfig
}

const isPaused = ({ document }: Container): boolean => document.state.status === 'paused'

/** Runs `work` on a container that does not change meanwhile. */
async function whilePaused<T>(context: ContainersContext, container: Container, work: () => Promise<T>): Promise<T> {
  if (container.run === undefined || isPaused(container)) return await work()
  context.store.commit(container, { pausedForCommit: true })
  try {
    await setPaused(context, container, true)
    return await work()
  } finally {
    // stopped or let go by others meanwhile is as good
    if (isPaused(container)) await setPaused(context, container, false)
    context.store.update(container, { pausedForCommit: undefined })
  }
}

/** Holds the lock. Of an engine that died in a commit. */
export async function endCommitPause(context: ContainersContext, container: Container): Promise<void> {
  if (container.document.pausedForCommit !== true) return
  const { cgroups } = await context.platform()
  if (container.run !== undefined) await cgroups.freeze(container.run.cgroupPath, false)
  context.store.updateState(container, { status: 'running' })
  context.store.update(container, { pausedForCommit: undefined })
}

/** Returns the image's id. Throws IMAGE_CHANGE, IMAGE_REFERENCE, UnsupportedError (vfs). */
export async function commitContainer(
  context: ContainersContext,
  container: Container,
  { reference, author, comment, changes, pause, config }: CommitOptions,
): Promise<string> {
  const { document } = container
  const imageConfig = committedConfig(document.config, config, changes) // mistakes in it should not cost a pause
  const commit = (): Promise<string> =>
    context.images.commit(context.layers.writeLayer(container.id), {
      parent: { id: document.image.id, chainIds: document.image.chainIds },
      config: imageConfig,
      createdBy: [document.path, ...document.args].join(' '),
      author,
      comment,
      reference,
    })
  const id = pause ? await whilePaused(context, container, commit) : await commit()
  publish(context, container, 'commit', { comment: comment ?? '', imageID: id, imageRef: reference ?? '' })
  return id
}

async function unmountUnused({ layers, locks, log, store }: ContainersContext, container: Container): Promise<void> {
  try {
    await locks.run(lockKey(container.id), async () => {
      if (container.run === undefined && store.byId(container.id) === container) await layers.unmount(container.id)
    })
  } catch (error) {
    log('warn', 'cannot unmount what was exported', { container: container.id, error: String(error) })
  }
}

/** Its root file system without volumes. The tar must be read or destroyed. */
export async function exportContainer(context: ContainersContext, container: Container): Promise<Readable> {
  const { runtimes } = await context.platform()
  return await context.locks.run(lockKey(container.id), async () => {
    runtimes.byName(container.document.runtime).prepare()
    const root = await context.layers.mount(container.id)
    const tar = Readable.from(packRoot(context.host.at, root), { objectMode: false })
    tar.once('close', () => void unmountUnused(context, container))
    publish(context, container, 'export')
    return tar
  })
}
