/**
 * What the live list shows at one moment: a line for each resource, and below an image that is on its way one for each of
 * its layers, as far as the terminal has lines for them. PURE but for the clock that is handed in.
 */
import { figures } from 'listr2'
import type { NoticeEvent, ProgressEvent, ProgressStatus } from '../../events.ts'
import { formatBytes } from '../../units.ts'
import { stripControls } from './controls.ts'
import { createParts, type Parts } from './parts.ts'
import type { Style } from './style.ts'

/** What one resource shows, with the times of its first and last event. */
interface Row {
  event: ProgressEvent
  readonly startedAtMs: number
  endedAtMs: number | undefined
  readonly parts: Parts
}

export interface Frame {
  apply(event: ProgressEvent, nowMs: number): void
  notice(event: NoticeEvent): void
  /** "Running 1/2" and what is below it, `maxLines` in all if the resources themselves leave room. */
  format(nowMs: number, spinner: string, style: Style, maxLines: number): string
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

function textOf({ event, parts }: Row, nowMs: number): string {
  if (event.status !== 'working') return event.text
  if (event.total !== undefined) return `${event.text} ${formatBytes(event.current ?? 0)}/${formatBytes(event.total)}`
  const summary = parts.summary(nowMs)
  return summary === '' ? event.text : `${event.text} ${summary}`
}

export function createFrame(prefix = ''): Frame {
  const rows = new Map<string, Row>()
  const notices = new Set<string>()
  return {
    apply(event, nowMs) {
      const parent = event.parentId === undefined ? undefined : rows.get(event.parentId)
      if (parent !== undefined) {
        parent.parts.apply(event, nowMs)
        return
      }
      const row = rows.get(event.id)
      const endedAtMs = event.status === 'working' ? undefined : nowMs
      if (row === undefined) rows.set(event.id, { event, startedAtMs: nowMs, endedAtMs, parts: createParts() })
      else Object.assign(row, { event, endedAtMs })
    },
    notice: ({ text }) => void notices.add(stripControls(text)),
    format(nowMs, spinner, style, maxLines) {
      const all = [...rows.values()]
      const done = all.filter(({ event }) => event.status === 'done').length
      const idWidth = Math.max(0, ...all.map(({ event }) => event.id.length))
      const texts = all.map((row) => textOf(row, nowMs))
      const textWidth = Math.max(0, ...texts.map(({ length }) => length))
      let room = maxLines - 1 - notices.size - all.length
      const lines = all.flatMap((row, index) => {
        const { event, startedAtMs, endedAtMs, parts } = row
        const seconds = ((event.elapsedMs ?? (endedAtMs ?? nowMs) - startedAtMs) / 1000).toFixed(1)
        const cells = `${prefix}${event.id.padEnd(idWidth)} ${(texts[index] ?? '').padEnd(textWidth)}`
        const details = event.details === undefined ? '' : ` ${stripControls(event.details)}`
        const line = `${mark(event, spinner, style)} ${stripControls(cells)} ${style.blue(`${seconds}s`)}${details}`
        // once the image is there nobody asks for its layers
        const below = event.status === 'working' ? parts.lines(room, (part) => mark(part, spinner, style)) : []
        room -= below.length
        return [line, ...below]
      })
      const warnings = Array.from(notices, (text) => `${style.yellow('!')} ${text}`)
      return [`Running ${done}/${all.length}`, ...warnings, ...lines].join('\n')
    },
  }
}
