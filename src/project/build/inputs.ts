/**
 * What a build reads on this machine before the engine is asked: the kinds of its contexts, its secrets, the sockets of
 * ssh agents, and the logins for the registries that its Dockerfile speaks of.
 */
import { posix } from 'node:path'
import type { BuildRequest, BuildSource } from '../../api/types/build.ts'
import type { AuthConfig } from '../../api/types/index.ts'
import type { Project, ServiceFile } from '../../compose/model.ts'
import { MycomposeError, errnoOf } from '../../errors.ts'
import type { ProjectContext } from '../context.ts'
import { mentionedImages } from './mentions.ts'
import type { BuildJob } from './plan.ts'
import { isBuildable, type BuildableService, type LocatedSource } from './request.ts'
import { parseSource } from './source.ts'

/** BuildKit's limit, too. */
const MAX_SECRET_BYTES = 500 * 1024

/** Texts by service, of contexts on this machine; what cannot be read the engine will tell of. */
export async function readDockerfiles(
  context: Pick<ProjectContext, 'readFile'>,
  project: Project,
): Promise<ReadonlyMap<string, string>> {
  const services = [...Object.values(project.services), ...Object.values(project.disabledServices)].filter(isBuildable)
  const texts = await Promise.all(
    services.map(async (service) => [service.name, await readDockerfile(context, service)] as const),
  )
  return new Map(texts.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

async function readDockerfile(
  context: Pick<ProjectContext, 'readFile'>,
  { build }: BuildableService,
): Promise<string | undefined> {
  const source = parseSource(build.context)
  if (build.dockerfileInline !== undefined) return build.dockerfileInline
  if (source.kind !== 'path') return undefined
  try {
    return (await context.readFile(posix.resolve(source.path, build.dockerfile ?? 'Dockerfile'))).toString()
  } catch {
    return undefined
  }
}

export interface CompletionNeeds {
  readonly dockerfile: string | undefined
  /** Gets the ssh agents: they are there as long as the builds. */
  readonly agents: AsyncDisposableStack
}

/** The request, whole. @throws MycomposeError BUILD_CONTEXT, BUILD_SECRET, BUILD_SSH */
export async function completeRequest(
  context: ProjectContext,
  project: Project,
  { draft, services: [service = ''] }: BuildJob,
  { dockerfile, agents }: CompletionNeeds,
): Promise<BuildRequest> {
  const entries = Object.entries(draft.additionalContexts)
  const [main, others, secrets, registryAuth] = await Promise.all([
    locate(context, draft.context, service),
    Promise.all(entries.map(async ([name, source]) => [name, await locate(context, source, service)] as const)),
    readSecrets(context, project, draft.secrets, service),
    findLogins(context, draft, dockerfile),
  ])
  const ssh: { id: string; socketPath: string }[] = []
  for (const [id, path] of Object.entries(draft.ssh)) {
    const agent = agents.use(await context.openSshAgent(agentPath(project, id, path)))
    ssh.push({ id, socketPath: agent.socketPath })
  }
  return {
    ...draft.request,
    context: main,
    ...(others.length === 0 ? {} : { additionalContexts: Object.fromEntries(others) }),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(ssh.length === 0 ? {} : { ssh }),
    ...(Object.keys(registryAuth).length === 0 ? {} : { registryAuth }),
  }
}

async function locate(context: ProjectContext, source: LocatedSource, service: string): Promise<BuildSource> {
  if (source.kind !== 'path') return source
  const kind = await context.kindOf(source.path)
  if (kind === undefined)
    throw new MycomposeError(`the build context of service "${service}" does not exist: ${source.path}`, {
      code: 'BUILD_CONTEXT',
      hint: 'relative paths start at the folder of the Compose file',
    })
  return { kind: kind === 'directory' ? 'directory' : 'tar', path: source.path }
}

type Secrets = NonNullable<BuildRequest['secrets']>

/** A variable that is not set is no secret: a step that requires it says so. */
async function readSecrets(
  context: ProjectContext,
  project: Project,
  uses: readonly ServiceFile[],
  service: string,
): Promise<Secrets> {
  const read = await Promise.all(
    uses.map(async ({ source, target, uid, gid, mode }): Promise<Secrets> => {
      const object = project.secrets[source]
      if (uid !== undefined || gid !== undefined || mode !== undefined)
        context.sink.notice({
          level: 'warning',
          text: `uid, gid and mode of build secret "${target}" are ignored: RUN --mount=type=secret has its own`,
        })
      const value = await secretValue(context, project, object ?? {}, { source, service })
      return value === undefined ? [] : [{ id: target, valueBase64: value.toString('base64') }]
    }),
  )
  return read.flat()
}

async function secretValue(
  context: ProjectContext,
  project: Project,
  object: { readonly file?: string; readonly environment?: string },
  { source, service }: { readonly source: string; readonly service: string },
): Promise<Buffer | undefined> {
  const what = `build secret "${source}" of service "${service}"`
  if (object.environment !== undefined) {
    const text = project.environment[object.environment]
    if (text === undefined) {
      context.sink.notice({ level: 'warning', text: `${what} is left out: variable ${object.environment} is not set` })
      return undefined
    }
    return Buffer.from(text)
  }
  if (object.file === undefined)
    throw new MycomposeError(`${what} has neither a file nor an environment variable`, { code: 'BUILD_SECRET' })
  try {
    const value = await context.readFile(object.file)
    if (value.length > MAX_SECRET_BYTES)
      throw new MycomposeError(`${what} is larger than ${MAX_SECRET_BYTES} bytes: ${object.file}`, {
        code: 'BUILD_SECRET',
      })
    return value
  } catch (cause) {
    if (cause instanceof MycomposeError) throw cause
    throw new MycomposeError(`cannot read ${what}: ${object.file}: ${errnoOf(cause) ?? String(cause)}`, {
      code: 'BUILD_SECRET',
      cause,
    })
  }
}

function agentPath({ environment, workingDir }: Project, id: string, path: string): string {
  const socket = path === '' ? environment['SSH_AUTH_SOCK'] : path
  if (socket !== undefined && socket !== '') return posix.resolve(workingDir, socket)
  throw new MycomposeError(`ssh agent "${id}" of the build is not there: SSH_AUTH_SOCK is not set`, {
    code: 'BUILD_SSH',
    hint: 'start one: eval "$(ssh-agent)"; ssh-add; or name its socket as ID=PATH',
  })
}

/** By the address of the registry, as X-Registry-Config has them. */
async function findLogins(
  context: ProjectContext,
  { request, context: main, additionalContexts }: BuildJob['draft'],
  dockerfile: string | undefined,
): Promise<Readonly<Record<string, AuthConfig>>> {
  const references = new Set([
    ...mentionedImages(dockerfile ?? request.dockerfileInline ?? '', request.args),
    ...[main, ...Object.values(additionalContexts)].flatMap((source) =>
      source.kind === 'image' ? [source.reference] : [],
    ),
    ...[...(request.cacheFrom ?? []), ...(request.cacheTo ?? [])].flatMap(({ options }) => options['ref'] ?? []),
  ])
  const found = await Promise.all(
    Array.from(references, async (reference) => {
      const auth = await context.loginFor?.(reference)
      return auth?.serveraddress === undefined ? [] : [[auth.serveraddress, auth] as const]
    }),
  )
  return Object.fromEntries(found.flat())
}
