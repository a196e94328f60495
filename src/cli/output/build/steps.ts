/** The steps of all builds of a command, as their messages tell of them: the model behind the view on a terminal. */
import type { BuildMessage } from '../../../api/types/build.ts'
import { formatBytes } from '../../../units.ts'
import { cleanLine, createLineCutter, stepLabel, type LineCutter } from './text.ts'

/** How many of the last lines of a step are kept. */
const KEPT_LINES = 6

export type StepState = 'waiting' | 'running' | 'done' | 'cached' | 'failed' | 'canceled'

export interface Step {
  readonly label: string
  state: StepState
  startedAtMs: number | undefined
  endedAtMs: number | undefined
  readonly lines: string[]
  /** "transferring context" -> "1.2MB / 3MB" */
  readonly parts: Map<string, string>
  readonly cutter: LineCutter
}

export interface Steps {
  apply(build: string | undefined, message: BuildMessage): void
  /** In the order in which they began; those that wait are left out. */
  begun(): readonly Step[]
  /** What still runs was given up: nothing more is heard of it. */
  giveUp(nowMs: number): void
  counts(): { readonly ended: number; readonly known: number }
}

type Progress = Extract<BuildMessage, { readonly kind: 'progress' }>

/** "1.2MB / 3MB", "12 / 40 files" */
export function formatPart({ current, total, unit }: Progress): string {
  const one = (value: number): string => (unit === 'bytes' ? formatBytes(value) : String(value))
  const sum = total === undefined ? one(current) : `${one(current)} / ${one(total)}`
  return unit === 'files' ? `${sum} files` : sum
}

export function createSteps(): Steps {
  const known = new Map<string, Step>()
  const begun: Step[] = []

  function begin(step: Step, timeMs: number): void {
    if (step.startedAtMs !== undefined) return
    step.startedAtMs = timeMs
    step.state = 'running'
    begun.push(step)
  }

  function addLines(step: Step, lines: readonly string[]): void {
    step.lines.push(...lines.map(cleanLine).filter((line) => line.trim() !== ''))
    step.lines.splice(0, step.lines.length - KEPT_LINES)
  }

  return {
    apply(build, message) {
      if (!('id' in message) || message.id === undefined || message.kind === 'error') return
      const key = `${build ?? ''}\0${message.id}`
      const step = known.get(key)
      if (message.kind === 'step') {
        if (step === undefined) known.set(key, newStep(stepLabel(build, message.name)))
        return
      }
      if (step === undefined) return
      switch (message.kind) {
        case 'started':
          begin(step, message.timeMs)
          break
        case 'ended':
          begin(step, message.timeMs)
          step.endedAtMs = message.timeMs
          step.state = stateOf(message)
          break
        case 'output':
          addLines(step, step.cutter.push(message.data))
          break
        case 'progress':
          step.parts.set(cleanLine(message.part), formatPart(message))
          break
        default:
          message satisfies never
      }
    },
    begun: () => begun,
    giveUp(nowMs) {
      for (const step of begun)
        if (step.state === 'running') Object.assign(step, { state: 'canceled', endedAtMs: nowMs })
    },
    counts: () => ({ ended: begun.filter(({ endedAtMs }) => endedAtMs !== undefined).length, known: known.size }),
  }
}

function newStep(label: string): Step {
  return {
    label,
    state: 'waiting',
    startedAtMs: undefined,
    endedAtMs: undefined,
    lines: [],
    parts: new Map(),
    cutter: createLineCutter(),
  }
}

function stateOf({ cached, canceled, error }: Extract<BuildMessage, { readonly kind: 'ended' }>): StepState {
  if (canceled === true) return 'canceled'
  if (error !== undefined) return 'failed'
  return cached ? 'cached' : 'done'
}
