/**
 * Messages of a build as the stream of docker's classic builder: "Step 2/5 : RUN ...", output, " ---> id", at the end the
 * image. Steps that run side by side are told one after the other. PURE but for the sink. Source: Docker Engine API; what
 * docker's CLI and testcontainers look for ("Successfully built", the aux message with the ID).
 */
import type { BuildMessage } from '../types/build.ts'
import type { ProgressMessage } from '../types/index.ts'

export interface ClassicOutput {
  message(message: BuildMessage): void
  /** What went wrong beside the build; told once. */
  fail(message: string): void
}

interface Step {
  /** "RUN npm ci"; undefined for what the classic builder knows nothing of. */
  readonly instruction: string | undefined
  began: boolean
  ended: boolean
  /** What it has said and that nobody has seen. */
  waiting: ProgressMessage[]
}

/** "[web 2/5] RUN x" is "RUN x"; others ("[internal] ...", "exporting") are no instructions. */
function instructionOf(name: string): string | undefined {
  return /^\[(?:[^\]]* )?\d+\/\d+\] (.*)$/s.exec(name)?.[1]
}

const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12)

export function createClassicOutput(
  tell: (message: ProgressMessage) => void,
  { quiet }: { readonly quiet: boolean },
): ClassicOutput {
  const steps = new Map<string, Step>()
  const queue: Step[] = []
  let told = 0
  let isOver = false
  const say = (text: string): void => tell({ stream: text })

  function flush(): void {
    for (let step = queue[0]; step !== undefined; step = queue[0]) {
      if (!step.began) {
        step.began = true
        told += 1
        const count = [...steps.values()].filter(({ instruction }) => instruction !== undefined).length
        if (!quiet) say(`Step ${told}/${count} : ${step.instruction}\n`)
      }
      for (const message of step.waiting) if (!quiet) tell(message)
      step.waiting = []
      if (!step.ended) return
      queue.shift()
    }
  }

  function begin(step: Step): void {
    if (step.instruction !== undefined && !step.began && !step.ended && !queue.includes(step)) queue.push(step)
  }

  function finish(): void {
    for (const step of queue) step.ended = true
    flush()
    isOver = true
  }

  function failed(message: string, code: number): void {
    if (isOver) return
    finish()
    tell({ errorDetail: { code, message }, error: message })
  }

  function done({ imageId, tags }: Extract<BuildMessage, { readonly kind: 'result' }>): void {
    finish()
    if (imageId === undefined) return
    tell({ aux: { ID: imageId } })
    if (quiet) say(`${imageId}\n`)
    else {
      say(`Successfully built ${shortId(imageId)}\n`)
      for (const tag of tags) say(`Successfully tagged ${tag}\n`)
    }
  }

  return {
    message(message) {
      if (isOver) return
      switch (message.kind) {
        case 'step':
          if (!steps.has(message.id))
            steps.set(message.id, {
              instruction: instructionOf(message.name),
              began: false,
              ended: false,
              waiting: [],
            })
          return
        case 'result':
          return done(message)
        case 'error':
          return failed(message.message, message.exitCode ?? 1)
        case 'warning':
          if (!quiet) say(`[Warning] ${message.message}\n`)
          return
        case 'started':
        case 'ended':
        case 'output':
        case 'progress':
          break
        default:
          return message satisfies never
      }
      const step = steps.get(message.id)
      if (step === undefined || step.ended) return
      if (message.kind === 'started' || message.kind === 'ended') begin(step)
      if (message.kind === 'output') step.waiting.push({ stream: message.data })
      if (message.kind === 'ended') {
        if (message.cached) step.waiting.push({ stream: ' ---> Using cache\n' })
        step.ended = true
      }
      flush()
    },
    fail: (message) => failed(message, 1),
  }
}
