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
  function erase(): string {
    const columns = stderr.columns ?? DEFAULT_COLUMNS
    const rows = drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
    drawn = []
    return rows === 0 ? '' : `\u001B[${rows}A\r\u001B[J`
  }

  function draw(finished: boolean): void {
    if (isClosed || (!finished && steps.begun().length === 0)) return
    const options = {
      nowMs: nowMs(),
      startedAtMs,
      columns: stderr.columns ?? DEFAULT_COLUMNS,
      rows: stderr.rows ?? DEFAULT_ROWS,
      finished,
    }
    const back = erase()
    const lines = formatFrame(steps, { ...options, style })
    drawn = lines.map((line) => displayWidth(withoutColours(line)))
    stderr.write(`${back}${lines.map((line) => `${line}\n`).join('')}`)
  }

  return {
    message(build, message) {
      steps.apply(build, message)
      warnings.add(build, message)
    },
    interject(text) {
      stderr.write(`${erase()}${text}\n`)
      draw(false)
    },
    close() {
      if (!isClosed) {
        clearInterval(timer)
        stderr.off('resize', onResize)
        if (steps.begun().length > 0) draw(true)
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
