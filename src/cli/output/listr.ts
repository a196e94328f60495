/**
 * The live list on a terminal, drawn by listr2 on standard error:
 *   [+] Running 2/3
 *    ✔ Network p_default     Created  0.1s
 *    ⠙ Container p-web-1     Starting 0.3s
 * listr2 wants its tasks beforehand while resources turn up as events, so the list is one task whose title is the
 * whole frame; listr2 does the rest: redrawing, cutting to the terminal's width, cursor, what others write meanwhile.
 */
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput, Spinner, figures } from 'listr2'
import type { NoticeEvent, ProgressEvent, ProgressStatus } from '../../events.ts'
import { formatBytes } from '../../units.ts'
import type { OutputStream } from '../io.ts'
import { stripControls } from './error.ts'
import { createPlainRenderer } from './plain.ts'
import type { ProgressRenderer } from './renderer.ts'
import type { Style } from './style.ts'

const REDRAW_MS = 80
/** In the last frame of a command that was canceled or failed. */
const UNFINISHED = '-'

/** What one resource shows, with the times of its first and last event. */
interface Row {
  event: ProgressEvent
  readonly startedAtMs: number
  endedAtMs: number | undefined
  /** Bytes of parts (layers of an image) by id. */
  readonly parts: Map<string, readonly [current: number, total: number]>
}

/** The rows of one view; pure but for the clock that is handed in. */
export interface Frame {
  apply(event: ProgressEvent, nowMs: number): void
  notice(event: NoticeEvent): void
  /** "Running 1/2" and a line for each resource. */
  format(nowMs: number, spinner: string, style: Style): string
}

export function createFrame(prefix = ''): Frame {
  const rows = new Map<string, Row>()
  const notices = new Set<string>()
  return {
    apply(event, nowMs) {
      const parent = event.parentId === undefined ? undefined : rows.get(event.parentId)
      if (parent !== undefined) {
        if (event.total !== undefined) parent.parts.set(event.id, [event.current ?? 0, event.total])
        return
      }
      const row = rows.get(event.id)
      const endedAtMs = event.status === 'working' ? undefined : nowMs
      if (row === undefined) rows.set(event.id, { event, startedAtMs: nowMs, endedAtMs, parts: new Map() })
      else Object.assign(row, { event, endedAtMs })
    },
    notice: ({ text }) => void notices.add(stripControls(text)),
    format(nowMs, spinner, style) {
      const all = [...rows.values()]
      const done = all.filter(({ event }) => event.status === 'done').length
      const idWidth = Math.max(0, ...all.map(({ event }) => event.id.length))
      const textWidth = Math.max(0, ...all.map((row) => textOf(row).length))
      const lines = all.map((row) => {
        const { event, startedAtMs, endedAtMs } = row
        const seconds = (((endedAtMs ?? nowMs) - startedAtMs) / 1000).toFixed(1)
        const cells = `${prefix}${event.id.padEnd(idWidth)} ${textOf(row).padEnd(textWidth)}`
        const details = event.details === undefined ? '' : ` ${stripControls(event.details)}`
        return `${mark(event, spinner, style)} ${stripControls(cells)} ${style.blue(`${seconds}s`)}${details}`
      })
      const warnings = Array.from(notices, (text) => `${style.yellow('!')} ${text}`)
      return [`Running ${done}/${all.length}`, ...warnings, ...lines].join('\n')
    },
  }
}

function textOf({ event, parts }: Row): string {
  const sizes = [...parts.values(), ...(event.total === undefined ? [] : [[event.current ?? 0, event.total] as const])]
  const sum = (index: 0 | 1): string => formatBytes(sizes.reduce((total, size) => total + size[index], 0))
  const bytes = sizes.length > 0 && event.status === 'working' ? ` ${sum(0)}/${sum(1)}` : ''
  return `${event.text}${bytes}`
}

function mark({ status }: ProgressEvent, spinner: string, style: Style): string {
  const marks: Readonly<Record<ProgressStatus, string>> = {
    working: style.yellow(spinner),
    done: style.green(figures.tick),
    warning: style.yellow('!'),
    error: style.red(figures.cross),
  }
  return marks[status]
}

/** listr2 looks at standard output to decide; we draw on standard error. */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true as never
}

export function createListrRenderer(stderr: OutputStream, style: Style, prefix = ''): ProgressRenderer {
  let view: View | undefined
  const present = (): View => (view ??= openView(stderr, style, prefix))
  const lines = createPlainRenderer(stderr, style, prefix)
  let redraws = true
  return {
    progress(event) {
      if (redraws) present().frame.apply(event, Date.now())
      else lines.progress(event)
    },
    notice(event) {
      if (view === undefined) lines.notice(event)
      else view.frame.notice(event)
    },
    oneLinePerEvent() {
      redraws = false
    },
    async settle() {
      const closing = view
      view = undefined
      await closing?.close()
    },
  }
}

interface View {
  readonly frame: Frame
  close(): Promise<void>
}

function openView(stderr: OutputStream, style: Style, prefix: string): View {
  const frame = createFrame(prefix)
  const ended = Promise.withResolvers<undefined>()
  const spinner = new Spinner()
  const title = (mark = spinner.fetch()): string => frame.format(Date.now(), mark, style)
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
