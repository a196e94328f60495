/** Chooses how progress is shown. Source of the rules: docker compose's --progress and --ansi. */
import type { ProgressSink } from '../../events.ts'
import type { BuildView } from '../../project/build/view.ts'
import type { GlobalOptions } from '../globals.ts'
import type { CliIo } from '../io.ts'
import { createJsonRenderer } from './json.ts'
import { createPlainRenderer } from './plain.ts'
import { createQuietRenderer } from './quiet.ts'
import { loadStyle, wantsColour } from './style.ts'

export interface ProgressRenderer extends ProgressSink {
  /** Finishes the present view, so that other output may follow; further events begin a new one. */
  settle(): Promise<void>
  /** Shows builds until it is closed, or settled. */
  openBuildView(): Promise<BuildView>
  /** From now on nothing is redrawn: other output comes between. */
  oneLinePerEvent(): void
}

type Wishes = Pick<GlobalOptions, 'progress' | 'ansi' | 'dryRun'>

export async function createRenderer(io: Pick<CliIo, 'stderr'>, globals: Wishes): Promise<ProgressRenderer> {
  const { stderr } = io
  const { ansi, dryRun } = globals
  const prefix = dryRun ? 'DRY-RUN MODE - ' : ''
  const isTerminal = stderr.isTTY === true
  const { progress } = globals
  const kind = progress !== 'auto' ? progress : isTerminal && ansi !== 'never' ? 'tty' : 'plain'
  if (kind === 'json') return createJsonRenderer(stderr, dryRun)
  if (kind === 'quiet') return createQuietRenderer()
  const style = await loadStyle(wantsColour(ansi, isTerminal))
  if (kind === 'plain') return createPlainRenderer(stderr, style, prefix)
  const { createListrRenderer } = await import('./listr.ts')
  return createListrRenderer(stderr, style, prefix)
}
