/**
 * The images that `down --rmi` removes. "local": those that were built for the project, known by their labels, and those that
 * have the name a build would give; "all": also those that services name. As docker compose, an image that was built has to
 * be of a service that there still is, unless orphans go too. Source: docker compose down --rmi.
 */
import { parseReference, toCanonicalTag, toFamiliar } from '../api/reference.ts'
import type { EngineClient } from '../api/client/client.ts'
import type { ImageSummary } from '../api/types/index.ts'
import type { ProjectTarget } from './context.ts'
import { LABEL, projectFilter } from './labels.ts'
import { builtName } from './names.ts'
import { observeImages, type ObservedContainer } from './observe.ts'

export type ImageRemoval = 'all' | 'local'

export interface ImageWish {
  readonly mode: ImageRemoval
  /** Only of these services; empty: of all. */
  readonly services: readonly string[]
  readonly removeOrphans: boolean
}

/** A service as far as its images go. */
interface ServiceImages {
  /** What it names itself; undefined: nothing. */
  readonly named: string | undefined
  /** What its build would be called. */
  readonly implicit: string
}

/** Without a model the containers tell what services there are, and which images they name. */
function servicesOf(
  { name, project }: ProjectTarget,
  containers: readonly ObservedContainer[],
): ReadonlyMap<string, ServiceImages> {
  const implicitOf = (service: string): string => builtName(name, service)
  if (project === undefined)
    return new Map(
      containers.map(({ service, image }) => {
        const implicit = implicitOf(service)
        return [service, { named: familiar(image) === familiar(implicit) ? undefined : image, implicit }]
      }),
    )
  return new Map(
    Object.values(project.services).map((service) => [
      service.name,
      { named: service.image, implicit: implicitOf(service.name) },
    ]),
  )
}

/** One name for all ways to write it; ids and digests stay as they are. */
function familiar(reference: string): string {
  try {
    const parsed = parseReference(reference)
    return parsed.digest === undefined ? toFamiliar(toCanonicalTag(parsed)) : reference
  } catch {
    return reference
  }
}

/** The tag that the service has for it, else the first one: others are somebody's who gave them. */
function tagOf({ RepoTags }: ImageSummary, service: ServiceImages | undefined): string | undefined {
  const own = new Set([service?.named, service?.implicit].map((name) => (name === undefined ? '' : familiar(name))))
  return RepoTags.find((tag) => own.has(familiar(tag))) ?? RepoTags[0]
}

/** Names, sorted, each once. */
export async function findRemovableImages(
  client: EngineClient,
  target: ProjectTarget,
  containers: readonly ObservedContainer[],
  { mode, services, removeOrphans }: ImageWish,
): Promise<readonly string[]> {
  const known = servicesOf(target, containers)
  const isWanted = (service: string): boolean => services.length === 0 || services.includes(service)
  const wanted = [...known].filter(([service]) => isWanted(service)).map(([, images]) => images)
  const references = wanted.flatMap(({ named, implicit }) =>
    named === undefined ? [implicit] : mode === 'all' ? [named] : [],
  )
  const [present, built] = await Promise.all([
    observeImages(client, references),
    client.images.list({ filters: { ...projectFilter(target.name), dangling: ['false'] } }),
  ])
  const tags = built.flatMap((image) => {
    const service = image.Labels?.[LABEL.service] ?? ''
    const isOurs = isWanted(service) && (known.has(service) || (removeOrphans && services.length === 0))
    return isOurs ? (tagOf(image, known.get(service)) ?? []) : []
  })
  return [...new Set([...present.keys(), ...tags].map(familiar))].toSorted()
}
