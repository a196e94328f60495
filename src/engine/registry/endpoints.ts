/**
 * Where a registry is reached and how far it is trusted: mirrors first, the registry itself last. Settings are the JSON
 * file registries.json of the engine's root, else of /etc/mycompose; certificates lie in certs.d/<host>/ of both, or of
 * Docker and Podman: *.crt are CAs, NAME.cert and NAME.key the client's own. Read for each pull, so no restart is needed.
 *
 *   {"mirrors": {"docker.io": ["https://mirror.example"]}, "insecure": ["registry.example:5000"],
 *    "tokenServers": {"rg.example": ["api.example"]}}
 *
 * Loopback registries may speak plain HTTP without being named, as with Docker.
 */
import { join } from 'node:path'
import type { Host } from '../../host/host.ts'
import type { WebTls } from '../../host/web.ts'
import { MycomposeError, errnoOf } from '../../errors.ts'

export interface RegistryEndpoint {
  /** As people write it: "docker.io", "localhost:5000". Certificates, logins and messages go by it. */
  readonly host: string
  /** "https://registry-1.docker.io/" with a path for mirrors below one; ends with "/". */
  readonly url: URL
  readonly tls: WebTls
  readonly isMirror: boolean
  /** Plain HTTP may be spoken: insecure or loopback. HTTPS is tried first unless the URL says http. */
  readonly mayBePlain: boolean
  /** Other hosts that may be given its credentials for a token. */
  readonly tokenServers: readonly string[]
}

export interface RegistrySettings {
  readonly mirrors: Readonly<Record<string, readonly string[]>>
  readonly insecure: readonly string[]
  readonly tokenServers: Readonly<Record<string, readonly string[]>>
}

export interface SettingsPlaces {
  readonly files: readonly string[]
  readonly certificates: readonly string[]
}

export const DOCKER_HUB = 'docker.io'
const DOCKER_HUB_HOST = 'registry-1.docker.io'

const NO_SETTINGS: RegistrySettings = { mirrors: {}, insecure: [], tokenServers: {} }

/** Folders and files for an engine with this root. */
export function settingsPlaces(root: string): SettingsPlaces {
  return {
    files: [join(root, 'registries.json'), '/etc/mycompose/registries.json'],
    certificates: [join(root, 'certs.d'), '/etc/mycompose/certs.d', '/etc/docker/certs.d', '/etc/containers/certs.d'],
  }
}

function settingsError(file: string, what: string): MycomposeError {
  return new MycomposeError(`${file}: ${what}`, {
    code: 'REGISTRY_SETTINGS',
    hint: 'its form is {"mirrors": {"docker.io": ["https://mirror.example"]}, "insecure": ["registry.example:5000"]}',
  })
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function isTextLists(value: unknown): value is Readonly<Record<string, readonly string[]>> {
  return typeof value === 'object' && value !== null && Object.values(value).every((item) => isTextList(item))
}

/** PURE. `file` is for messages. Throws REGISTRY_SETTINGS. */
export function parseRegistrySettings(text: string, file: string): RegistrySettings {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw settingsError(file, `it is no JSON: ${cause instanceof Error ? cause.message : ''}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw settingsError(file, 'it is no object')
  const { mirrors = {}, insecure = [], tokenServers = {}, ...rest } = value as Record<string, unknown>
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw settingsError(file, `unknown key ${JSON.stringify(unknown)}`)
  if (!isTextLists(mirrors)) throw settingsError(file, '"mirrors" must hold lists of URLs by registry')
  if (!isTextList(insecure)) throw settingsError(file, '"insecure" must be a list of hosts')
  if (!isTextLists(tokenServers)) throw settingsError(file, '"tokenServers" must hold lists of hosts by registry')
  for (const url of Object.values(mirrors).flat())
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      throw settingsError(file, `the mirror ${JSON.stringify(url)} is no http(s) URL`)
  return { mirrors, insecure, tokenServers }
}

export async function readRegistrySettings(host: Host, places: SettingsPlaces): Promise<RegistrySettings> {
  for (const file of places.files) {
    const text = await host.files.readTextIfExists(file)
    if (text !== undefined) return parseRegistrySettings(text, file)
  }
  return NO_SETTINGS
}

/** "localhost:5000" gives "localhost", "[::1]:5000" gives "::1". */
export function hostNameOf(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

export function isLoopback(host: string): boolean {
  const name = hostNameOf(host)
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name)
}

async function listFolder(host: Host, folder: string): Promise<string[]> {
  try {
    return (await host.files.readdir(folder)).toSorted()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw error
  }
}

/** The first certs.d that knows the registry. */
async function readTls(host: Host, name: string, certificates: readonly string[], verify: boolean): Promise<WebTls> {
  for (const certs of certificates) {
    const folder = join(certs, name)
    const files = await listFolder(host, folder)
    if (files.length === 0) continue
    const read = (file: string): Promise<string> => host.files.readFile(join(folder, file), 'utf8')
    const ca = await Promise.all(files.filter((file) => file.endsWith('.crt')).map((file) => read(file)))
    const own = files.find((file) => file.endsWith('.cert') && files.includes(file.replace(/cert$/, 'key')))
    const pair = own === undefined ? {} : { cert: await read(own), key: await read(own.replace(/cert$/, 'key')) }
    return { ca, verify, ...pair }
  }
  return { verify }
}

/** TLS settings for a host that a registry redirects to. */
export async function tlsOf(
  host: Host,
  name: string,
  places: SettingsPlaces,
  settings: RegistrySettings,
): Promise<WebTls> {
  return readTls(host, name, places.certificates, !settings.insecure.includes(name))
}

async function toEndpoint(
  context: { host: Host; places: SettingsPlaces; settings: RegistrySettings },
  { name, url, isMirror }: { name: string; url: URL; isMirror: boolean },
): Promise<RegistryEndpoint> {
  const { host, places, settings } = context
  const isInsecure = settings.insecure.includes(name)
  return {
    host: name,
    url,
    tls: await readTls(host, name, places.certificates, !isInsecure),
    isMirror,
    mayBePlain: isInsecure || isLoopback(name) || url.protocol === 'http:',
    tokenServers: settings.tokenServers[name] ?? [],
  }
}

/** In the order in which they are asked. `domain` as in a Reference. `push`: mirrors are for reading. */
export async function endpointsOf(
  host: Host,
  places: SettingsPlaces,
  domain: string,
  { push }: { readonly push: boolean },
): Promise<RegistryEndpoint[]> {
  const settings = await readRegistrySettings(host, places)
  const context = { host, places, settings }
  const mirrors = push ? [] : (settings.mirrors[domain] ?? [])
  const own = new URL(`https://${domain === DOCKER_HUB ? DOCKER_HUB_HOST : domain}/`)
  return await Promise.all([
    ...mirrors.map((mirror) => {
      const url = new URL(mirror.endsWith('/') ? mirror : `${mirror}/`)
      return toEndpoint(context, { name: url.host, url, isMirror: true })
    }),
    toEndpoint(context, { name: domain, url: own, isMirror: false }),
  ])
}
