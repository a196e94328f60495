/**
 * Which Compose files make the project: -f, COMPOSE_FILE, or the well-known names from the folder upward with one
 * override file beside. Source: Compose Specification, "Compose file"; docker compose, "-f".
 */
import { posix } from 'node:path'
import { MycomposeError, UnsupportedError } from '../errors.ts'
import { isRemote, resolvePath } from './paths.ts'
import type { Problems } from './problems.ts'
import type { LoadRequest, SourceReader } from './request.ts'

const NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'] as const
const OVERRIDES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
] as const

/** Absolute paths, "-" for standard input; undefined when there is no file to be found. */
export async function findComposeFiles(
  request: LoadRequest,
  variables: Readonly<Record<string, string>>,
  reader: SourceReader,
  problems: Problems,
): Promise<readonly string[] | undefined> {
  const { files = [], workingDir, homeDir, projectDirectory } = request
  const named = files.length > 0 ? files : splitFileList(variables)
  if (named.length > 0) return named.map((path) => fileNamed(path, workingDir, homeDir))
  const start = projectDirectory === undefined ? workingDir : posix.resolve(workingDir, projectDirectory)
  for (let folder = start; ; folder = posix.dirname(folder)) {
    const found = await existing(folder, NAMES, reader)
    if (found.length > 0) return await withOverride(folder, found, reader, problems)
    if (folder === posix.dirname(folder)) return undefined
  }
}

/** @throws UnsupportedError for a remote file. */
function fileNamed(path: string, workingDir: string, homeDir: string | undefined): string {
  if (path === '-') return path
  if (!isRemote(path)) return resolvePath(path, workingDir, homeDir)
  throw new UnsupportedError(`cannot read the Compose file "${path}": remote files are not supported yet`, {
    code: 'REMOTE_FILE',
    hint: 'fetch it first (git clone, oras pull), then name the local copy with -f',
  })
}

export function noComposeFile(request: LoadRequest): MycomposeError {
  return new MycomposeError(`no Compose file in ${request.workingDir} or any folder above it`, {
    code: 'NO_COMPOSE_FILE',
    hint: 'create compose.yaml, name one with -f, or name a running project with -p',
  })
}

function splitFileList(variables: Readonly<Record<string, string>>): string[] {
  const separator = variables['COMPOSE_PATH_SEPARATOR'] ?? ':'
  return (variables['COMPOSE_FILE'] ?? '').split(separator === '' ? ':' : separator).filter((path) => path !== '')
}

async function withOverride(
  folder: string,
  found: readonly string[],
  reader: SourceReader,
  problems: Problems,
): Promise<readonly string[]> {
  const [main = ''] = found
  if (found.length > 1) warnSeveral('Compose files', found, main, problems)
  const overrides = await existing(folder, OVERRIDES, reader)
  const [override] = overrides
  if (override === undefined) return [main]
  if (overrides.length > 1) warnSeveral('override files', overrides, override, problems)
  return [main, override]
}

function warnSeveral(what: string, found: readonly string[], used: string, problems: Problems): void {
  const message = `several ${what} in one folder: ${found.map((path) => posix.basename(path)).join(', ')}; using ${used}`
  problems.warn(undefined, { code: 'SEVERAL_FILES', message, hint: 'name the one you mean with -f' })
}

async function existing(folder: string, names: readonly string[], reader: SourceReader): Promise<string[]> {
  const paths = names.map((name) => posix.join(folder, name))
  const exist = await Promise.all(paths.map(async (path) => await reader.exists(path)))
  return paths.filter((_, index) => exist[index])
}
