/** --progress quiet: nothing of the work is shown; errors and the output of commands still are. */
import { silentSink } from '../../events.ts'
import type { BuildView } from '../../project/build/view.ts'
import type { ProgressRenderer } from './renderer.ts'

const NO_VIEW: BuildView = { message() {}, close: () => Promise.resolve() }

export function createQuietRenderer(): ProgressRenderer {
  return {
    ...silentSink,
    settle: () => Promise.resolve(),
    oneLinePerEvent() {},
    openBuildView: () => Promise.resolve(NO_VIEW),
  }
}
