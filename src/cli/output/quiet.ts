/** --progress quiet: nothing of the work is shown; errors and the output of commands still are. */
import { silentSink } from '../../events.ts'
import type { ProgressRenderer } from './renderer.ts'

export function createQuietRenderer(): ProgressRenderer {
  return { ...silentSink, settle: () => Promise.resolve(), oneLinePerEvent() {} }
}
