/**
 * The platforms of a name: it means one image, and when it came with an index, the images that are here for the index's
 * other platforms belong to it, too. Source: OCI image-spec image-index.md; docker's containerd image store.
 */
import type { EngineBase } from '../context.ts'
import { ociArchitecture, platformText } from './image-config.ts'
import { readConfig, type Document, type FoundImage } from './store.ts'
import { digestOf } from '../layers/chain.ts'
import { blobPath } from '../registry/download.ts'
import { parseManifest, type Descriptor, type Platform } from '../registry/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../registry/media-types.ts'
import { choosePlatform, formatPlatform, matchesPlatform, parsePlatform } from '../registry/platform.ts'
import { NotFoundError } from '../../errors.ts'
import { findImage, type ImageRecord } from '../../state/images.ts'
import { findTag, otherPlatformsOf } from '../../state/tags.ts'

export function machinePlatform(): Platform {
  return parsePlatform(`linux/${ociArchitecture(process.arch)}`)
}

/** "linux/arm64/v8", as its configuration says it. Throws IMAGE_DAMAGED. */
export async function platformOf(base: EngineBase, image: ImageRecord): Promise<string> {
  return image.summary?.platform ?? platformText(await readConfig(base, image.id))
}

/** The image that was found, then those that its name has for other platforms. */
export function imagesOf({ state }: EngineBase, { image, tag }: FoundImage): ImageRecord[] {
  const others = tag === undefined ? [] : otherPlatformsOf(state, tag)
  return [image, ...others.flatMap((id) => findImage(state, id) ?? [])]
}

/** Of those images the one that suits the platform best. Throws PLATFORM_MISSING, which lists what there is. */
export async function imageFor(base: EngineBase, found: FoundImage, wanted: Platform): Promise<ImageRecord> {
  const images = imagesOf(base, found)
  const manifests: Descriptor[] = []
  for (const image of images) {
    const platform = parsePlatform(await platformOf(base, image))
    manifests.push({ mediaType: OCI_MANIFEST, digest: image.id, size: 0, platform })
  }
  const fitting = manifests.filter(({ platform }) => platform !== undefined && matchesPlatform(platform, wanted))
  if (fitting.length === 0) {
    const offered = manifests.flatMap(({ platform }) => (platform === undefined ? [] : formatPlatform(platform)))
    const name = found.tag ?? found.image.id.slice(0, 19)
    throw new NotFoundError(`${name} is here for ${offered.join(', ')}, not for ${formatPlatform(wanted)}`, {
      code: 'PLATFORM_MISSING',
      hint: `pull it first: mycompose image pull --platform ${formatPlatform(wanted)} ${found.tag ?? 'NAME'}`,
    })
  }
  const { digest } = choosePlatform({ kind: 'index', mediaType: OCI_INDEX, manifests: fitting }, wanted)
  return images.find(({ id }) => id === digest) ?? found.image
}

/** The index that the name stands for; undefined when there is none, or its blob is gone or damaged. */
export async function readIndexOf({ state, host, config }: EngineBase, tag: string): Promise<Document | undefined> {
  const digest = findTag(state, tag)?.index
  if (digest === undefined) return undefined
  const text = await host.files.readTextIfExists(blobPath({ config }, digest))
  if (text === undefined || digestOf(text) !== digest) return undefined
  const bytes = Buffer.from(text)
  return { bytes, digest, mediaType: parseManifest(bytes, undefined).mediaType }
}
