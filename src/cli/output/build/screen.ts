/**
 * Builds on a terminal: the frame is drawn over the last one several times a second. The cursor is never hidden, so there
 * is nothing to put back however the command ends.
 */
import type { BuildView } from '../../../project/build/view.ts'
import type { OutputStream } from '../../io.ts'
import type { Style } from '../style.ts'
import { formatFrame } from './frame.ts'
import { createSteps } from './steps.ts'
import { displayWidth } from './text.ts'
import { createWarnings, formatWarnings } from './warnings.ts'

const REDRAW_MS = 100
const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24

export interface BuildScreen extends BuildView {
  /** A line above the picture. */
  interject(text: string): void
}

export function createBuildScreen(stderr: OutputStream, style: Style, nowMs: () => number = Date.now): BuildScreen {
  const steps = createSteps()
  const warnings = createWarnings()
  const startedAtMs = nowMs()
  /** Widths of the lines that stand on the screen. */
  let drawn: readonly number[] = []
  let isClosed = false
  const timer = setInterval(() => draw(false), REDRAW_MS)
  const onResize = (): void => draw(false)
  stderr.on('resize', onResize)

  /** The way back to the first line: what a narrower terminal has wrapped takes more rows now. */
  function wayBack(): string {
    const columns = stderr.columns ?? DEFAULT_COLUMNS
    const rows = drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
    drawn = []
    return rows === 0 ? '' : `\u001B[${rows}A\r`
  }

  /**
   * `before`: lines that stay above the picture. Each line is cleared as it is written and the rest at the end: a screen
   * that is cleared from its first row would go into the scrollback (tmux) picture by picture.
   */
  function draw(finished: boolean, before: readonly string[] = []): void {
    if (isClosed) return
    const options = {
      nowMs: nowMs(),
      startedAtMs,
      columns: stderr.columns ?? DEFAULT_COLUMNS,
      rows: stderr.rows ?? DEFAULT_ROWS,
      finished,
    }
    const lines = steps.begun().length === 0 ? [] : formatFrame(steps, { ...options, style })
    if (lines.length === 0 && before.length === 0) return
    const back = wayBack()
    drawn = lines.map((line) => displayWidth(withoutColours(line)))
    stderr.write(`${back}${[...before, ...lines].map((line) => `${line}\u001B[K\n`).join('')}\u001B[J`)
  }

  return {
    message(build, message) {
      steps.apply(build, message)
      warnings.add(build, message)
    },
    interject(text) {
      draw(false, [text])
    },
    close() {
      if (!isClosed) {
        clearInterval(timer)
        stderr.off('resize', onResize)
        steps.giveUp(nowMs())
        draw(true)
        isClosed = true
        stderr.write(formatWarnings(warnings.all(), style))
      }
      return Promise.resolve()
    },
  }
}

function withoutColours(line: string): string {
  // oxlint-disable-next-line no-control-regex -- the colours of our own style
  return line.replaceAll(/\u001B\[[\d;]*m/g, '')
}
