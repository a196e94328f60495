/**
 * Builds as lines, as BuildKit prints them with --progress=plain:
 *   #5 [web 2/5] RUN npm ci
 *   #5 1.234 added 12 packages
 *   #5 DONE 2.1s
 * Steps that run side by side take turns: what the others say waits until the present one ends or has been silent.
 */
import type { BuildMessage } from '../../../api/types/build.ts'
import type { BuildView } from '../../../project/build/view.ts'
import type { OutputStream } from '../../io.ts'
import type { Style } from '../style.ts'
import { formatPart } from './steps.ts'
import { cleanLine, createLineCutter, formatSeconds, stepLabel, type LineCutter } from './text.ts'
import { createWarnings, formatWarnings } from './warnings.ts'

/** How long a step may be silent while others wait, and how long it may talk. */
const SILENCE_MS = 3000
const TURN_MS = 10_000

interface PlainStep {
  readonly label: string
  number: number | undefined
  startedAtMs: number
  isEnded: boolean
  /** Lines that wait for their turn. */
  waiting: string[]
  readonly cutter: LineCutter
  readonly parts: Map<string, string>
}

type Ended = Extract<BuildMessage, { readonly kind: 'ended' }>

export function createPlainBuildView(stderr: OutputStream, style: Style, nowMs: () => number = Date.now): BuildView {
  const steps = new Map<string, PlainStep>()
  const warnings = createWarnings()
  /** Begun and not told to the end, oldest first. */
  const queue: PlainStep[] = []
  let current: PlainStep | undefined
  let turnBeganMs = 0
  let lastSaidMs = 0
  let count = 0

  function write(step: PlainStep, line: string): void {
    stderr.write(`#${step.number} ${line}`.trimEnd().concat('\n'))
  }

  function take(step: PlainStep): void {
    if (current !== undefined) stderr.write(`#${current.number} ...\n\n`)
    current = step
    step.number ??= count += 1
    write(step, step.label)
    turnBeganMs = nowMs()
  }

  /** Tells what waits of the present step; goes on to the next when it has ended. */
  function flush(): void {
    for (;;) {
      if (current === undefined) {
        const next = queue[0]
        if (next === undefined) return
        take(next)
      }
      const step = current
      if (step === undefined) return
      if (step.waiting.length > 0) lastSaidMs = nowMs()
      for (const line of step.waiting) write(step, line)
      step.waiting = []
      if (!step.isEnded) return
      stderr.write('\n')
      queue.splice(queue.indexOf(step), 1)
      current = undefined
    }
  }

  /** The one that has waited longest gets its turn when the present one is silent, or has talked for long. */
  function takeTurns(): void {
    const now = nowMs()
    if (current === undefined || (now - lastSaidMs < SILENCE_MS && now - turnBeganMs < TURN_MS)) return
    const next = queue.find((step) => step !== current && step.waiting.length > 0)
    if (next === undefined) return
    queue.splice(queue.indexOf(next), 1)
    queue.unshift(next)
    take(next)
  }

  function begin(step: PlainStep, timeMs: number): void {
    if (queue.includes(step) || step.isEnded) return
    step.startedAtMs = timeMs
    queue.push(step)
  }

  function say(step: PlainStep, lines: readonly string[]): void {
    const seconds = Math.max(0, (nowMs() - step.startedAtMs) / 1000).toFixed(3)
    step.waiting.push(...lines.map((line) => `${seconds} ${cleanLine(line)}`))
  }

  function end(step: PlainStep, message: Ended): void {
    begin(step, message.timeMs)
    say(step, step.cutter.end())
    for (const [part, amount] of step.parts) step.waiting.push(`${part}: ${amount} done`)
    step.waiting.push(endLine(step, message))
    step.isEnded = true
  }

  return {
    message(build, message) {
      warnings.add(build, message)
      if (!('id' in message) || message.id === undefined || message.kind === 'error') return
      const key = `${build ?? ''}\0${message.id}`
      if (message.kind === 'step') {
        if (!steps.has(key)) steps.set(key, newStep(stepLabel(build, message.name)))
        return
      }
      const step = steps.get(key)
      if (step === undefined || step.isEnded) return
      if (message.kind === 'started') begin(step, message.timeMs)
      else if (message.kind === 'ended') end(step, message)
      else if (message.kind === 'output') say(step, step.cutter.push(message.data))
      else step.parts.set(cleanLine(message.part), formatPart(message))
      takeTurns()
      flush()
    },
    close() {
      // nothing more is heard of what was given up
      for (const step of queue) {
        if (!step.isEnded) step.waiting.push('CANCELED')
        step.isEnded = true
      }
      flush()
      stderr.write(formatWarnings(warnings.all(), style))
      return Promise.resolve()
    },
  }
}

function newStep(label: string): PlainStep {
  return {
    label,
    number: undefined,
    startedAtMs: 0,
    isEnded: false,
    waiting: [],
    cutter: createLineCutter(),
    parts: new Map(),
  }
}

function endLine({ startedAtMs }: PlainStep, { timeMs, cached, error, canceled }: Ended): string {
  if (canceled === true) return 'CANCELED'
  if (error !== undefined) return `ERROR: ${cleanLine(error)}`
  return cached ? 'CACHED' : `DONE ${formatSeconds(timeMs - startedAtMs)}`
}
