/** Images in the API's shape. PURE. Source: Docker Engine API v1.51, ImageSummary and ImageInspect. */
import type { ImageConfig, ImageInspect, ImageSummary } from '../../api/types/index.ts'
import { toFamiliar } from '../../api/reference.ts'
import type { ImageFacts, ImageRecord } from '../../state/images.ts'

/** What a list needs to know. */
export interface ListedImage {
  readonly image: ImageRecord
  readonly facts: ImageFacts
  /** In full, sorted. */
  readonly tags: readonly string[]
  /** Names that mean another image and have this one for its platform: in full, sorted. */
  readonly platformOf: readonly string[]
}

export interface DescribedImage {
  readonly image: ImageRecord
  readonly config: ImageConfig
  /** In full, sorted. */
  readonly tags: readonly string[]
}

const NEVER = '0001-01-01T00:00:00Z'
/** Reproducible builds set every time to 1970 or 1980: a date that tells nothing. */
const FIRST_TELLING_MS = Date.UTC(1981, 0, 1)

/** Unix milliseconds for lists and filters: of the image, or else when it came here. Inspect shows what it says itself. */
export function createdMs({ image, facts }: Pick<ListedImage, 'image' | 'facts'>): number {
  const own = Date.parse(facts.created ?? NEVER)
  return own >= FIRST_TELLING_MS ? own : Date.parse(image.taggedAt)
}

/** "web@sha256:..."; an image that came from no registry has none. */
function familiarDigests({ distribution }: ImageRecord): string[] {
  return (distribution?.repoDigests ?? []).map((name) => toFamiliar(name))
}

/** `containers`: how many use it. */
export function toSummary({ image, facts, tags, platformOf }: ListedImage, containers: number): ImageSummary {
  return {
    Id: image.id,
    ParentId: '',
    RepoTags: tags.map((tag) => toFamiliar(tag)),
    RepoDigests: familiarDigests(image),
    Created: Math.floor(createdMs({ image, facts }) / 1000),
    Size: image.sizeBytes,
    SharedSize: -1,
    Labels: facts.labels,
    ...(facts.platform === undefined ? {} : { Platform: facts.platform }),
    ...(platformOf.length === 0 ? {} : { PlatformOf: platformOf.map((tag) => toFamiliar(tag)) }),
    Containers: containers,
  }
}

export function toInspect({ image, config, tags }: DescribedImage, upperFolder: string): ImageInspect {
  const last = config.history?.at(-1)
  return {
    Id: image.id,
    RepoTags: tags.map((tag) => toFamiliar(tag)),
    RepoDigests: familiarDigests(image),
    Parent: '',
    Comment: last?.comment ?? '',
    Created: config.created ?? NEVER,
    Author: config.author ?? '',
    Config: config.config ?? {},
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: image.sizeBytes,
    GraphDriver: { Name: 'overlay2', Data: { UpperDir: upperFolder } },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: image.taggedAt },
  }
}
