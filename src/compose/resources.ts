/**
 * The project's networks, volumes, secrets, configs: real names, the implicit default network, and which of them the
 * enabled services use. Source: Compose Specification, the top-level elements.
 */
import type { ProjectDraft } from './draft.ts'
import type { FileObject, Network, Project, Service, Volume } from './model.ts'

export type Resources = Pick<Project, 'networks' | 'volumes' | 'secrets' | 'configs'>

/** All declared ones, and "default" when a service joins it. */
export function completeResources(
  projectName: string,
  draft: ProjectDraft,
  services: Readonly<Record<string, Service>>,
): Resources {
  const usesDefault = Object.values(services).some((service) => Object.hasOwn(service.networks, 'default'))
  const networks = { ...draft.networks }
  if (usesDefault) networks['default'] ??= {}
  return {
    networks: named<Network>(projectName, networks),
    volumes: named<Volume>(projectName, draft.volumes ?? {}),
    secrets: named<FileObject>(projectName, draft.secrets ?? {}),
    configs: named<FileObject>(projectName, draft.configs ?? {}),
  }
}

interface Named {
  readonly name: string
  readonly external: boolean
}

function named<T extends Named>(projectName: string, drafts: Readonly<Record<string, Partial<T>>>): Record<string, T> {
  return Object.fromEntries(
    sortedEntries(drafts).map(([key, draft]) => {
      const external = draft.external ?? false
      const name = draft.name ?? (external ? key : `${projectName}_${key}`)
      return [key, { ...draft, name, external } as T]
    }),
  )
}

/** Only what an enabled service refers to. */
export function usedResources(all: Resources, services: Readonly<Record<string, Service>>): Resources {
  const used = {
    networks: new Set<string>(),
    volumes: new Set<string>(),
    secrets: new Set<string>(),
    configs: new Set<string>(),
  }
  for (const service of Object.values(services)) {
    for (const key of Object.keys(service.networks)) used.networks.add(key)
    for (const volume of service.volumes) {
      if (volume.type === 'volume' && volume.source !== undefined) used.volumes.add(volume.source)
    }
    for (const { source } of [...service.secrets, ...(service.build?.secrets ?? [])]) used.secrets.add(source)
    for (const { source } of service.configs) used.configs.add(source)
  }
  return {
    networks: pick(all.networks, used.networks),
    volumes: pick(all.volumes, used.volumes),
    secrets: pick(all.secrets, used.secrets),
    configs: pick(all.configs, used.configs),
  }
}

function pick<T>(all: Readonly<Record<string, T>>, keys: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => keys.has(key)))
}

export function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}
