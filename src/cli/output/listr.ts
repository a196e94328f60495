/**
 * The live list on a terminal, drawn by listr2 on standard error:
 *   [+] Running 2/3
 *    ✔ Network p_default     Created  0.1s
 *    ⠙ Container p-web-1     Starting 0.3s
 * listr2 wants its tasks beforehand while resources turn up as events, so the list is one task whose title is the
 * whole frame; listr2 does the rest: redrawing, cutting to the terminal's width, cursor, what others write meanwhile.
 */
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput, Spinner } from 'listr2'
import type { NoticeEvent } from '../../events.ts'
import type { OutputStream } from '../io.ts'
import type { BuildScreen } from './build/screen.ts'
import { stripControls } from './controls.ts'
import { createFrame, type Frame } from './frame.ts'
import { createPlainRenderer } from './plain.ts'
import type { ProgressRenderer } from './renderer.ts'
import type { Style } from './style.ts'

const REDRAW_MS = 80
const DEFAULT_ROWS = 24
/** In the last frame of a command that was canceled or failed. */
const UNFINISHED = '-'

/** listr2 looks at standard output to decide; we draw on standard error. */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true as never
}

export function createListrRenderer(stderr: OutputStream, style: Style, prefix = ''): ProgressRenderer {
  let view: View | undefined
  const present = (): View => (view ??= openView(stderr, style, prefix))
  const lines = createPlainRenderer(stderr, style, prefix)
  let redraws = true
  let builds: BuildScreen | undefined
  async function settle(): Promise<void> {
    const closing = view
    view = undefined
    await closing?.close()
    await builds?.close()
    builds = undefined
  }
  return {
    progress(event) {
      // the steps of the build show it
      if (event.text === 'Building') return
      if (redraws) present().frame.apply(event, Date.now())
      else lines.progress(event)
    },
    notice(event) {
      if (builds !== undefined) builds.interject(noticeLine(event, style))
      else if (view === undefined) lines.notice(event)
      else view.frame.notice(event)
    },
    oneLinePerEvent() {
      redraws = false
    },
    async openBuildView() {
      await settle()
      const { createBuildScreen } = await import('./build/screen.ts')
      const screen = createBuildScreen(stderr, style)
      builds = screen
      return { ...screen, close: settle }
    },
    settle,
  }
}

function noticeLine({ level, text }: NoticeEvent, style: Style): string {
  return `${level === 'warning' ? `${style.yellow('warning:')} ` : ''}${stripControls(text)}`
}

interface View {
  readonly frame: Frame
  close(): Promise<void>
}

function openView(stderr: OutputStream, style: Style, prefix: string): View {
  const frame = createFrame(prefix)
  const ended = Promise.withResolvers<undefined>()
  const spinner = new Spinner()
  // the header and the line below it, where the cursor stands
  const rows = (): number => (stderr.rows ?? DEFAULT_ROWS) - 2
  const title = (mark = spinner.fetch()): string => frame.format(Date.now(), mark, style, rows())
  const terminal = stderr as unknown as NodeJS.WriteStream
  const output = new ProcessOutput(terminal, terminal, { leaveEmptyLine: false })
  const header = style.enabled ? style.blue('[+]') : '[+]'
  const plain = (text?: string): string => text ?? ''
  const listr = new Listr(
    [
      {
        title: 'Running',
        task: async (_context, task) => {
          task.title = title()
          const timer = setInterval(() => {
            spinner.spin()
            task.title = title()
          }, REDRAW_MS)
          await ended.promise
          clearInterval(timer)
          task.title = title(UNFINISHED) // a spinner that stands still looks like a command that hangs
        },
      },
    ],
    {
      renderer: StderrRenderer,
      rendererOptions: {
        lazy: true,
        indentation: 1,
        formatOutput: 'truncate',
        icon: { WAITING: header, PENDING: header, COMPLETED: header },
        color: { WAITING: plain, PENDING: plain, COMPLETED: plain },
        logger: new ListrLogger({ useIcons: true, toStderr: [], processOutput: output }),
      } as never,
      registerSignalListeners: false,
    },
  )
  const running = listr.run()
  return {
    frame,
    async close() {
      ended.resolve(undefined)
      await running
    },
  }
}
