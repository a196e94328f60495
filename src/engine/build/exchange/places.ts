/** `cache_from` and `cache_to`: where a cache is. PURE. Source: docs.docker.com/build/cache/backends. */
import { isAbsolute } from 'node:path'
import { parseReference, type Reference } from '../../../api/reference.ts'
import type { BuildCacheOption, BuildRequest } from '../../../api/types/build.ts'
import { InvalidRequestError, UnsupportedError } from '../../../errors.ts'

export type CachePlace =
  /** A folder of this machine, an OCI layout; absolute. */
  | { readonly kind: 'local'; readonly folder: string; readonly tag: string }
  | { readonly kind: 'registry'; readonly reference: Reference }
  /** In the image that is built. */
  | { readonly kind: 'inline' }

export interface CacheTarget {
  readonly place: CachePlace
  /** "min": steps of the image itself; "max": those of all stages. */
  readonly mode: 'min' | 'max'
  /** A failure is told and ends nothing. */
  readonly ignoresErrors: boolean
}

function invalid(message: string, hint: string): InvalidRequestError {
  return new InvalidRequestError(message, { code: 'BUILD_CACHE_OPTION', hint })
}

function localPlace(folder: string | undefined, key: string, tag = 'latest'): CachePlace {
  if (folder === undefined || !isAbsolute(folder))
    throw invalid(`a local cache needs ${key}=FOLDER`, `write type=local,${key}=/path/to/folder`)
  return { kind: 'local', folder, tag }
}

function registryPlace(ref: string | undefined): CachePlace {
  if (ref === undefined || ref === '')
    throw invalid('a registry cache needs ref=IMAGE', 'write type=registry,ref=host/web:cache')
  return { kind: 'registry', reference: parseReference(ref) }
}

function unsupported(type: string): UnsupportedError {
  return new UnsupportedError(`a build cache of type ${JSON.stringify(type)} cannot be used`, {
    code: 'BUILD_CACHE_TYPE',
    hint: 'the types are local, registry and inline',
  })
}

/** Throws BUILD_CACHE_OPTION, BUILD_CACHE_TYPE, IMAGE_REFERENCE. */
export function parseCacheSource({ type, options }: BuildCacheOption): CachePlace {
  if (type === 'local') return localPlace(options['src'], 'src', options['tag'])
  if (type === 'registry') return registryPlace(options['ref'])
  throw unsupported(type)
}

/** Throws BUILD_CACHE_OPTION, BUILD_CACHE_TYPE, IMAGE_REFERENCE. */
export function parseCacheTarget({ type, options }: BuildCacheOption): CacheTarget {
  const { mode = 'min' } = options
  if (mode !== 'min' && mode !== 'max')
    throw invalid(`mode=${mode} is no mode of a build cache`, 'write mode=min or mode=max')
  const ignoresErrors = options['ignore-error'] === 'true'
  const shared = { mode, ignoresErrors } as const
  switch (type) {
    case 'inline':
      return { ...shared, mode: 'min', place: { kind: 'inline' } }
    case 'local':
      return { ...shared, place: localPlace(options['dest'], 'dest', options['tag']) }
    case 'registry':
      return { ...shared, place: registryPlace(options['ref']) }
    default:
      throw unsupported(type)
  }
}

/** With BUILDKIT_INLINE_CACHE=1 also that of the image itself. */
export function cacheTargets({ cacheTo = [], args }: BuildRequest): readonly CacheTarget[] {
  const targets = cacheTo.map(parseCacheTarget)
  const isInline = /^(1|true)$/i.test(args?.['BUILDKIT_INLINE_CACHE'] ?? '')
  const hasInline = targets.some(({ place }) => place.kind === 'inline')
  return isInline && !hasInline
    ? [...targets, { place: { kind: 'inline' }, mode: 'min', ignoresErrors: false }]
    : targets
}

/** As people write it. */
export function shownPlace(place: CachePlace): string {
  switch (place.kind) {
    case 'local':
      return place.folder
    case 'registry':
      return `${place.reference.domain}/${place.reference.path}:${place.reference.tag ?? 'latest'}`
    case 'inline':
      return 'the image'
    default:
      return place satisfies never
  }
}
