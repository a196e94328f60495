/** remove: the container, its write layer, log and files; its anonymous volumes when asked for. */
import { NotFoundError } from '../../errors.ts'
import type { ContainerDocument } from '../../state/containers.ts'
import { publish, type ContainersContext } from './context.ts'
import { containerFolder } from './folders.ts'
import type { Container } from './store.ts'

/** Holds the lock; it does not run. Goes on after a failure to remove a volume that another one uses. */
export async function removeLocked(
  context: ContainersContext,
  container: Container,
  options: { readonly volumes: boolean },
): Promise<void> {
  const { id, document } = container
  container.isRemoving = true
  container.pendingRestart?.abort()
  context.attachments.dismiss(container)
  await context.logKeeper.settle(id)
  // recorded first: recovery finishes what a crash leaves of it
  context.store.bury(container, { kind: 'remove', volumes: options.volumes })
  await removeFiles(context, id)
  publish(context, container, 'destroy')
  container.removed.resolve()
  if (options.volumes) await removeAnonymousVolumes(context, document)
  context.store.withdraw(id)
}

/** Its write layer, log and files: let go now, deleted a moment later. */
export async function removeFiles(context: ContainersContext, id: string): Promise<void> {
  await context.layers.release(id)
  context.rubbish.add(containerFolder(context.config, id).folder)
}

/** Those that nobody else uses. */
export async function removeAnonymousVolumes(context: ContainersContext, document: ContainerDocument): Promise<void> {
  for (const mount of document.mounts) {
    if (mount.kind !== 'volume' || !mount.anonymous) continue
    try {
      await context.volumes.remove(mount.name, { force: false })
    } catch (error) {
      const isUsed = context.store.all().some((other) => usesVolume(other, mount.name))
      if (!isUsed && !(error instanceof NotFoundError)) throw error
    }
  }
}

export function usesImage({ document }: Container, imageId: string): boolean {
  return (
    document.image.id === imageId ||
    document.mounts.some((mount) => mount.kind === 'image' && mount.imageId === imageId)
  )
}

export function usesVolume({ document }: Container, name: string): boolean {
  return document.mounts.some((mount) => mount.kind === 'volume' && mount.name === name)
}
