/** The layers that one build or pull stands on while it runs: nobody frees them meanwhile, and a crash forgets them. */
import type { EngineBase } from '../context.ts'
import { deleteBuildHold, saveBuildHold } from '../../state/builds.ts'

export interface LayerHold extends Disposable {
  add(chainIds: readonly string[]): void
}

export function holdLayers({ state, host }: Pick<EngineBase, 'state' | 'host'>): LayerHold {
  const id = host.randomHex(8)
  const held = new Set<string>()
  return {
    add(chainIds) {
      const before = held.size
      for (const chainId of chainIds) held.add(chainId)
      if (held.size > before) saveBuildHold(state, id, [...held])
    },
    [Symbol.dispose]() {
      if (held.size > 0) deleteBuildHold(state, id)
    },
  }
}
