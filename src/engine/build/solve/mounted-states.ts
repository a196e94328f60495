/**
 * States that steps of one build read from, mounted read-only in tmp/ for as long as the build goes on: each once, whoever asks.
 * Recovery unmounts and removes what a killed engine leaves there.
 */
import { join } from 'node:path'
import type { EngineBase } from '../../context.ts'
import type { LayerService } from '../../services/index.ts'
import { emptyFolder } from '../../layers/lower.ts'
import { unmount } from '../../layers/mount-points.ts'

export interface MountedStates extends AsyncDisposable {
  /** The folder that shows the stack, lowest layer first. */
  open(chainIds: readonly string[]): Promise<string>
}

export function mountStates(base: EngineBase, layers: Pick<LayerService, 'mountImage'>): MountedStates {
  const { host, config } = base
  const mounted = new Map<string, Promise<string>>()
  const undo = new AsyncDisposableStack()

  async function mount(chainIds: readonly string[]): Promise<string> {
    if (chainIds.length === 0) return await emptyFolder(base)
    const folder = await host.files.mkdtemp(join(config.paths.temporary, 'state-'))
    undo.defer(() => host.files.rm(folder, { recursive: true, force: true }))
    const target = join(folder, 'root')
    await layers.mountImage(chainIds, target)
    undo.defer(() => unmount(base, target))
    return target
  }

  return {
    open(chainIds) {
      const key = chainIds.join(' ')
      const known = mounted.get(key) ?? mount(chainIds)
      mounted.set(key, known)
      return known
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(mounted.values())
      await undo.disposeAsync()
    },
  }
}
