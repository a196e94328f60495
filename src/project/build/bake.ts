/**
 * `build --print`: the builds as a file for `docker buildx bake`. Pure. Source: the Bake file reference
 * (docs.docker.com/build/bake/reference), as JSON.
 */
import type { Project } from '../../compose/model.ts'
import { present } from '../translate/present.ts'
import type { BuildJob, BuildPlan } from './plan.ts'

/** Ends with a line feed. */
export function formatBakeFile(project: Project, { jobs }: BuildPlan): string {
  const targets = Object.fromEntries(
    [...jobs.values()].map((job) => [job.service.name, toTarget(project, job)] as const),
  )
  return `${JSON.stringify({ group: { default: { targets: Object.keys(targets) } }, target: targets }, undefined, 2)}\n`
}

function toTarget(project: Project, { service, draft }: BuildJob): object {
  const { build } = service
  const { request } = draft
  const option = ({ type, options }: { readonly type: string; readonly options: object }): object => ({
    type,
    ...options,
  })
  return present({
    context: asTarget(build.context),
    contexts:
      build.additionalContexts === undefined
        ? undefined
        : Object.fromEntries(Object.entries(build.additionalContexts).map(([name, text]) => [name, asTarget(text)])),
    dockerfile: build.dockerfile,
    'dockerfile-inline': request.dockerfileInline,
    args: request.args,
    labels: request.labels,
    tags: request.tags,
    'cache-from': request.cacheFrom?.map(option),
    'cache-to': request.cacheTo?.map(option),
    target: request.target,
    secret: nonEmpty(
      draft.secrets.map(({ source, target }) => {
        const { file, environment } = project.secrets[source] ?? {}
        return present({ id: target, src: file, env: environment, type: file === undefined ? 'env' : 'file' })
      }),
    ),
    ssh: nonEmpty(
      Object.entries(draft.ssh).map(([id, path]) => present({ id, paths: path === '' ? undefined : [path] })),
    ),
    platforms: build.platforms,
    pull: request.pull,
    'no-cache': request.noCache,
    'no-cache-filter': request.noCacheFilter,
    'shm-size': request.shmSizeBytes === undefined ? undefined : String(request.shmSizeBytes),
    ulimits: nonEmpty((request.ulimits ?? []).map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`)),
    network: request.network,
    entitlements: nonEmpty([
      ...(request.entitlements ?? []),
      ...(request.privileged === true ? ['security.insecure'] : []),
    ]),
    'extra-hosts':
      build.extraHosts === undefined
        ? undefined
        : Object.fromEntries(build.extraHosts.map(({ host, ip }) => [host, ip])),
    output: [{ type: 'docker' }],
  })
}

const nonEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list)

/** What Compose calls "service:web" is "target:web" there. */
function asTarget(text: string): string {
  return text.startsWith('service:') ? `target:${text.slice('service:'.length)}` : text
}
