/**
 * Questions to a registry that bring nothing here: what a name means there now, and whether a login is good.
 * Sources: Docker Engine API v1.51 DistributionInspect and SystemAuth, distribution-spec spec.md, token.md.
 */
import type { DistributionInspect } from '../../api/types/index.ts'
import type { Reference } from '../../api/reference.ts'
import type { EngineBase } from '../context.ts'
import { decodeConfig } from './image-config.ts'
import { fetchConfig, openTransports } from './pull-plan.ts'
import { fetchManifest } from '../registry/client.ts'
import { DOCKER_HUB, endpointsOf, readRegistrySettings, settingsPlaces, tlsOf } from '../registry/endpoints.ts'
import { isEndpointFailure } from '../registry/errors.ts'
import { parseManifest } from '../registry/manifest.ts'
import { discardBody } from '../registry/read-body.ts'
import { createTransport, type Transport } from '../registry/transport.ts'
import type { RegistryCredentials } from '../services/index.ts'
import { ApiError, InvalidRequestError, MycomposeError, NotFoundError } from '../../errors.ts'

async function inspectAt(transport: Transport, reference: Reference): Promise<DistributionInspect> {
  const { bytes, digest, servedAs } = await fetchManifest(transport, reference.digest ?? reference.tag ?? 'latest')
  const parsed = parseManifest(bytes, servedAs)
  const Descriptor = { mediaType: parsed.mediaType, digest, size: bytes.length }
  if (parsed.kind === 'index')
    return { Descriptor, Platforms: parsed.manifests.flatMap(({ platform }) => platform ?? []) }
  const { os, architecture, variant } = decodeConfig((await fetchConfig(transport, parsed.config)).toString())
  return { Descriptor, Platforms: [{ os, architecture, ...(variant === undefined ? {} : { variant }) }] }
}

/** From the first endpoint that knows it, mirrors first. Throws REGISTRY_* and MANIFEST_* errors. */
export async function inspectDistribution(
  base: EngineBase,
  reference: Reference,
  credentials: RegistryCredentials | undefined,
  signal: AbortSignal,
): Promise<DistributionInspect> {
  for (const transport of await openTransports(base, { reference, credentials, signal }, 'pull')) {
    try {
      return await inspectAt(transport, reference)
    } catch (error) {
      if (!transport.endpoint.isMirror || !isEndpointFailure(error)) throw error
    }
  }
  throw new NotFoundError(`no registry is known for ${reference.domain}`)
}

/** "https://index.docker.io/v1/", "https://localhost:5000", "docker.io" -> the host as a reference has it. */
function domainOf(registry: string): string {
  const host = registry.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  if (!/^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9a-fA-F:]+\](?::\d{1,5})?$/.test(host))
    throw new InvalidRequestError(`invalid registry ${JSON.stringify(registry)}`, {
      code: 'REGISTRY_NAME',
      hint: 'write it as HOST or HOST:PORT, like registry.example:5000',
    })
  return ['index.docker.io', 'registry-1.docker.io'].includes(host) ? DOCKER_HUB : host
}

/** See ImageService. A registry that asks nobody who they are takes every login. */
export async function logIn(
  base: EngineBase,
  registry: string,
  credentials: RegistryCredentials,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { host, config } = base
  const domain = domainOf(registry)
  const places = settingsPlaces(config.paths.root)
  const [endpoint] = await endpointsOf(host, places, domain, { push: true })
  if (endpoint === undefined) throw new Error('a registry has always one endpoint of its own')
  const settings = await readRegistrySettings(host, places)
  const given: { token?: string } = {}
  const transport = createTransport({
    web: host.web,
    clock: host.clock,
    endpoint,
    credentials,
    repository: '',
    actions: '',
    tlsOf: (name) => tlsOf(host, name, places, settings),
    userAgent: `mycompose/${config.version}`,
    signal,
    onRefreshToken: (token) => (given.token = token),
  })
  try {
    const target = new URL('v2/', endpoint.url)
    await discardBody((await transport.request({ method: 'GET', target, ok: [200], what: 'its users' })).body)
  } catch (error) {
    if (!(error instanceof MycomposeError) || error.code !== 'REGISTRY_DENIED') throw error
    throw new ApiError(`the registry ${domain} refuses the login: wrong user name, password or token`, {
      status: 401,
      code: 'LOGIN_REFUSED',
      hint: 'many registries want an access token in place of the password',
      cause: error,
    })
  }
  return given.token
}
