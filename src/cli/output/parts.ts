/**
 * The layers of an image on their way: how far each is, how fast all of them come, and the lines that say so. A layer goes
 * through phases that count (downloading, extracting) and that overlap; the first one that is not complete is shown. PURE.
 */
import type { ProgressEvent } from '../../events.ts'
import { formatBytes } from '../../units.ts'
import { stripControls } from './controls.ts'

interface Count {
  readonly current: number
  readonly total: number
}

interface Part {
  readonly id: string
  event: ProgressEvent
  /** By the word for it, in the order in which they began. */
  readonly phases: Map<string, Count>
}

export interface Parts {
  apply(event: ProgressEvent, nowMs: number): void
  /** "[====>     ] 123MB/400MB 85.2MB/s"; "" while nothing counts. */
  summary(nowMs: number): string
  /** One line a layer, at most `limit`; those that are done are the first to be left out. `mark`: of an event. */
  lines(limit: number, mark: (event: ProgressEvent) => string): string[]
}

const BAR_CELLS = 20
/** A rate is that of the last seconds: an average over all would hide a connection that has become slow. */
const RATE_WINDOW_MS = 4_000

/** "[=====>              ]" */
export function formatBar({ current, total }: Count): string {
  const cells = total <= 0 ? 0 : Math.floor((Math.min(current, total) * BAR_CELLS) / total)
  const head = cells < BAR_CELLS ? '>' : ''
  return `[${'='.repeat(cells)}${head}`.padEnd(BAR_CELLS + 1).concat(']')
}

const ofBytes = ({ current, total }: Count): string => `${formatBytes(current)}/${formatBytes(total)}`

function sum(counts: readonly Count[]): Count {
  return {
    current: counts.reduce((all, { current }) => all + current, 0),
    total: counts.reduce((all, { total }) => all + total, 0),
  }
}

/** What is counted first is what is carried over the network. */
function transferOf({ phases }: Part): Count[] {
  const [first] = phases.values()
  return first === undefined ? [] : [first]
}

function shownPhase({ event, phases }: Part): [text: string, count: Count | undefined] {
  if (event.status !== 'working') return [event.text, undefined]
  const open = [...phases].find(([, { current, total }]) => current < total) ?? [...phases].at(-1)
  return open ?? [event.text, undefined]
}

export function createParts(): Parts {
  const parts = new Map<string, Part>()
  /** When how much had come, oldest first. */
  const samples: { readonly ms: number; readonly bytes: number }[] = []

  const transferred = (): Count => sum([...parts.values()].flatMap((part) => transferOf(part)))

  function takeSample(nowMs: number): void {
    samples.push({ ms: nowMs, bytes: transferred().current })
    while (nowMs - (samples[1]?.ms ?? nowMs) > RATE_WINDOW_MS) samples.shift()
  }

  function bytesPerSecond(nowMs: number): number {
    const [first] = samples
    const last = samples.at(-1)
    if (first === undefined || last === undefined || nowMs <= first.ms) return 0
    return ((last.bytes - first.bytes) * 1000) / (nowMs - first.ms)
  }

  return {
    apply(event, nowMs) {
      const part = parts.get(event.id) ?? { id: event.id, event, phases: new Map<string, Count>() }
      parts.set(event.id, part)
      part.event = event
      if (event.total === undefined) return
      part.phases.set(event.text, { current: event.current ?? 0, total: event.total })
      takeSample(nowMs)
    },
    summary(nowMs) {
      const transfer = transferred()
      if (transfer.total === 0) return ''
      const phases = Math.max(...Array.from(parts.values(), (part) => part.phases.size))
      const { current } = sum([...parts.values()].flatMap((part) => [...part.phases.values()]))
      const bar = formatBar({ current, total: transfer.total * phases })
      const rate = transfer.current < transfer.total ? bytesPerSecond(nowMs) : 0
      return `${bar} ${ofBytes(transfer)}${rate > 0 ? ` ${formatBytes(rate)}/s` : ''}`
    },
    lines(limit, mark) {
      const all = [...parts.values()]
      const open = all.filter(({ event }) => event.status === 'working')
      const fitting = all.length <= limit ? all : open.slice(0, Math.max(0, limit - 1))
      const texts = fitting.map((part) => shownPhase(part))
      const width = Math.max(0, ...texts.map(([text]) => text.length))
      const lines = fitting.map(({ id, event }, index) => {
        const [text = '', count] = texts[index] ?? []
        const bar = count === undefined ? '' : ` ${formatBar(count)} ${ofBytes(count)}`
        return `  ${mark(event)} ${stripControls(`${id} ${count === undefined ? text : text.padEnd(width)}`)}${bar}`
      })
      const left = all.length - fitting.length
      return left > 0 && limit > 0 ? [...lines, `    and ${left} more`] : lines
    },
  }
}
