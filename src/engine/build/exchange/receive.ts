/** `cache_from`: the keys of a cache elsewhere, and its layers one by one when a step has the key. */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { ImageConfig } from '../../../api/types/index.ts'
import { MycomposeError, NotFoundError } from '../../../errors.ts'
import type { EngineBase } from '../../context.ts'
import { decodeConfig } from '../../images/image-config.ts'
import { fetchConfig, openTransports } from '../../images/pull-plan.ts'
import { digestOf, hexOf } from '../../layers/chain.ts'
import { fileChunks } from '../../layers/file-chunks.ts'
import { discardLayer, stageLayer, type StagedLayer } from '../../layers/store.ts'
import { fetchManifest, openBlob } from '../../registry/client.ts'
import {
  manifestError,
  parseManifest,
  MAX_MANIFEST_BYTES,
  type Descriptor,
  type Manifest,
} from '../../registry/manifest.ts'
import { choosePlatform } from '../../registry/platform.ts'
import type { RegistryCredentials } from '../../services/index.ts'
import type { Platform } from '../plan/stage-state.ts'
import { recordsOf, type SharedRecord } from './document.ts'
import type { CachePlace } from './places.ts'

export interface ReceiveRequest {
  readonly place: CachePlace
  readonly platform: Platform
  readonly credentialsFor: (domain: string) => RegistryCredentials | undefined
  readonly signal: AbortSignal
}

/** A cache elsewhere, its keys known. */
export interface SharedCache {
  readonly size: number
  /** What it has for a step on the state `below`. */
  find(key: string, below: string | undefined): SharedRecord | undefined
  /** The record's layer, staged on top of `chainIds`; undefined when the step changed nothing. */
  bring(record: SharedRecord, chainIds: readonly string[], signal: AbortSignal): Promise<StagedLayer | undefined>
}

interface Opened {
  readonly config: ImageConfig
  readonly layers: readonly Descriptor[]
  readonly read: (layer: Descriptor, signal: AbortSignal) => Promise<Readable>
}

async function openRegistry(base: EngineBase, request: ReceiveRequest): Promise<Opened> {
  const { place, credentialsFor, platform, signal } = request
  if (place.kind !== 'registry') throw new Error('no registry')
  const { reference } = place
  const credentials = credentialsFor(reference.domain)
  const transport = (await openTransports(base, { reference, credentials, signal }, 'pull')).at(-1)
  if (transport === undefined) throw new Error('a registry has always one endpoint of its own')
  const first = await fetchManifest(transport, reference.digest ?? reference.tag ?? 'latest')
  let parsed = parseManifest(first.bytes, first.servedAs)
  if (parsed.kind === 'index') {
    const chosen = await fetchManifest(transport, choosePlatform(parsed, platform).digest)
    parsed = parseManifest(chosen.bytes, chosen.servedAs)
  }
  if (parsed.kind === 'index') throw manifestError('an index names another index')
  const config = decodeConfig((await fetchConfig(transport, parsed.config)).toString())
  const read: Opened['read'] = async ({ digest }, canceled) => (await openBlob(transport, digest, 0, canceled)).body
  return { config, layers: parsed.layers, read }
}

/** The files of a layout are somebody's: none is trusted to be what it is called. */
async function openLocal(base: EngineBase, folder: string, tag: string): Promise<Opened> {
  const { host } = base
  const text = (path: string): string => {
    const found = host.rooted.readText(folder, path, MAX_MANIFEST_BYTES)
    if (found !== undefined) return found
    throw new NotFoundError(`there is no ${path} in the build cache ${folder}`, { code: 'BUILD_CACHE_MISSING' })
  }
  const blob = (digest: string): string => {
    const found = text(join('blobs/sha256', hexOf(digest)))
    if (digestOf(found) === digest) return found
    throw manifestError(`the blob ${digest} of ${folder} is another one`)
  }
  const index = parseManifest(Buffer.from(text('index.json')), undefined)
  if (index.kind !== 'index') throw manifestError(`${folder}/index.json is no index`)
  const named = index.manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === tag)
  const chosen = named ?? index.manifests[0]
  if (chosen === undefined) throw manifestError(`${folder}/index.json names nothing`)
  const manifest = parseManifest(Buffer.from(blob(chosen.digest)), undefined)
  if (manifest.kind === 'index') throw manifestError('an index names another index')
  const read: Opened['read'] = async ({ digest }) =>
    Readable.from(fileChunks(base.host, join(folder, 'blobs/sha256', hexOf(digest))), { objectMode: false })
  return { config: decodeConfig(blob(manifest.config.digest)), layers: (manifest satisfies Manifest).layers, read }
}

/** Throws what the registry or the folder says. A cache of another maker has no records. */
export async function openCache(base: EngineBase, request: ReceiveRequest): Promise<SharedCache> {
  const { place } = request
  if (place.kind === 'inline') throw new Error('an inline cache is read from its registry')
  const { config, layers, read } =
    place.kind === 'local' ? await openLocal(base, place.folder, place.tag) : await openRegistry(base, request)
  const diffIds = config.rootfs.diff_ids
  if (diffIds.length !== layers.length) throw manifestError('its layers are not those of its configuration')
  const records = new Map(recordsOf(config).map((record) => [`${record.key} ${record.below ?? ''}`, record]))
  return {
    size: records.size,
    find: (key, below) => records.get(`${key} ${below ?? ''}`),
    async bring({ layer: index }, chainIds, signal) {
      if (index === null) return undefined
      const [layer, diffId] = [layers[index], diffIds[index]]
      if (layer === undefined || diffId === undefined) throw new Error('the record was checked')
      const staged = await stageLayer(base, await read(layer, signal), { lower: chainIds, signal })
      if (staged.diffId === diffId) return staged
      await discardLayer(base, staged)
      throw new MycomposeError(`a layer of the build cache unpacks to ${staged.diffId}, it should be ${diffId}`, {
        code: 'BUILD_CACHE_DAMAGED',
        hint: 'write the cache anew, or leave it out',
      })
    },
  }
}
