/**
 * One snapshot of what a project is made of now. Four list requests at the same time, whatever the size of the project;
 * only images that the list does not name are asked for one by one.
 */
import { NotFoundError } from '../errors.ts'
import type { EngineClient } from '../api/client/client.ts'
import type { ContainerStatus, ContainerSummary, MountPoint, NetworkInspect, Volume } from '../api/types/index.ts'
import { LABEL, projectFilter } from './labels.ts'

export interface ObservedContainer {
  readonly id: string
  /** Without "/". */
  readonly name: string
  readonly service: string
  /** 0 for one-offs. */
  readonly number: number
  readonly oneOff: boolean
  readonly state: ContainerStatus
  /** It runs, but somebody's `stop` is under way. */
  readonly isStopping: boolean
  /** "" when it has no health check. */
  readonly health: '' | 'starting' | 'healthy' | 'unhealthy'
  readonly exitCode: number
  /** As it was asked for. */
  readonly image: string
  readonly imageId: string
  readonly configHash: string
  readonly labels: Readonly<Record<string, string>>
  /** Names of the networks that it is attached to. */
  readonly networks: readonly string[]
  readonly mounts: readonly MountPoint[]
  /** "8080/tcp" for each host port that it holds. */
  readonly publishedPorts: readonly string[]
}

export interface Observed {
  /** Of the project, stopped ones too, sorted by service and number. */
  readonly containers: readonly ObservedContainer[]
  /** All of the engine by name: external and unlabelled ones count too. */
  readonly networks: ReadonlyMap<string, NetworkInspect>
  readonly volumes: ReadonlyMap<string, Volume>
  /** Image reference -> id; what is absent does not exist. */
  readonly images: ReadonlyMap<string, string>
}

/** `references`: the images to look up. */
export async function observe(
  client: EngineClient,
  projectName: string,
  references: readonly string[],
): Promise<Observed> {
  const [containers, networks, volumes, images] = await Promise.all([
    observeContainers(client, projectName),
    client.networks.list(),
    client.volumes.list(),
    observeImages(client, references),
  ])
  return {
    containers,
    networks: new Map(networks.map((network) => [network.Name, network])),
    volumes: new Map(volumes.map((volume) => [volume.Name, volume])),
    images,
  }
}

/** Containers with a service label; sorted by service, number, name. */
export async function observeContainers(
  client: EngineClient,
  projectName: string,
): Promise<readonly ObservedContainer[]> {
  const summaries = await client.containers.list({ all: true, filters: projectFilter(projectName) })
  return summaries
    .filter((summary) => summary.Labels[LABEL.service] !== undefined && summary.Labels[LABEL.configHash] !== undefined)
    .map(toObserved)
    .toSorted(byServiceAndNumber)
}

export function isRunning(container: ObservedContainer): boolean {
  return container.state === 'running' || container.state === 'paused' || container.state === 'restarting'
}

/** It runs and nobody is about to stop it. */
export function staysUp(container: ObservedContainer): boolean {
  return isRunning(container) && !container.isStopping
}

function toObserved(summary: ContainerSummary): ObservedContainer {
  const labels = summary.Labels
  return {
    id: summary.Id,
    name: (summary.Names[0] ?? summary.Id).replace(/^\//, ''),
    service: labels[LABEL.service] ?? '',
    number: Number(labels[LABEL.containerNumber] ?? 0),
    oneOff: labels[LABEL.oneOff] === 'True',
    state: summary.State,
    isStopping: summary.Stopping === true,
    health: healthOf(summary.Status),
    exitCode: exitCodeOf(summary.Status),
    image: summary.Image,
    imageId: summary.ImageID,
    configHash: labels[LABEL.configHash] ?? '',
    labels,
    networks: Object.keys(summary.NetworkSettings.Networks),
    mounts: summary.Mounts,
    publishedPorts: summary.Ports.flatMap((port) =>
      port.PublicPort === undefined ? [] : [`${port.PublicPort}/${port.Type}`],
    ),
  }
}

/** The list tells health only in its text: "Up 2 seconds (health: starting)". */
export function healthOf(status: string): ObservedContainer['health'] {
  const match = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(status)?.[1]
  return match === 'starting' || match === 'healthy' || match === 'unhealthy' ? match : ''
}

/** "Exited (3) 2 minutes ago", "Restarting (1) 5 seconds ago"; 0 when it runs. */
export function exitCodeOf(status: string): number {
  return Number(/^(?:Exited|Restarting) \((-?\d+)\)/.exec(status)?.[1] ?? 0)
}

function byServiceAndNumber(left: ObservedContainer, right: ObservedContainer): number {
  return compareText(left.service, right.service) || left.number - right.number || compareText(left.name, right.name)
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/** Reference -> id, of those that are here. */
export async function observeImages(
  client: EngineClient,
  references: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(references)]
  if (wanted.length === 0) return new Map()
  const summaries = await client.images.list()
  const idByName = new Map(summaries.flatMap((image) => image.RepoTags.map((tag): [string, string] => [tag, image.Id])))
  const found = await Promise.all(
    wanted.map(async (reference): Promise<[string, string] | undefined> => {
      const id = idByName.get(withTag(reference)) ?? (await inspectImage(client, reference))
      return id === undefined ? undefined : [reference, id]
    }),
  )
  return new Map(found.filter((entry) => entry !== undefined))
}

/** "nginx" -> "nginx:latest"; a port in the registry's name is no tag, a digest stays. */
function withTag(reference: string): string {
  return /(@|:[^/]*$)/.test(reference) ? reference : `${reference}:latest`
}

/** Ids, digests and names with a registry: the engine knows how to read them. */
async function inspectImage(client: EngineClient, reference: string): Promise<string | undefined> {
  try {
    return (await client.images.inspect(reference)).Id
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}
