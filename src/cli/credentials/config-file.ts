/**
 * The files in which container tools keep the logins of a user, as they stand: docker's config.json, read and written,
 * and Podman's auth.json, read. What is not understood is kept. Sources: docker CLI reference ("docker login",
 * "Configuration files"), man 5 containers-auth.json.
 */
import { dirname, join } from 'node:path'
import type { CliHost } from '../../host/cli-host.ts'
import { MycomposeError, errnoOf } from '../../errors.ts'

export interface LoginEntry {
  /** base64 of "user:password". */
  readonly auth?: string
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
}

/** One such file. */
export interface LoginFile {
  /** Path, or the name of the variable it came from. */
  readonly source: string
  /** By server, in any of the spellings that tools have used. */
  readonly auths: Readonly<Record<string, LoginEntry>>
  readonly credsStore: string | undefined
  readonly credHelpers: Readonly<Record<string, string>>
  /** All of it, for writing it back. */
  readonly document: Readonly<Record<string, unknown>>
}

export interface LoginPlaces {
  readonly env: Readonly<Record<string, string>>
  readonly host: Pick<CliHost, 'files' | 'homeDir' | 'sources' | 'userId'>
}

/** What a helper is called becomes a program's name: no paths. */
const HELPER = /^[A-Za-z0-9][A-Za-z0-9._-]*$/

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** docker's own, which login and logout write. */
export function dockerConfigPath({ env, host }: LoginPlaces): string {
  const folder = env['DOCKER_CONFIG']
  return join(folder === undefined || folder === '' ? join(host.homeDir, '.docker') : folder, 'config.json')
}

function podmanPaths({ env, host }: LoginPlaces): string[] {
  const chosen = env['REGISTRY_AUTH_FILE']
  if (chosen !== undefined && chosen !== '') return [chosen]
  const runtime = env['XDG_RUNTIME_DIR'] || `/run/containers/${host.userId}`
  const config = env['XDG_CONFIG_HOME'] || join(host.homeDir, '.config')
  const own = env['XDG_RUNTIME_DIR'] ? join(runtime, 'containers/auth.json') : join(runtime, 'auth.json')
  return [own, join(config, 'containers/auth.json')]
}

/** PURE. Throws LOGIN_FILE; what is in the file is not shown. */
export function parseLoginFile(text: string, source: string): LoginFile {
  let document: unknown
  try {
    document = JSON.parse(text.trim() === '' ? '{}' : text)
  } catch {
    // the parser's own message quotes the text, which may be a password
    throw loginFileError(source, 'it is no JSON')
  }
  if (!isRecord(document)) throw loginFileError(source, 'it is no object')
  const { auths = {}, credsStore, credHelpers = {} } = document
  if (!isRecord(auths) || !Object.values(auths).every((entry) => isRecord(entry)))
    throw loginFileError(source, '"auths" must hold objects by server')
  if (!isRecord(credHelpers)) throw loginFileError(source, '"credHelpers" must hold names by server')
  for (const helper of [...Object.values(credHelpers), credsStore ?? ''])
    if (typeof helper !== 'string' || (helper !== '' && !HELPER.test(helper)))
      throw loginFileError(source, `${JSON.stringify(helper)} is no name of a credential helper`)
  return {
    source,
    auths: auths as LoginFile['auths'],
    credsStore: typeof credsStore === 'string' && credsStore !== '' ? credsStore : undefined,
    credHelpers: credHelpers as Record<string, string>,
    document,
  }
}

function loginFileError(source: string, what: string): MycomposeError {
  return new MycomposeError(`cannot use the logins of ${source}: ${what}`, {
    code: 'LOGIN_FILE',
    hint: 'mend it or move it away; `mycompose login` makes a new one',
  })
}

async function readFileAt(path: string, { host }: LoginPlaces): Promise<LoginFile | undefined> {
  const text = await host.sources.readText(path)
  return text === undefined ? undefined : parseLoginFile(text, path)
}

/** An empty one when there is none. */
export async function readDockerConfig(places: LoginPlaces): Promise<LoginFile> {
  const path = dockerConfigPath(places)
  return (await readFileAt(path, places)) ?? parseLoginFile('{}', path)
}

/** In the order in which they are asked; one that cannot be used is told to `warn` and left out. */
export async function readLoginFiles(places: LoginPlaces, warn: (error: MycomposeError) => void): Promise<LoginFile[]> {
  const files: LoginFile[] = []
  const add = async (read: () => Promise<LoginFile | undefined> | LoginFile): Promise<void> => {
    try {
      const file = await read()
      if (file !== undefined) files.push(file)
    } catch (error) {
      if (!(error instanceof MycomposeError)) throw error
      warn(error)
    }
  }
  const inline = places.env['DOCKER_AUTH_CONFIG']
  if (inline !== undefined && inline !== '') await add(() => parseLoginFile(inline, 'DOCKER_AUTH_CONFIG'))
  for (const path of [dockerConfigPath(places), ...podmanPaths(places)]) await add(() => readFileAt(path, places))
  return files
}

/** For its owner's eyes only; a link stays a link. */
export async function writeLoginFile(
  { source, document }: LoginFile,
  auths: Readonly<Record<string, LoginEntry>>,
  { host }: LoginPlaces,
): Promise<void> {
  const { files } = host
  let target = source
  try {
    target = await files.realpath(source)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    await files.mkdir(dirname(source), { recursive: true, mode: 0o700 })
  }
  const text = `${JSON.stringify({ ...document, auths }, undefined, '\t')}\n`
  try {
    await files.writeAtomic(target, text, { mode: 0o600 })
  } catch (cause) {
    throw new MycomposeError(`cannot write ${target}: ${errnoOf(cause) ?? String(cause)}`, {
      code: 'LOGIN_FILE',
      cause,
    })
  }
}
