/**
 * The login for an image: which entry of which file, or which helper. Docker keeps that of its hub under
 * "https://index.docker.io/v1/"; tools have written servers with and without scheme and path, Podman also names of
 * repositories, of which the longest counts. Sources: docker CLI reference ("docker login"), man 5 containers-auth.json.
 */
import type { AuthConfig } from '../../api/types/index.ts'
import { parseReference } from '../../api/reference.ts'
import { dockerConfigPath, readDockerConfig, readLoginFiles, writeLoginFile } from './config-file.ts'
import type { LoginEntry, LoginFile, LoginPlaces } from './config-file.ts'
import { eraseFromHelper, getFromHelper, storeInHelper, type HelperContext } from './helper.ts'
import { MycomposeError } from '../../errors.ts'

export type LoginContext = HelperContext & LoginPlaces

export const HUB = 'docker.io'
const HUB_KEY = 'https://index.docker.io/v1/'
const HUB_HOSTS = ['index.docker.io', 'registry-1.docker.io']
/** A helper's user name when its secret is an identity token. */
const TOKEN_USER = '<token>'

/** The key under which docker keeps the login of a registry. */
export function serverKey(registry: string): string {
  return registry === HUB ? HUB_KEY : registry
}

/**
 * What a key or an argument means: "host" or "host/repository", without scheme, "/v1/" and the aliases of the hub.
 * @example normaliseServer("https://index.docker.io/v1/") is "docker.io"
 */
export function normaliseServer(key: string): string {
  const hasScheme = /^https?:\/\//.test(key)
  const bare = key
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '')
  const [host = '', ...path] = bare.split('/')
  const domain = HUB_HOSTS.includes(host) ? HUB : host
  return hasScheme || path.length === 0 ? domain : [domain, ...path].join('/')
}

/** "localhost:5000/team/web" -> itself, "localhost:5000/team", "localhost:5000". */
function scopesOf(domain: string, path: string): string[] {
  const parts = path === '' ? [] : path.split('/')
  return [...parts.keys()].map((index) => [domain, ...parts.slice(0, parts.length - index)].join('/')).concat(domain)
}

/** PURE. Undefined when the entry holds no login (docker leaves `{}` where a helper has it). */
export function toAuthConfig(entry: LoginEntry, server: string): AuthConfig | undefined {
  const plain = entry.auth === undefined || entry.auth === '' ? '' : Buffer.from(entry.auth, 'base64').toString()
  const colon = plain.indexOf(':')
  // docker pads the password with NUL in old files
  const username = entry.username ?? (colon > 0 ? plain.slice(0, colon) : undefined)
  const password = entry.password ?? (colon > 0 ? plain.slice(colon + 1).replaceAll('\0', '') : undefined)
  const { identitytoken, registrytoken } = entry
  if (identitytoken) return { ...(username === undefined ? {} : { username }), identitytoken, serveraddress: server }
  if (registrytoken) return { registrytoken, serveraddress: server }
  if (username === undefined || password === undefined) return undefined
  return { username, password, serveraddress: server }
}

function fromHelper({ username, secret }: { username: string; secret: string }, server: string): AuthConfig {
  if (username === TOKEN_USER) return { identitytoken: secret, serveraddress: server }
  return { username, password: secret, serveraddress: server }
}

/** The helper of a registry: its own, else the one for all. */
function helperOf({ credHelpers, credsStore }: LoginFile, registry: string): string | undefined {
  const own = Object.entries(credHelpers).find(([key]) => normaliseServer(key) === registry)
  return own?.[1] ?? credsStore
}

async function loginIn(
  context: LoginContext,
  file: LoginFile,
  domain: string,
  path: string,
): Promise<AuthConfig | undefined> {
  const helper = helperOf(file, domain)
  const server = serverKey(domain)
  if (helper !== undefined) {
    const found = await getFromHelper(context, helper, server)
    if (found !== undefined) return fromHelper(found, server)
  }
  for (const scope of scopesOf(domain, path))
    for (const [key, entry] of Object.entries(file.auths)) {
      const found = normaliseServer(key) === scope ? toAuthConfig(entry, server) : undefined
      if (found !== undefined) return found
    }
  return undefined
}

async function findIn(
  context: LoginContext,
  { domain, path }: { readonly domain: string; readonly path: string },
  warn: (error: MycomposeError) => void,
): Promise<AuthConfig | undefined> {
  for (const file of await readLoginFiles(context, warn))
    try {
      const found = await loginIn(context, file, domain, path)
      if (found !== undefined) return found
    } catch (error) {
      // one can do without: most images are open to all
      if (!(error instanceof MycomposeError)) throw error
      warn(error)
    }
  return undefined
}

/** For an image; undefined: nobody has logged in. A file or helper that fails is told to `warn`. */
export async function loginForImage(
  context: LoginContext,
  image: string,
  warn: (error: MycomposeError) => void,
): Promise<AuthConfig | undefined> {
  return await findIn(context, parseReference(image), warn)
}

/** As `loginForImage`, for a registry ("docker.io"). */
export async function loginForRegistry(
  context: LoginContext,
  registry: string,
  warn: (error: MycomposeError) => void,
): Promise<AuthConfig | undefined> {
  return await findIn(context, { domain: registry, path: '' }, warn)
}

/** Returns where it was put: "the credential helper pass", or a path with the warning that it is in the clear. */
export async function saveLogin(
  context: LoginContext,
  registry: string,
  { username = '', password = '', identitytoken }: AuthConfig,
): Promise<{ readonly kind: 'file' | 'helper'; readonly name: string }> {
  const file = await readDockerConfig(context)
  const helper = helperOf(file, registry)
  const server = serverKey(registry)
  const others = Object.entries(file.auths).filter(([key]) => normaliseServer(key) !== registry)
  if (helper !== undefined) {
    const login =
      identitytoken === undefined ? { username, secret: password } : { username: TOKEN_USER, secret: identitytoken }
    await storeInHelper(context, helper, server, login)
    // docker's mark that there is a login, which `docker logout` and IDEs look for
    await writeLoginFile(file, { ...Object.fromEntries(others), [server]: {} }, context)
    return { kind: 'helper', name: `docker-credential-${helper}` }
  }
  const auth = Buffer.from(`${username}:${identitytoken === undefined ? password : ''}`).toString('base64')
  const entry: LoginEntry = { auth, ...(identitytoken === undefined ? {} : { identitytoken }) }
  await writeLoginFile(file, { ...Object.fromEntries(others), [server]: entry }, context)
  return { kind: 'file', name: dockerConfigPath(context) }
}

/** False when there was none. */
export async function removeLogin(context: LoginContext, registry: string): Promise<boolean> {
  const file = await readDockerConfig(context)
  const helper = helperOf(file, registry)
  const server = serverKey(registry)
  const rest = Object.entries(file.auths).filter(([key]) => normaliseServer(key) !== registry)
  const isInFile = rest.length < Object.keys(file.auths).length
  const isInHelper = helper !== undefined && (await getFromHelper(context, helper, server)) !== undefined
  if (isInHelper) await eraseFromHelper(context, helper, server)
  if (isInFile) await writeLoginFile(file, Object.fromEntries(rest), context)
  return isInFile || isInHelper
}
