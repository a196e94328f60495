/**
 * One picture of the builds on a terminal, as BuildKit draws it. Pure.
 *   [+] Building 3.2s (7/12)
 *    => CACHED [2/5] RUN apt-get update                    0.0s
 *    => [3/5] RUN npm ci                                   2.1s
 *    => => # added 12 packages
 */
import type { Style } from '../style.ts'
import type { Step, Steps } from './steps.ts'
import { displayWidth, formatSeconds, truncate } from './text.ts'

export interface FrameOptions {
  readonly nowMs: number
  readonly startedAtMs: number
  readonly columns: number
  /** Of the terminal; Infinity: all is shown. */
  readonly rows: number
  readonly finished: boolean
  readonly style: Style
}

/** Most lines of output that a running step shows. */
const OUTPUT_LINES = 6

export function formatFrame(steps: Steps, options: FrameOptions): string[] {
  const { nowMs, startedAtMs, columns, finished, style } = options
  const { ended, known } = steps.counts()
  const header = `[+] Building ${formatSeconds(nowMs - startedAtMs)} (${ended}/${known})${finished ? ' FINISHED' : ''}`
  const lines = fit(steps.begun(), options).flatMap(([step, outputs]) => [
    stepLine(step, options),
    ...partLines(step, options),
    ...step.lines.slice(step.lines.length - outputs).map((line) => truncate(` => => # ${line}`, columns - 1)),
  ])
  return [truncate(header, columns - 1), ...lines.map((line) => (line.startsWith(' => => #') ? style.dim(line) : line))]
}

/** Which steps there is room for, with how many lines of output each: running ones first, then the latest. */
function fit(begun: readonly Step[], { rows, finished }: FrameOptions): (readonly [Step, number])[] {
  if (finished || rows === Infinity) return begun.map((step) => [step, 0])
  const room = Math.max(3, rows - 2)
  const running = begun.filter(({ state }) => state === 'running')
  let outputs = OUTPUT_LINES
  const height = (step: Step): number =>
    1 + step.parts.size + (step.state === 'running' ? Math.min(outputs, step.lines.length) : 0)
  const taken = (): number => running.reduce((sum, step) => sum + height(step), 0)
  while (outputs > 0 && taken() > room) outputs -= 1
  const shown = new Set<Step>()
  let left = room
  for (const step of [...running, ...begun.filter(({ state }) => state !== 'running').toReversed()]) {
    if (height(step) > left) break
    left -= height(step)
    shown.add(step)
  }
  return begun
    .filter((step) => shown.has(step))
    .map((step) => [step, step.state === 'running' ? Math.min(outputs, step.lines.length) : 0])
}

function stepLine(step: Step, { nowMs, columns, style }: FrameOptions): string {
  const { startedAtMs = nowMs, endedAtMs, state, label } = step
  const time = formatSeconds((endedAtMs ?? nowMs) - startedAtMs)
  const word = { cached: 'CACHED ', failed: 'ERROR ', canceled: 'CANCELED ', waiting: '', running: '', done: '' }[state]
  const room = columns - 1 - time.length - 1
  const text = truncate(` => ${word}${label}`, room)
  const line = `${text}${' '.repeat(Math.max(1, room - displayWidth(text) + 1))}${time}`
  switch (state) {
    case 'failed':
      return style.red(line)
    case 'canceled':
      return style.yellow(line)
    case 'cached':
    case 'done':
      return style.blue(line)
    case 'running':
    case 'waiting':
      return line
    default:
      return state satisfies never
  }
}

/** What is within a step: bytes of a layer that is pulled, files of a context. */
function partLines(step: Step, { columns, style }: FrameOptions): string[] {
  const lines = Array.from(step.parts, ([part, amount]) => truncate(` => => ${part}: ${amount}`, columns - 1))
  return step.state === 'running' ? lines : lines.map((line) => style.blue(line))
}
