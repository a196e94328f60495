/** The image that a plan has come to: layers of the target's state, its configuration, true history. */
import type { ImageConfig } from '../../../api/types/index.ts'
import type { EngineBase } from '../../context.ts'
import { layersOf } from '../../layers/store.ts'
import type { PlannedImage } from '../plan.ts'
import { epochTime } from '../plan/epoch.ts'
import type { StateOf } from '../solve/solve.ts'
import { createdOf, toHistory } from './history.ts'

export interface FinishedImage {
  readonly chainIds: readonly string[]
  readonly config: ImageConfig
}

/** Throws LAYER_MISSING. */
export function finishImage(
  base: Pick<EngineBase, 'state' | 'host'>,
  image: PlannedImage,
  stateOf: StateOf,
): FinishedImage {
  const { chainIds } = stateOf(image.operation)
  const history = toHistory(image, stateOf)
  const { epochSeconds } = image
  // of a configuration alone (FROM scratch, LABEL ...) nothing is known but that it was made now
  const created =
    epochSeconds === undefined ? (createdOf(history) ?? base.host.clock.nowRfc3339()) : epochTime(epochSeconds)
  return {
    chainIds,
    config: {
      ...image.config,
      created,
      rootfs: { type: 'layers', diff_ids: layersOf(base, chainIds).map(({ diffId }) => diffId) },
      history,
    },
  }
}
