/** Which steps of a build go into a cache for others, and with which layers. */
import type { EngineBase } from '../../context.ts'
import { findBuildRecord } from '../../../state/builds.ts'
import { findLayer, type LayerRecord } from '../../../state/layers.ts'
import type { Operation, Plan } from '../plan.ts'
import type { StateOf } from '../solve/solve.ts'
import type { SharedRecord } from './document.ts'

export interface CollectedCache {
  /** Each once. */
  readonly layers: readonly LayerRecord[]
  /** Their `layer` is an index of `layers`. */
  readonly records: readonly SharedRecord[]
}

/** The steps that the image itself consists of, lowest first. */
function ownOperations({ operations, image }: Plan): readonly Operation[] {
  const own: Operation[] = []
  for (let id: number | undefined = image.operation; id !== undefined; id = operations[id]?.base) {
    const operation = operations[id]
    if (operation !== undefined) own.unshift(operation)
  }
  return own
}

export function collectCache(
  { state }: Pick<EngineBase, 'state'>,
  plan: Plan,
  stateOf: StateOf,
  mode: 'min' | 'max',
): CollectedCache {
  const layers: LayerRecord[] = []
  const records: SharedRecord[] = []
  const isFixed = plan.image.epochSeconds !== undefined
  for (const operation of mode === 'max' ? plan.operations : ownOperations(plan)) {
    const { key } = stateOf(operation.id)
    const record = key === undefined ? undefined : findBuildRecord(state, key)
    if (record === undefined) continue
    const layer = record.layer === undefined ? undefined : findLayer(state, record.layer)
    if (record.layer !== undefined && layer === undefined) continue
    let index = layer === undefined ? null : layers.findIndex(({ diffId }) => diffId === layer.diffId)
    if (layer !== undefined && index === -1) index = layers.push(layer) - 1
    // with SOURCE_DATE_EPOCH the same input makes the same bytes: when it ran is no part of them
    const created = isFixed ? {} : { created: record.created }
    records.push({ key: record.key, below: record.below ?? null, layer: index, ...created })
  }
  return { layers, records }
}

/** For an image that carries its cache itself: indexes into its own layers. */
export function inlineRecords(
  { layers, records }: CollectedCache,
  diffIds: readonly string[],
): readonly SharedRecord[] {
  return records.flatMap((record) => {
    if (record.layer === null) return record
    const layer = diffIds.lastIndexOf(layers[record.layer]?.diffId ?? '')
    return layer === -1 ? [] : { ...record, layer }
  })
}
