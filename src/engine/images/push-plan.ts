/**
 * What a push sends. A name that stands for an index is pushed as that index when all that it names is here or at the
 * registry already; else what is here of it: several platforms as an index of those alone, a single one as its manifest.
 * Source: docker push --platform; OCI image-spec image-index.md.
 */
import type { EngineBase } from '../context.ts'
import { ensureDistribution } from './layer-blobs.ts'
import { imageFor, imagesOf, platformOf, readIndexOf } from './platforms.ts'
import type { Document, FoundImage } from './store.ts'
import { digestOf } from '../layers/chain.ts'
import { parseManifest, type Descriptor, type Platform } from '../registry/manifest.ts'
import { formatPlatform, parsePlatform } from '../registry/platform.ts'
import { NotFoundError } from '../../errors.ts'
import type { Distribution, ImageRecord } from '../../state/images.ts'
import type { LayerRecord } from '../../state/layers.ts'

/** An image, with blobs and manifest as files. */
export interface Outgoing {
  readonly image: ImageRecord
  readonly distribution: Distribution
}

export interface IndexPlan {
  readonly images: readonly Outgoing[]
  /** Undefined: the only image goes by its manifest. */
  readonly index: Document | undefined
  /** The index that the name stands for, when another document goes in its place. */
  readonly instead: Document | undefined
  /** Platforms of that index which are not here, "linux/arm64". */
  readonly missing: readonly string[]
}

export interface PushPlanOptions {
  readonly signal: AbortSignal
  readonly onLayer: (layer: LayerRecord) => void
  /** Only this one. */
  readonly platform?: Platform | undefined
  /** All of the index or nothing. */
  readonly isWhole?: boolean
  /** True when the registry has the manifest, so that an index may name it. */
  readonly isThere?: (digest: string) => Promise<boolean>
}

const isAttestation = ({ platform }: Descriptor): boolean => platform?.os === 'unknown'

/** The index without what is not here, in its own words; images that it names by other bytes are added. */
async function reduced(base: EngineBase, whole: Document, images: readonly Outgoing[]): Promise<Document> {
  const fields = JSON.parse(whole.bytes.toString()) as { readonly manifests: readonly { readonly digest: string }[] }
  const here = new Set(images.map(({ distribution }) => distribution.manifest.digest))
  const kept = fields.manifests.filter(({ digest }) => here.has(digest))
  const known = new Set(kept.map(({ digest }) => digest))
  const added: Descriptor[] = []
  for (const { image, distribution } of images)
    if (!known.has(distribution.manifest.digest))
      added.push({ ...distribution.manifest, platform: parsePlatform(await platformOf(base, image)) })
  const bytes = Buffer.from(JSON.stringify({ ...fields, manifests: [...kept, ...added] }))
  return { bytes, digest: digestOf(bytes), mediaType: whole.mediaType }
}

/** Not here and not there. */
async function lacking(entries: readonly Descriptor[], isThere: PushPlanOptions['isThere']): Promise<boolean> {
  for (const { digest } of entries) if (isThere === undefined || !(await isThere(digest))) return true
  return false
}

function missingError(name: string, missing: readonly string[]): NotFoundError {
  const [first = ''] = missing
  return new NotFoundError(`${name} is not here for ${missing.join(', ')}`, {
    code: 'PLATFORM_MISSING',
    hint: `pull them first (mycompose image pull --platform ${first} ${name}), or push what is here without --all-platforms`,
  })
}

/** Of a name, or an id. Throws PLATFORM_MISSING, LAYER_DAMAGED, CanceledError. */
export async function planPush(base: EngineBase, found: FoundImage, options: PushPlanOptions): Promise<IndexPlan> {
  const { platform, isWhole = false, isThere } = options
  const bring = async (image: ImageRecord): Promise<Outgoing> => ({
    image,
    distribution: await ensureDistribution(base, image, options),
  })
  const index = found.tag === undefined ? undefined : await readIndexOf(base, found.tag)
  const chosen = platform === undefined ? found.image : await imageFor(base, found, platform)
  if (index === undefined || platform !== undefined)
    return { images: [await bring(chosen)], index: undefined, instead: undefined, missing: [] }

  const images: Outgoing[] = []
  for (const image of imagesOf(base, found)) images.push(await bring(image))
  const parsed = parseManifest(index.bytes, index.mediaType)
  const entries = parsed.kind === 'index' ? parsed.manifests : []
  const here = new Set(images.map(({ distribution }) => distribution.manifest.digest))
  const absent = entries.filter(({ digest }) => !here.has(digest))
  if (!(await lacking(absent, isThere))) return { images, index, instead: undefined, missing: [] }
  const missing = absent
    .filter((entry) => !isAttestation(entry))
    .map((entry) => (entry.platform === undefined ? entry.digest : formatPlatform(entry.platform)))
  if (isWhole && missing.length > 0) throw missingError(found.tag ?? found.image.id, missing)
  if (images.length === 1) return { images, index: undefined, instead: index, missing }
  return { images, index: await reduced(base, index, images), instead: index, missing }
}
