/**
 * Platforms: "linux/arm64/v8", what this machine runs, and which entry of an index suits it best. PURE.
 * Sources: OCI image-spec image-index.md, containerd's platforms package (variants and their order).
 */
import type { Descriptor, Index, Platform } from './manifest.ts'
import { isManifestType } from './media-types.ts'
import { InvalidRequestError, NotFoundError } from '../../errors.ts'

const ALIASES: Readonly<Record<string, Platform['architecture']>> = {
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
  i386: '386',
  i686: '386',
  x86_64: 'amd64',
  'x86-64': 'amd64',
}

const PART = /^[A-Za-z0-9_-]+$/

/** "v8" of arm64, "v7" of arm and "v1" of amd64 are what is meant when nothing is said. */
function withoutDefaultVariant({ os, architecture, variant }: Platform): Platform {
  const usual = architecture === 'arm64' ? 'v8' : architecture === 'amd64' ? 'v1' : undefined
  if (architecture === 'arm' && variant === undefined) return { os, architecture, variant: 'v7' }
  return variant === undefined || variant === usual ? { os, architecture } : { os, architecture, variant }
}

function normalise({ os, architecture, variant }: Platform): Platform {
  const lower = architecture.toLowerCase()
  const isOldArm = lower === 'armel'
  const chosen = variant?.toLowerCase() ?? (isOldArm ? 'v6' : undefined)
  return withoutDefaultVariant({
    os: os.toLowerCase() === 'macos' ? 'darwin' : os.toLowerCase(),
    architecture: ALIASES[lower] ?? lower,
    ...(chosen === undefined ? {} : { variant: chosen.replace(/^(\d)/, 'v$1') }),
  })
}

/**
 * "linux/amd64", "linux/arm/v7", "arm64" (an architecture alone means linux). Throws PLATFORM_INVALID.
 * @example parsePlatform("linux/aarch64") is { os: "linux", architecture: "arm64" }
 */
export function parsePlatform(text: string): Platform {
  const [first = '', second, third, ...more] = text.split('/')
  if (more.length > 0 || !text.split('/').every((part) => PART.test(part)))
    throw new InvalidRequestError(`invalid platform ${JSON.stringify(text)}`, {
      code: 'PLATFORM_INVALID',
      hint: 'write it as OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, like linux/amd64',
    })
  if (second === undefined) return normalise({ os: 'linux', architecture: first })
  return normalise({ os: first, architecture: second, ...(third === undefined ? {} : { variant: third }) })
}

/** "linux/arm/v7" */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')
}

/** Number of the variant: 0 for none. */
function level({ variant }: Platform): number {
  return Number(/^v(\d+)$/.exec(variant ?? '')?.[1] ?? 0)
}

/** How well `offered` runs where `wanted` was asked for; larger is better, 0 is not at all. */
function suitability(offered: Platform, wanted: Platform): number {
  const have = normalise(offered)
  const want = normalise(wanted)
  if (have.os !== want.os) return 0
  if (have.architecture === want.architecture) {
    if (have.variant === want.variant) return 1000
    // a lower variant runs on a higher one, never the other way round
    return level(have) < level(want) ? 100 + level(have) : 0
  }
  if (want.architecture === 'arm64' && want.variant === undefined && have.architecture === 'arm')
    return level(have) <= 8 ? level(have) : 0
  return want.architecture === 'amd64' && have.architecture === '386' ? 1 : 0
}

/** True when an image made for `offered` may be run where `wanted` is asked for, exactly that architecture. */
export function matchesPlatform(offered: Platform, wanted: Platform): boolean {
  return normalise(offered).architecture === normalise(wanted).architecture && suitability(offered, wanted) > 0
}

/** Attestations and the like, which stand in an index beside the images. */
function isImage(entry: Descriptor): boolean {
  return isManifestType(entry.mediaType) && entry.platform?.os !== 'unknown'
}

/**
 * The entry for `wanted`; entries without a platform count only when nothing else does. Throws NotFoundError
 * (PLATFORM_MISSING) that lists what there is.
 */
export function choosePlatform(index: Index, wanted: Platform): Descriptor {
  const images = index.manifests.filter((entry) => isImage(entry))
  const [best] = images
    .map((entry) => ({ entry, points: entry.platform === undefined ? 0.5 : suitability(entry.platform, wanted) }))
    .filter(({ points }) => points > 0)
    .toSorted((a, b) => b.points - a.points)
  if (best !== undefined) return best.entry
  const offered = images.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]))
  throw new NotFoundError(`no image for the platform ${formatPlatform(wanted)} in the manifest list`, {
    code: 'PLATFORM_MISSING',
    hint: offered.length === 0 ? 'it is empty' : `there is ${[...new Set(offered)].join(', ')}`,
  })
}
