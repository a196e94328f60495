/**
 * Manifests and indexes, read with suspicion: they come from registries and archives. PURE. A document that could be
 * read as both kinds, or that says to be another kind than it was served as, is refused (CVE-2021-41190).
 * Sources: OCI image-spec manifest.md, image-index.md, descriptor.md; Docker manifest version 2 schema 2.
 */
import { isConfigType, isIndexType, isLayerType, isManifestType } from './media-types.ts'
import { MycomposeError, UnsupportedError } from '../../errors.ts'

export const MAX_MANIFEST_BYTES: number = 4 * 2 ** 20
/** More layers than this no image has; overlayfs stops at 500. */
export const MAX_LAYERS = 500
const MAX_INDEX_ENTRIES = 1_000
const MAX_BLOB_BYTES = 2 ** 40

export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

export interface Descriptor {
  readonly mediaType: string
  /** "sha256:<64 hex digits>" */
  readonly digest: string
  /** Bytes. */
  readonly size: number
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Manifest {
  readonly kind: 'manifest'
  readonly mediaType: string
  readonly config: Descriptor
  /** Lowest first. */
  readonly layers: readonly Descriptor[]
}

export interface Index {
  readonly kind: 'index'
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
}

type Fields = Readonly<Record<string, unknown>>

/** MANIFEST_INVALID. */
export function manifestError(what: string): MycomposeError {
  return new MycomposeError(`the manifest of the image is not valid: ${what}`, {
    code: 'MANIFEST_INVALID',
    hint: 'whoever made or serves the image has to mend it; nothing of it was kept',
  })
}

function fieldsOf(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw manifestError(`${where} is not an object`)
  return value as Fields
}

function listOf(value: unknown, where: string, limit: number): readonly unknown[] {
  if (!Array.isArray(value)) throw manifestError(`${where} is not a list`)
  if (value.length > limit) throw manifestError(`${where} has ${value.length} entries, more than ${limit}`)
  return value
}

function optionalText(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw manifestError(`${where} is not a text`)
  return value
}

function toPlatform(value: unknown, where: string): Platform | undefined {
  if (value === undefined || value === null) return undefined
  const fields = fieldsOf(value, where)
  const variant = optionalText(fields['variant'], `${where}.variant`)
  return {
    os: optionalText(fields['os'], `${where}.os`) ?? '',
    architecture: optionalText(fields['architecture'], `${where}.architecture`) ?? '',
    ...(variant === undefined ? {} : { variant }),
  }
}

function toAnnotations(value: unknown): Readonly<Record<string, string>> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === 'string')) as Record<
    string,
    string
  >
}

function toDescriptor(value: unknown, where: string): Descriptor {
  const { mediaType, digest, size, platform, annotations } = fieldsOf(value, where)
  if (typeof mediaType !== 'string') throw manifestError(`${where}.mediaType is missing`)
  // sha512 is allowed by the specification and used by nobody: refused by name rather than half supported
  if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw manifestError(`${where}.digest is not sha256:<64 hex digits>`)
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > MAX_BLOB_BYTES)
    throw manifestError(`${where}.size is ${JSON.stringify(size)}`)
  const platformOf = toPlatform(platform, `${where}.platform`)
  const notes = toAnnotations(annotations)
  return {
    mediaType,
    digest,
    size,
    ...(platformOf === undefined ? {} : { platform: platformOf }),
    ...(notes === undefined ? {} : { annotations: notes }),
  }
}

function toManifest(fields: Fields, mediaType: string): Manifest {
  const config = toDescriptor(fields['config'], 'config')
  const layers = listOf(fields['layers'], 'layers', MAX_LAYERS).map((layer, index) =>
    toDescriptor(layer, `layers[${index}]`),
  )
  if (!isConfigType(config.mediaType))
    throw new UnsupportedError(`this is no container image but an artifact (its config is ${config.mediaType})`, {
      code: 'MANIFEST_ARTIFACT',
      hint: 'Helm charts, Compose files, signatures and the like live in registries too, but cannot be run',
    })
  const strange = layers.find((layer) => !isLayerType(layer.mediaType))
  if (strange !== undefined)
    throw new UnsupportedError(`a layer of the image has the unknown type ${strange.mediaType}`, {
      code: 'MANIFEST_LAYER_TYPE',
    })
  return { kind: 'manifest', mediaType, config, layers }
}

/** Entries of unknown types are left out: an index may hold what later versions of the specification bring. */
function toIndex(fields: Fields, mediaType: string): Index {
  const entries = listOf(fields['manifests'], 'manifests', MAX_INDEX_ENTRIES)
  const manifests = entries.map((entry, index) => toDescriptor(entry, `manifests[${index}]`))
  return {
    kind: 'index',
    mediaType,
    manifests: manifests.filter((entry) => isManifestType(entry.mediaType) || isIndexType(entry.mediaType)),
  }
}

function parseJson(bytes: Uint8Array): Fields {
  try {
    return fieldsOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), 'the document')
  } catch (cause) {
    if (cause instanceof MycomposeError) throw cause
    throw manifestError('it is no JSON')
  }
}

/**
 * `servedAs`: the Content-Type it came with, or its descriptor's mediaType; undefined in archives that give none.
 * Throws MANIFEST_INVALID, MANIFEST_ARTIFACT, MANIFEST_LAYER_TYPE, MANIFEST_TYPE (schema 1 and the like).
 */
export function parseManifest(bytes: Uint8Array, servedAs: string | undefined): Index | Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw manifestError('it is larger than 4 MiB')
  const fields = parseJson(bytes)
  if ('manifests' in fields && ('layers' in fields || 'config' in fields))
    throw manifestError('it has both manifests and layers')
  const stated = optionalText(fields['mediaType'], 'mediaType')
  const served = servedAs?.split(';')[0]?.trim().toLowerCase()
  const known = served !== undefined && (isIndexType(served) || isManifestType(served))
  if (known && stated !== undefined && stated !== served)
    throw manifestError(`it was served as ${served}, but says that it is ${stated}`)
  const mediaType = stated ?? (known ? served : undefined)
  if (mediaType === undefined || (!isIndexType(mediaType) && !isManifestType(mediaType)))
    throw new UnsupportedError(`the registry answered with ${mediaType ?? served ?? 'no type'}, not with an image`, {
      code: 'MANIFEST_TYPE',
      hint: 'images of the old schema 1 have to be pushed again by a current tool',
    })
  if (isIndexType(mediaType) !== 'manifests' in fields)
    throw manifestError(`its type is ${mediaType}, its content is not`)
  return isIndexType(mediaType) ? toIndex(fields, mediaType) : toManifest(fields, mediaType)
}
