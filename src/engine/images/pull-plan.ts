/**
 * What a pull has to bring: the manifest of the right platform and the configuration, from the first endpoint that has
 * them. Small documents only; every one of them is checked before the first layer is asked for.
 */
import type { ImageConfig } from '../../api/types/index.ts'
import type { EngineBase } from '../context.ts'
import { decodeConfig } from './image-config.ts'
import { toCanonicalTag, type Reference } from '../../api/reference.ts'
import { readKnownConfig, readKnownManifest } from './known-documents.ts'
import type { Document } from './store.ts'
import { fetchBlob, fetchManifest, findManifest, type FetchedManifest } from '../registry/client.ts'
import type { RegistryCredentials } from '../services/index.ts'
import { endpointsOf, readRegistrySettings, settingsPlaces, tlsOf } from '../registry/endpoints.ts'
import { isEndpointFailure } from '../registry/errors.ts'
import { manifestError, parseManifest, type Index, type Manifest, type Platform } from '../registry/manifest.ts'
import { choosePlatform, formatPlatform, matchesPlatform } from '../registry/platform.ts'
import { createTransport, type Transport } from '../registry/transport.ts'
import { NotFoundError } from '../../errors.ts'
import { findTag } from '../../state/tags.ts'

export interface PullWish {
  readonly reference: Reference
  readonly platform: Platform
  /** The user named the platform: an image of another one is an error. */
  readonly isPlatformAsked: boolean
  readonly credentials: RegistryCredentials | undefined
  readonly signal: AbortSignal
}

export interface PullPlan {
  readonly transport: Transport
  /** Who may have the layers when that one has not. */
  readonly fallbacks: readonly Transport[]
  readonly manifest: Manifest
  readonly manifestDocument: Document
  /** The index it was chosen from. */
  readonly indexDocument: Document | undefined
  readonly config: ImageConfig
  readonly configBytes: Buffer
  /** What the name meant at the registry: of the index, else of the manifest. */
  readonly digest: string
}

const MAX_CONFIG_BYTES = 4 * 2 ** 20

/** Transports to all places that may have the image, mirrors first. */
export async function openTransports(
  base: EngineBase,
  { reference, credentials, signal }: Pick<PullWish, 'credentials' | 'reference' | 'signal'>,
  actions: 'pull' | 'pull,push',
): Promise<Transport[]> {
  const { host, config } = base
  const places = settingsPlaces(config.paths.root)
  const settings = await readRegistrySettings(host, places)
  const endpoints = await endpointsOf(host, places, reference.domain, { push: actions !== 'pull' })
  return endpoints.map((endpoint) =>
    createTransport({
      web: host.web,
      clock: host.clock,
      endpoint,
      // a login is for the registry that it was made at, not for its mirrors
      credentials: endpoint.isMirror ? undefined : credentials,
      repository: reference.path,
      actions,
      tlsOf: (name) => tlsOf(host, name, places, settings),
      userAgent: `mycompose/${config.version}`,
      signal,
    }),
  )
}

function toDocument({ bytes, digest }: FetchedManifest, { mediaType }: Index | Manifest): Document {
  return { bytes, digest, mediaType }
}

export async function fetchConfig(transport: Transport, { digest, size }: Manifest['config']): Promise<Buffer> {
  const what = `the configuration of ${transport.repository}`
  if (size > MAX_CONFIG_BYTES) throw manifestError(`its configuration has ${size} bytes`)
  return await fetchBlob(transport, { digest, size }, what)
}

function checkConfig(config: ImageConfig, manifest: Manifest, wish: PullWish): void {
  if (config.rootfs.diff_ids.length !== manifest.layers.length)
    throw manifestError(`it has ${manifest.layers.length} layers, its configuration ${config.rootfs.diff_ids.length}`)
  if (!config.rootfs.diff_ids.every((id) => /^sha256:[0-9a-f]{64}$/.test(id)))
    throw manifestError('its configuration names a layer by something else than sha256:<64 hex digits>')
  const { os, architecture, variant } = config
  const own: Platform = { os, architecture, ...(variant === undefined ? {} : { variant }) }
  if (os !== 'linux' || (wish.isPlatformAsked && !matchesPlatform(own, wish.platform)))
    throw new NotFoundError(`the image is for ${formatPlatform(own)}, not for ${formatPlatform(wish.platform)}`, {
      code: 'PLATFORM_MISSING',
    })
}

/** Undefined as well when the registry does not answer that: asked for the bytes, it says more than a HEAD can. */
async function findDigest(transport: Transport, name: string): Promise<string | undefined> {
  try {
    return await findManifest(transport, name)
  } catch (error) {
    if (isEndpointFailure(error)) return undefined
    throw error
  }
}

/**
 * What the name means at the registry now. When it may still be what is here, only its digest is asked for: of a pull
 * that brings nothing a HEAD is all, which is quick and counts towards no limit of the registry.
 */
async function bringNamed(base: EngineBase, transport: Transport, reference: Reference): Promise<FetchedManifest> {
  const name = reference.digest ?? reference.tag ?? 'latest'
  const mayBeHere =
    reference.digest === undefined
      ? findTag(base.state, toCanonicalTag(reference)) !== undefined
      : (await readKnownManifest(base, reference.digest)) !== undefined
  const digest = mayBeHere ? await findDigest(transport, name) : undefined
  const isBelieved = digest !== undefined && (reference.digest ?? digest) === digest
  const known = isBelieved ? await readKnownManifest(base, digest) : undefined
  return known ?? (await fetchManifest(transport, name))
}

async function planFrom(
  base: EngineBase,
  transport: Transport,
  fallbacks: readonly Transport[],
  wish: PullWish,
): Promise<PullPlan> {
  const named = await bringNamed(base, transport, wish.reference)
  const first = parseManifest(named.bytes, named.servedAs)
  const chosen = first.kind === 'index' ? choosePlatform(first, wish.platform) : undefined
  const fetched =
    chosen === undefined
      ? named
      : ((await readKnownManifest(base, chosen.digest)) ?? (await fetchManifest(transport, chosen.digest)))
  const manifest = chosen === undefined ? first : parseManifest(fetched.bytes, chosen.mediaType)
  if (manifest.kind !== 'manifest') throw manifestError('an index lies inside an index')
  const configBytes =
    (await readKnownConfig(base, manifest.config.digest)) ?? (await fetchConfig(transport, manifest.config))
  const config = decodeConfig(configBytes.toString())
  checkConfig(config, manifest, wish)
  return {
    transport,
    fallbacks,
    manifest,
    manifestDocument: toDocument(fetched, manifest),
    indexDocument: chosen === undefined ? undefined : toDocument(named, first),
    config,
    configBytes,
    digest: named.digest,
  }
}

/** Throws what the last endpoint, the registry itself, says. */
export async function planPull(base: EngineBase, wish: PullWish): Promise<PullPlan> {
  const transports = await openTransports(base, wish, 'pull')
  for (const [index, transport] of transports.entries()) {
    try {
      return await planFrom(base, transport, transports.slice(index + 1), wish)
    } catch (error) {
      if (!transport.endpoint.isMirror || !isEndpointFailure(error)) throw error
      base.log('warn', 'a mirror does not help', { mirror: transport.endpoint.host, error: String(error) })
    }
  }
  throw new NotFoundError(`no registry is known for ${wish.reference.domain}`)
}
