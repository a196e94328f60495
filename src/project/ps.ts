/** `ps`: the project's containers in one request. */
import type { ContainerStatus, ContainerSummary, PublishedPort } from '../api/types/index.ts'
import { NotFoundError } from '../errors.ts'
import type { ProjectContext, ProjectTarget } from './context.ts'
import { LABEL, projectFilter } from './labels.ts'
import { exitCodeOf, healthOf } from './observe.ts'

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
export async function ps(
  context: ProjectContext,
  target: ProjectTarget,
  options: PsOptions,
): Promise<readonly PsContainer[]> {
  // stopped ones too: a service whose containers have ended is no unknown service
  const summaries = await context.client.containers.list({ all: true, filters: projectFilter(target.name) })
  const containers = summaries.filter((summary) => summary.Labels[LABEL.service] !== undefined).map(toPsContainer)
  checkServices(target, containers, options.services ?? [])
  return containers
    .filter((container) => isWanted(target, container, options))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
}

function isWanted({ project }: ProjectTarget, container: PsContainer, options: PsOptions): boolean {
  const { services = [], statuses = [], all = false, orphans = true } = options
  const isOneOff = container.labels[LABEL.oneOff] === 'True'
  if (isOneOff && !all) return false
  if (services.length > 0 && !services.includes(container.service)) return false
  if (!orphans && project !== undefined && project.services[container.service] === undefined) return false
  if (statuses.length > 0) return statuses.includes(container.state)
  return all || ['running', 'paused', 'restarting'].includes(container.state)
}

function checkServices(
  { project }: ProjectTarget,
  containers: readonly PsContainer[],
  services: readonly string[],
): void {
  const unknown = services.find(
    (name) =>
      project?.services[name] === undefined &&
      project?.disabledServices[name] === undefined &&
      !containers.some(({ service }) => service === name),
  )
  if (unknown !== undefined) throw new NotFoundError(`no such service: ${unknown}`, { code: 'NO_SUCH_SERVICE' })
}

function toPsContainer(summary: ContainerSummary): PsContainer {
  const { Labels: labels, Mounts: mounts } = summary
  return {
    id: summary.Id,
    name: (summary.Names[0] ?? summary.Id).replace(/^\//, ''),
    service: labels[LABEL.service] ?? '',
    project: labels[LABEL.project] ?? '',
    image: summary.Image,
    command: summary.Command,
    createdAtUnixSeconds: summary.Created,
    state: summary.State,
    status: summary.Status,
    health: healthOf(summary.Status),
    exitCode: exitCodeOf(summary.Status),
    ports: summary.Ports,
    labels,
    networks: Object.keys(summary.NetworkSettings.Networks),
    mounts: mounts.map((mount) => mount.Name ?? mount.Source),
    localVolumes: mounts.filter((mount) => mount.Driver === 'local').length,
  }
}
