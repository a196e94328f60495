/**
 * The variables that a project sees: the shell's, then --env-file or .env. COMPOSE_* of a .env file count where the
 * shell has none. Source: Compose Specification, "Interpolation"; docker compose, "Environment variables".
 */
import { posix } from 'node:path'
import { parseDotenv, type EnvMap } from './dotenv.ts'
import { lookupIn, type Lookup } from './interpolate.ts'
import { resolvePath } from './paths.ts'
import type { Problems } from './problems.ts'
import { readText } from './read-text.ts'
import type { LoadRequest, SourceReader } from './request.ts'
import { sourceFile } from './source-file.ts'

export interface ProjectVariables {
  /** Everything `${VAR}` can see. */
  readonly values: Readonly<Record<string, string>>
  /** Absolute paths of files that were named; empty when `.env` was read by default. */
  readonly envFiles: readonly string[]
}

/** Before the Compose files are known: named env files, or the .env of the folder. */
export async function loadVariables(
  request: LoadRequest,
  reader: SourceReader,
  problems: Problems,
): Promise<ProjectVariables> {
  const { environment, workingDir, projectDirectory } = request
  const named = namedEnvFiles(request)
  if (named.length > 0) {
    const fromFiles: EnvMap = {}
    const lookup: Lookup = (name) => lookupIn(environment)(name) ?? lookupIn(fromFiles)(name)
    for (const path of named) {
      const read = await readText(path, { origin: undefined, problems }, reader)
      if ('text' in read) Object.assign(fromFiles, parseDotenv(sourceFile(path, read.text), lookup, problems))
      else if (read.missing)
        problems.error(undefined, {
          code: 'FILE_NOT_FOUND',
          message: `cannot find env file ${path}`,
          hint: 'create it, or correct the path',
        })
    }
    return { values: { ...fromFiles, ...environment }, envFiles: named }
  }
  const folder = projectDirectory === undefined ? workingDir : posix.resolve(workingDir, projectDirectory)
  return { values: await withDefaultFile(environment, folder, request, { reader, problems }), envFiles: [] }
}

/** Adds the .env beside the Compose file, where that is another folder; what is set already wins. */
export async function addFolderVariables(
  variables: ProjectVariables,
  folder: string,
  request: LoadRequest,
  io: { readonly reader: SourceReader; readonly problems: Problems },
): Promise<ProjectVariables> {
  const { projectDirectory, workingDir } = request
  const first = projectDirectory === undefined ? workingDir : posix.resolve(workingDir, projectDirectory)
  if (variables.envFiles.length > 0 || folder === first) return variables
  return { ...variables, values: await withDefaultFile(variables.values, folder, request, io) }
}

async function withDefaultFile(
  values: Readonly<Record<string, string>>,
  folder: string,
  request: LoadRequest,
  { reader, problems }: { readonly reader: SourceReader; readonly problems: Problems },
): Promise<Readonly<Record<string, string>>> {
  if (isTrue(request.environment['COMPOSE_DISABLE_ENV_FILE'])) return values
  const path = posix.join(folder, '.env')
  if ((await reader.kind?.(path)) === 'directory') return values
  const read = await readText(path, { origin: undefined, problems }, reader)
  if (!('text' in read)) return values
  return { ...parseDotenv(sourceFile(path, read.text), lookupIn(values), problems), ...values }
}

function namedEnvFiles({ envFiles = [], environment, workingDir, homeDir }: LoadRequest): string[] {
  const named = envFiles.length > 0 ? envFiles : (environment['COMPOSE_ENV_FILES'] ?? '').split(',')
  return named.filter((path) => path !== '').map((path) => resolvePath(path, workingDir, homeDir))
}

export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|t|true|y|yes|on)$/i.test(value)
}
