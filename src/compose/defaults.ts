/**
 * A draft becomes a service: what no file says is filled in. Dependencies that other attributes imply are added, a
 * service without networks joins "default". Source: Compose Specification, the defaults of each attribute.
 */
import type { ServiceDraft } from './draft.ts'
import type { BuildConfig } from './model-build.ts'
import type { BindMount, Dependency, ExtraHost, PreStartHook, Service, ServiceNetwork, ServiceVolume } from './model.ts'

export interface CompletionOptions {
  /** What `build` without a context means. */
  readonly defaultContext: string
  /** false: without the default network and implied dependencies (`config --no-normalize`). */
  readonly isNormalised: boolean
}

/** What service-environment.ts makes of a service's variables and labels. */
export type ResolvedVariables = Pick<Service, 'environment' | 'labels' | 'envFile' | 'labelFile'>

/** Without env files: `environment` and `labels` come resolved from service-environment.ts. */
export function completeService(
  name: string,
  draft: ServiceDraft,
  resolved: ResolvedVariables,
  { defaultContext, isNormalised }: CompletionOptions = { defaultContext: '.', isNormalised: true },
): Service {
  const { envFile: _envFile, labelFile: _labelFile, ...attributes } = draft
  return {
    ...withoutEmpty(attributes),
    name,
    command: draft.command ?? null,
    entrypoint: draft.entrypoint ?? null,
    ...resolved,
    dependsOn: dependencies(draft, isNormalised),
    ports: draft.ports ?? [],
    expose: draft.expose ?? [],
    volumes: (draft.volumes ?? []).map(completeVolume),
    networks: isNormalised ? networksOf(draft) : (draft.networks ?? {}),
    secrets: draft.secrets ?? [],
    configs: draft.configs ?? [],
    profiles: draft.profiles ?? [],
    ...(draft.extraHosts === undefined ? {} : { extraHosts: byHost(draft.extraHosts) }),
    extensions: draft.extensions ?? {},
    ...(draft.build === undefined ? {} : { build: completeBuild(draft.build, { defaultContext, isNormalised }) }),
    ...(draft.preStart === undefined || !isNormalised ? {} : { preStart: draft.preStart.map(withImageOf(draft)) }),
  }
}

/** A hook that names no image runs in the service's. */
function withImageOf({ image }: ServiceDraft): (hook: PreStartHook) => PreStartHook {
  return (hook) => (image === undefined ? hook : { image, ...hook })
}

/** An empty list or mapping says as much as none; the printer would leave it out. */
function withoutEmpty<T extends object>(attributes: T): T {
  const kept = Object.entries(attributes).filter(
    ([, value]) => typeof value !== 'object' || value === null || Object.keys(value as object).length > 0,
  )
  return Object.fromEntries(kept) as T
}

/** The addresses of a host stay in their order. */
function byHost(hosts: readonly ExtraHost[]): readonly ExtraHost[] {
  return hosts.toSorted((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : 0))
}

function completeVolume(volume: ServiceVolume): ServiceVolume {
  switch (volume.type) {
    case 'bind': {
      const bind: Partial<BindMount['bind']> | undefined = volume.bind
      return { ...volume, bind: { ...bind, createHostPath: bind?.createHostPath ?? true } }
    }
    case 'volume':
      return { ...volume, volume: (volume as Partial<typeof volume>).volume ?? {} }
    case 'tmpfs':
      return { ...volume, tmpfs: (volume as Partial<typeof volume>).tmpfs ?? {} }
    case 'image':
      return { ...volume, image: (volume as Partial<typeof volume>).image ?? {} }
    case 'npipe':
    case 'cluster':
      return volume
    default:
      return volume satisfies never
  }
}

function completeBuild(build: Partial<BuildConfig>, { defaultContext, isNormalised }: CompletionOptions): BuildConfig {
  const named = { ...build, context: build.context ?? defaultContext }
  const hosts = build.extraHosts === undefined ? {} : { extraHosts: byHost(build.extraHosts) }
  const hasFile = build.dockerfile !== undefined || build.dockerfileInline !== undefined
  return { ...named, ...hosts, ...(hasFile || !isNormalised ? {} : { dockerfile: 'Dockerfile' }) }
}

function networksOf(draft: ServiceDraft): Readonly<Record<string, ServiceNetwork | null>> {
  const { networkMode, networks, provider } = draft
  if (networkMode !== undefined || provider !== undefined) return networks ?? {}
  return networks === undefined || Object.keys(networks).length === 0 ? { default: null } : networks
}

function dependencies(draft: ServiceDraft, withImplied: boolean): Record<string, Dependency> {
  const all: Record<string, Dependency> = {}
  for (const [name, declared] of Object.entries(draft.dependsOn ?? {})) {
    all[name] = {
      condition: declared.condition ?? 'service_started',
      restart: declared.restart ?? false,
      required: declared.required ?? true,
      ...(declared.extensions === undefined ? {} : { extensions: declared.extensions }),
    }
  }
  if (!withImplied) return all
  const imply = (name: string, restart: boolean): void => {
    if (!Object.hasOwn(all, name)) all[name] = { condition: 'service_started', restart, required: true }
  }
  for (const { service } of draft.links ?? []) imply(service, true)
  for (const name of namespaceServices(draft)) imply(name, true)
  for (const { kind, name } of draft.volumesFrom ?? []) if (kind === 'service') imply(name, false)
  return all
}

/** The services whose namespaces this one shares, by attribute in snake_case. */
export function namespaceReferences(service: ServiceDraft): readonly (readonly [attribute: string, name: string])[] {
  const { networkMode, ipc, pid, uts, cgroup } = service
  const attributes = Object.entries({ network_mode: networkMode, ipc, pid, uts, cgroup })
  return attributes.flatMap(([attribute, value]) =>
    value?.startsWith('service:') === true ? [[attribute, value.slice('service:'.length)] as const] : [],
  )
}

function namespaceServices(draft: ServiceDraft): string[] {
  return namespaceReferences(draft).map(([, name]) => name)
}
