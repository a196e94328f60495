/**
 * `services.X.build` as the engine takes it, without what has to be read first (secrets, logins). Pure.
 * Source: Compose Build Specification; what docker compose makes of it (image names, labels, platforms).
 */
import type { BuildCacheOption, BuildRequest } from '../../api/types/build.ts'
import type { BuildConfig } from '../../compose/model-build.ts'
import type { Project, Service, ServiceFile } from '../../compose/model.ts'
import { VERSION } from '../../version.ts'
import { LABEL } from '../labels.ts'
import { imageReference, platformOf } from '../names.ts'
import { present } from '../translate/present.ts'
import type { BuildOverrides } from './options.ts'
import { parseSource, type WrittenSource } from './source.ts'

/** A service with `build`. */
export type BuildableService = Service & { readonly build: BuildConfig }

export function isBuildable(service: Service): service is BuildableService {
  return service.build !== undefined
}

/** A context that is here or comes from elsewhere; "service:" ones are images that are built first. */
export type LocatedSource = Exclude<WrittenSource, { readonly kind: 'service' }>

/** A request whose sources are not looked at yet, nor its secrets read. */
export interface BuildDraft {
  readonly request: Omit<BuildRequest, 'additionalContexts' | 'context'>
  readonly context: LocatedSource
  readonly additionalContexts: Readonly<Record<string, LocatedSource>>
  readonly secrets: readonly ServiceFile[]
  /** Id -> path of a socket or a key; "" is the user's agent. */
  readonly ssh: Readonly<Record<string, string>>
  /** Services whose images are contexts of this one. */
  readonly services: readonly string[]
}

export function draftBuild(project: Project, service: BuildableService, overrides: BuildOverrides): BuildDraft {
  const { build } = service
  const used = new Set<string>()
  const locate = (text: string): LocatedSource => {
    const source = parseSource(text)
    if (source.kind !== 'service') return source
    const other = project.services[source.service] ?? project.disabledServices[source.service]
    if (other === undefined) throw new Error(`no service ${source.service}`) // validation has checked it
    used.add(other.name)
    return { kind: 'image', reference: imageReference(project.name, other) }
  }
  const context = locate(build.context)
  const additionalContexts = Object.fromEntries(
    Object.entries(build.additionalContexts ?? {}).map(([name, text]) => [name, locate(text)]),
  )
  return {
    request: toRequest(project, service, overrides),
    context,
    additionalContexts,
    secrets: build.secrets ?? [],
    ssh: { ...build.ssh, ...overrides.ssh },
    services: [...used],
  }
}

function toRequest(project: Project, service: BuildableService, overrides: BuildOverrides): BuildDraft['request'] {
  const { build } = service
  const image = imageReference(project.name, service)
  return present<BuildDraft['request']>({
    // the usual name is left to the engine, which also looks for a "dockerfile"
    dockerfile: build.dockerfile === 'Dockerfile' ? undefined : build.dockerfile,
    dockerfileInline: build.dockerfileInline,
    dockerfileLabel: labelOf(project, build),
    target: build.target,
    args: toArgs(project, { ...build.args, ...overrides.args }),
    tags: [...new Set([image, ...(build.tags ?? [])])],
    labels: {
      ...build.labels,
      [LABEL.project]: project.name,
      [LABEL.service]: service.name,
      [LABEL.version]: VERSION,
    },
    network: build.network,
    extraHosts: build.extraHosts?.map(({ host, ip }) => `${host}=${ip}`),
    shmSizeBytes: build.shmSize,
    ulimits:
      build.ulimits === undefined
        ? undefined
        : Object.entries(build.ulimits).map(([Name, { soft, hard }]) => ({ Name, Soft: soft, Hard: hard })),
    memoryBytes: overrides.memoryBytes,
    entitlements: build.entitlements,
    privileged: build.privileged,
    platforms: toPlatforms(project, service),
    pull: overrides.pull === true || build.pull === true ? true : undefined,
    noCache: overrides.noCache === true || build.noCache === true ? true : undefined,
    noCacheFilter: build.noCacheFilter,
    cacheFrom: build.cacheFrom?.map((text) => parseCacheOption(text, project.workingDir)),
    cacheTo: build.cacheTo?.map((text) => parseCacheOption(text, project.workingDir)),
    check: overrides.check,
  })
}

/** What has no value gets the project's variable of that name; what that has not either is left out. */
function toArgs(
  project: Project,
  args: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string>> | undefined {
  const known = Object.entries(args).flatMap(([name, value]): [string, string][] => {
    const known = value ?? project.environment[name]
    return known === undefined ? [] : [[name, known]]
  })
  return known.length === 0 ? undefined : Object.fromEntries(known)
}

/** The platform that the service runs on is what is needed here, of all those that the image is made for. */
function toPlatforms(project: Project, service: BuildableService): readonly string[] | undefined {
  const wanted = platformOf(project, service)
  const { platforms = [] } = service.build
  if (wanted !== undefined) return [wanted]
  return platforms.length === 0 ? undefined : platforms
}

/** As the user knows it: relative to the project's folder, "Dockerfile" of one that is in the Compose file. */
function labelOf(project: Project, { context, dockerfile, dockerfileInline }: BuildConfig): string {
  if (dockerfileInline !== undefined) return 'dockerfile_inline'
  const name = dockerfile ?? 'Dockerfile'
  const source = parseSource(context)
  if (source.kind !== 'path') return name
  const path = name.startsWith('/') ? name : `${source.path.replace(/\/$/, '')}/${name}`
  const folder = `${project.workingDir.replace(/\/$/, '')}/`
  return path.startsWith(folder) ? path.slice(folder.length) : path
}

/**
 * "type=registry,ref=web:cache" or only a reference. Local folders become absolute.
 * @example parseCacheOption("web:cache", "/p") is { type: "registry", options: { ref: "web:cache" } }
 */
export function parseCacheOption(text: string, workingDir: string): BuildCacheOption {
  if (!text.includes('=')) return { type: 'registry', options: { ref: text } }
  const fields = text.split(',').map((field) => {
    const [key = '', ...value] = field.split('=')
    return [key.trim().toLowerCase(), value.join('=')] as const
  })
  const options = Object.fromEntries(
    fields
      .filter(([key]) => key !== 'type')
      .map(([key, value]) => [
        key,
        (key === 'src' || key === 'dest') && !value.startsWith('/') ? `${workingDir}/${value}` : value,
      ]),
  )
  return { type: fields.find(([key]) => key === 'type')?.[1] ?? 'registry', options }
}
