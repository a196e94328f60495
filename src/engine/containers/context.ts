/** What the parts of the container service share. */
import type { ContainerDocument } from '../../state/containers.ts'
import type { EngineBase } from '../context.ts'
import type { ImageService, LayerService, NetworkService, VolumeService } from '../services/index.ts'
import type { Attachments } from './attach.ts'
import type { LogKeeper } from './logs/keeper.ts'
import type { Platform } from '../platform.ts'
import type { Rubbish } from './rubbish.ts'
import type { Container, ContainerStore } from './store.ts'

export interface ContainerDependencies {
  readonly images: ImageService
  readonly layers: LayerService
  readonly volumes: VolumeService
  readonly networks: NetworkService
  platform(): Promise<Platform>
}

export interface ContainersContext extends EngineBase, ContainerDependencies {
  readonly store: ContainerStore
  readonly rubbish: Rubbish
  readonly logKeeper: LogKeeper
  readonly attachments: Attachments
  /** Creates and removals that the last engine did not live to end: recovery's work. */
  readonly interrupted: readonly ContainerDocument[]
  /** Set at shutdown: watchers, timers and monitors end. */
  readonly closing: AbortController
  /** Set when the machine goes down: what ends now is started by the next engine, and nothing starts any more. */
  readonly halting: AbortController
}

/** Publishes a container's event with the attributes that Docker gives it: labels, image, name. */
export function publish(
  context: Pick<EngineBase, 'events'>,
  { id, document }: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  const { config, image, name } = document
  context.events.publish({
    Type: 'container',
    Action: action,
    Actor: { ID: id, Attributes: { ...config.Labels, image: image.reference, name, ...attributes } },
  })
}

export const lockKey = (id: string): string => `container:${id}`
