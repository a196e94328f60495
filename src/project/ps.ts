/** `ps`: the project's containers in one request. */
import type { ContainerStatus, PublishedPort } from '../api/types/index.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'

export interface PsOptions {
  readonly services?: readonly string[]
  /** Stopped ones and one-offs too. */
  readonly all?: boolean
  /** Only these states; implies looking at stopped ones. */
  readonly statuses?: readonly ContainerStatus[]
  /** Containers of services that the model does not name; default true. */
  readonly orphans?: boolean
}

export interface PsContainer {
  readonly id: string
  readonly name: string
  readonly service: string
  readonly project: string
  readonly image: string
  readonly command: string
  readonly createdAtUnixSeconds: number
  readonly state: ContainerStatus
  /** "Up 3 minutes (healthy)". */
  readonly status: string
  readonly health: '' | 'starting' | 'healthy' | 'unhealthy'
  readonly exitCode: number
  readonly ports: readonly PublishedPort[]
  readonly labels: Readonly<Record<string, string>>
  readonly networks: readonly string[]
  readonly mounts: readonly string[]
  readonly localVolumes: number
}

/** Sorted by name. Throws NotFoundError NO_SUCH_SERVICE. */
export function ps(
  context: ProjectContext,
  target: ProjectTarget,
  options: PsOptions,
): Promise<readonly PsContainer[]> {
  throw new Error(`not wired yet: ${target.name} ${JSON.stringify(options)} ${context.parallel}`)
}
