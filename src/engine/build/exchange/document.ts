/**
 * A build cache for others: an image's configuration with the keys of steps besides, whose layers are those that the steps
 * left. So registries take it as an image, and inline it is the image itself. What comes in is untrusted: it is taken apart
 * with limits, and a layer counts only when its bytes have the diff id that is said here. PURE.
 */
import type { ImageConfig } from '../../../api/types/index.ts'

/** Of the configuration, where the keys are. */
const FIELD = 'mycompose.build.cache.v1'
const MAX_RECORDS = 10_000
const DIGEST = /^sha256:[0-9a-f]{64}$/

export interface SharedRecord {
  readonly key: string
  /** Chain id of what the step stands on; null: nothing. */
  readonly below: string | null
  /** Index of rootfs.diff_ids; null: the step changed nothing. */
  readonly layer: number | null
  /** RFC 3339. */
  readonly created?: string
}

/** The same image with the keys of its steps. */
export function withRecords(config: ImageConfig, records: readonly SharedRecord[]): ImageConfig {
  return records.length === 0 ? config : Object.assign({}, config, { [FIELD]: { records } })
}

/** A cache that is no image: layers of whatever stages, in no order that means anything. */
export function cacheConfig(
  platform: Pick<ImageConfig, 'architecture' | 'os'>,
  diffIds: readonly string[],
  records: readonly SharedRecord[],
): ImageConfig {
  return withRecords({ ...platform, rootfs: { type: 'layers', diff_ids: diffIds } }, records)
}

function isRecord(value: unknown, layerCount: number): value is SharedRecord {
  if (typeof value !== 'object' || value === null) return false
  const { key, below, layer, created } = value as Readonly<Record<string, unknown>>
  const isDigest = (text: unknown): boolean => typeof text === 'string' && DIGEST.test(text)
  const isLayer = layer === null || (Number.isInteger(layer) && Number(layer) >= 0 && Number(layer) < layerCount)
  const isTime = created === undefined || (typeof created === 'string' && !Number.isNaN(Date.parse(created)))
  return isDigest(key) && (below === null || isDigest(below)) && isLayer && isTime
}

/** What is wrong with one record makes that one none. */
export function recordsOf(config: ImageConfig): readonly SharedRecord[] {
  const field = (config as unknown as Readonly<Record<string, unknown>>)[FIELD]
  if (typeof field !== 'object' || field === null) return []
  const { records } = field as { readonly records?: unknown }
  if (!Array.isArray(records)) return []
  const count = config.rootfs.diff_ids.length
  return records.slice(0, MAX_RECORDS).filter((record) => isRecord(record, count))
}
