/**
 * The history of an image, newest step first: what each one ran and how large its layer is. Steps are joined with layers
 * by counting those that made one; where a configuration says nothing of them, each layer is a step without a command.
 * PURE. Source: Docker Engine API v1.51 ImageHistory; OCI image-spec config.md "history".
 */
import type { ImageConfig, ImageHistoryItem } from '../../api/types/index.ts'

export interface HistoryFacts {
  readonly id: string
  readonly config: ImageConfig
  /** As people write them. */
  readonly tags: readonly string[]
  /** Of each layer, lowest first. */
  readonly layerBytes: readonly number[]
}

function unixSeconds(time: string | undefined): number {
  const ms = Date.parse(time ?? '')
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000)
}

/** Steps below the last one are no images of their own: "<missing>", as docker says it. */
export function toHistory({ id, config, tags, layerBytes }: HistoryFacts): ImageHistoryItem[] {
  const told = config.history ?? []
  const layersTold = told.filter(({ empty_layer: isEmpty }) => isEmpty !== true).length
  const steps = layersTold === layerBytes.length ? told : layerBytes.map((): (typeof told)[number] => ({}))
  let layer = 0
  const items = steps.map((step) => {
    const size = step.empty_layer === true ? 0 : (layerBytes[layer++] ?? 0)
    return {
      Id: '<missing>',
      Created: unixSeconds(step.created ?? config.created),
      CreatedBy: step.created_by ?? '',
      Tags: null,
      Size: size,
      Comment: step.comment ?? '',
    }
  })
  return items
    .toReversed()
    .map((item, index) => (index === 0 ? { ...item, Id: id, Tags: tags.length === 0 ? null : tags } : item))
}
